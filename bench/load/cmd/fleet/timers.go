package main

import "container/heap"

// What a timer is for.
const (
	timerConnect = iota
	timerDeadline
	timerReport
	timerSilence
)

// timer is due at a time; it is void when the sidecar's connection has become another one meanwhile, so that none is ever taken out.
type timer struct {
	at      int64
	of      *sidecar
	kind    uint8
	attempt uint32
}

type timers []timer

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at < t[j].at }
func (t timers) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *timers) Push(x any)        { *t = append(*t, x.(timer)) }
func (t *timers) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	*t = (*t)[:last]
	return x
}

func (t *timers) add(x timer) { heap.Push(t, x) }

// due takes out the next timer whose time has come.
func (t *timers) due(now int64) (timer, bool) {
	if len(*t) == 0 || (*t)[0].at > now {
		return timer{}, false
	}
	return heap.Pop(t).(timer), true
}
