/**
 * Scripts by which shells complete the command line. Each holds what there is as tables of its own, so that a key press starts no
 * program; only names of routes and of their variants are asked for, of a service that is named, for a second at most.
 *
 * In a clone the program is `npx contender`. bash and fish complete that too; bash only where nobody else completes npx. For zsh the help
 * says how to make a function of it. npx is told not to install anything: at the press of a key nobody can be asked.
 */
import type { CommandNode, Value } from "./command-tree.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** The line of `contender route list --json` that has a route's name; nothing else in it is called so. */
const nameLine = `s/^ *"name": "\\([^"]*\\)".*/\\1/p`;

/** Of `contender route get NAME --json`, the same of its variants; they stand there once with a share, and once in the table. */
const variantLine = `s/^ *"variant": "\\([^"]*\\)".*/\\1/p`;

export function completionScript(shell: Shell, tree: readonly CommandNode[]): string {
  const script = { bash: bashScript, zsh: zshScript, fish: fishScript }[shell];
  return script(tree);
}

/** `word word`, or `@file`: a name in front of which no word can have an at sign. */
const valueText = (value: Value): string => (typeof value === "string" ? `@${value}` : value.join(" "));

/** Tables as bash and zsh have them: functions that set REPLY. */
function shTables(tree: readonly CommandNode[]): string {
  const rows = (row: (node: CommandNode) => string[]): string =>
    tree
      .flatMap(row)
      .map((line) => `    ${line} ;;\n`)
      .join("");
  const set = (key: string, text: string): string => `"${key}") REPLY="${text}"`;
  return `_contender_commands() {
  REPLY=""
  case "$1" in
${rows(({ path, commands }) => (commands.length === 0 ? [] : [set(path, commands.join(" "))]))}  esac
}
_contender_flags() {
  REPLY=""
  case "$1" in
${rows(({ path, flags }) => [set(path, flags.map(({ name }) => name).join(" "))])}  esac
}
# What a flag takes; nothing where it takes no value.
_contender_takes() {
  REPLY=""
  case "$1 $2" in
${rows(({ path, flags }) =>
  flags.flatMap(({ name, value }) => (value === undefined ? [] : [set(`${path} ${name}`, valueText(value))])),
)}  esac
}
# What stands at a place after the command.
_contender_place() {
  REPLY=""
  case "$1 $2" in
${rows(({ path, values, endless }) =>
  values.map((value, at) => {
    const row = set(`${path} ${at}`, valueText(value));
    return endless && at === values.length - 1 ? row.replace(`${at}"`, `"*`) : row;
  }),
)}  esac
}
# Of a service that is named; the program is what was typed, maybe by npx.
_contender_routes() {
  [ -n "$CONTENDER_CONTROL" ] || return 0
  "$@" route list --json --timeout 1s 2>/dev/null </dev/null | sed -n '${nameLine}'
}
_contender_variants() {
  [ -n "$CONTENDER_CONTROL" ] && [ -n "$1" ] || return 0
  local route="$1"
  shift
  "$@" route get "$route" --json --timeout 1s 2>/dev/null </dev/null | sed -n '${variantLine}' | sort -u
}
`;
}

function bashScript(tree: readonly CommandNode[]): string {
  return `# Completion of contender for bash: source <(contender completion bash)
${shTables(tree)}_contender() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD - 1]}" at=contender place=0 first="" i word REPLY
  local -a program=("\${COMP_WORDS[0]}")
  if [[ $1 == npx ]]; then program=(npx --no contender); fi
  COMPREPLY=()
  # bash parts words at "=", too.
  if [[ $cur == "=" ]]; then
    cur=""
  elif [[ $prev == "=" ]]; then
    prev="\${COMP_WORDS[COMP_CWORD - 2]}"
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    if [[ $word == -* && \${COMP_WORDS[i + 1]} == "=" ]]; then
      ((i += 2))
    elif [[ $word == "=" ]]; then
      # What follows goes on with the word before.
      ((place--))
    elif [[ $word == -?* ]]; then
      _contender_takes "$at" "$word"
      if [[ $REPLY == @optional && \${COMP_WORDS[i + 1]} == -* ]]; then REPLY=""; fi
      if [[ -n $REPLY ]]; then ((i++)); fi
    else
      _contender_commands "$at"
      if [[ " $REPLY " == *" $word "* ]]; then
        at="$at $word"
      else
        first="\${first:-$word}"
        ((place++))
      fi
    fi
  done
  REPLY=""
  if [[ $prev == -* ]]; then _contender_takes "$at" "$prev"; fi
  if [[ $REPLY == @optional && $cur == -* ]]; then REPLY=""; fi
  if [[ -z $REPLY && $cur == -* ]]; then _contender_flags "$at"; fi
  if [[ -z $REPLY ]]; then _contender_commands "$at"; fi
  if [[ -z $REPLY ]]; then _contender_place "$at" "$place"; fi
  case "$REPLY" in
    @file)
      compopt -o filenames 2>/dev/null
      while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$cur")
      ;;
    @route) COMPREPLY=($(compgen -W "$(_contender_routes "\${program[@]}")" -- "$cur")) ;;
    @weights)
      compopt -o nospace 2>/dev/null
      word=""
      if [[ $cur == *,* ]]; then word="\${cur%,*},"; fi
      COMPREPLY=($(compgen -P "$word" -S = -W "$(_contender_variants "$first" "\${program[@]}")" -- "\${cur##*,}"))
      ;;
    @*) ;;
    *) COMPREPLY=($(compgen -W "$REPLY" -- "$cur")) ;;
  esac
}
complete -F _contender contender
_contender_npx() {
  local i=1
  COMPREPLY=()
  while [[ $i -lt $COMP_CWORD && \${COMP_WORDS[i]} == -* ]]; do ((i++)); done
  if [[ $i -ge $COMP_CWORD || \${COMP_WORDS[i]} != contender ]]; then return; fi
  local -a words=("\${COMP_WORDS[@]:i}")
  local COMP_CWORD=$((COMP_CWORD - i))
  local -a COMP_WORDS=("\${words[@]}")
  _contender npx
}
complete -p npx >/dev/null 2>&1 || complete -o default -F _contender_npx npx
`;
}

function zshScript(tree: readonly CommandNode[]): string {
  return `#compdef contender
# Completion of contender for zsh: contender completion zsh > "\${fpath[1]}/_contender"
${shTables(tree)}_contender() {
  local cur="\${words[CURRENT]}" prev="\${words[CURRENT - 1]}" at=contender place=0 first="" i word REPLY
  if [[ $cur == --*=* ]]; then
    prev="\${cur%%=*}"
    cur="\${cur#*=}"
    compset -P '*='
  fi
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
    if [[ $word == --*=* ]]; then
      continue
    elif [[ $word == -?* ]]; then
      _contender_takes "$at" "$word"
      if [[ $REPLY == @optional && \${words[i + 1]} == -* ]]; then REPLY=""; fi
      if [[ -n $REPLY ]]; then ((i++)); fi
    else
      _contender_commands "$at"
      if [[ " $REPLY " == *" $word "* ]]; then
        at="$at $word"
      else
        first="\${first:-$word}"
        ((place++))
      fi
    fi
  done
  REPLY=""
  if [[ $prev == -* ]]; then _contender_takes "$at" "$prev"; fi
  if [[ $REPLY == @optional && $cur == -* ]]; then REPLY=""; fi
  if [[ -z $REPLY && $cur == -* ]]; then _contender_flags "$at"; fi
  if [[ -z $REPLY ]]; then _contender_commands "$at"; fi
  if [[ -z $REPLY ]]; then _contender_place "$at" "$place"; fi
  case "$REPLY" in
    @file) _files ;;
    @route) compadd -- $(_contender_routes "\${words[1]}") ;;
    @weights)
      compset -P '*,'
      compadd -S = -- $(_contender_variants "$first" "\${words[1]}")
      ;;
    @*) ;;
    *) compadd -- \${=REPLY} ;;
  esac
}
if [ "\${funcstack[1]}" = _contender ]; then _contender "$@"; else compdef _contender contender; fi
`;
}

function fishScript(tree: readonly CommandNode[]): string {
  const rows = (row: (node: CommandNode) => (readonly [string, string])[]): string =>
    tree
      .flatMap(row)
      .map(([key, words]) => `        case ${key}\n            string split -- ' ' '${words}'\n`)
      .join("");
  return `# Completion of contender for fish: contender completion fish > ~/.config/fish/completions/contender.fish
function __contender_commands
    switch "$argv[1]"
${rows(({ path, commands }) => (commands.length === 0 ? [] : [[`'${path}'`, commands.join(" ")]]))}    end
end
function __contender_flags
    switch "$argv[1]"
${rows(({ path, flags }) => [[`'${path}'`, flags.map(({ name }) => name).join(" ")]])}    end
end
function __contender_takes
    switch "$argv[1] $argv[2]"
${rows(({ path, flags }) =>
  flags.flatMap(({ name, value }) => (value === undefined ? [] : [[`'${path} ${name}'`, valueText(value)] as const])),
)}    end
end
function __contender_place
    switch "$argv[1] $argv[2]"
${rows(({ path, values, endless }) =>
  values.map((value, at) => [`'${path} ${endless && at === values.length - 1 ? "*" : at}'`, valueText(value)] as const),
)}    end
end
function __contender_routes
    test -n "$CONTENDER_CONTROL"; or return 0
    $argv route list --json --timeout 1s 2>/dev/null </dev/null | sed -n '${nameLine}'
end
function __contender_variants
    test -n "$CONTENDER_CONTROL"; and test -n "$argv[1]"; or return 0
    $argv[2..-1] route get $argv[1] --json --timeout 1s 2>/dev/null </dev/null | sed -n '${variantLine}' | sort -u
end
function __contender_complete
    set -l words (commandline -opc)
    set -l cur (commandline -ct)
    set -l at contender
    set -l place 0
    set -l first
    set -l takes
    set -l program contender
    if test "$words[1]" = npx
        set program npx --no contender
        set -l skip (contains -i -- contender $words); or return 0
        set words $words[$skip..-1]
    end
    for word in $words[2..-1]
        if test -n "$takes"
            set -l had $takes
            set takes
            if not string match -q -- '@optional' "$had"; or not string match -q -- '-*' $word
                continue
            end
        end
        if string match -q -- '--*=*' $word
            continue
        else if string match -q -- '-?*' $word
            set takes (__contender_takes "$at" $word)
        else if contains -- $word (__contender_commands "$at")
            set at "$at $word"
        else
            test -n "$first"; or set first $word
            set place (math $place + 1)
        end
    end
    set -l start ""
    if string match -q -- '--*=*' $cur
        set start (string replace -r '=.*' '=' -- $cur)
        set takes (__contender_takes "$at" (string replace -r '=.*' '' -- $cur))
    else if test "$takes" = '@optional'; and string match -q -- '-*' $cur
        set takes
    end
    set -l reply $takes
    if test -z "$reply"; and string match -q -- '-*' $cur
        set reply (__contender_flags "$at")
    end
    test -n "$reply"; or set reply (__contender_commands "$at")
    test -n "$reply"; or set reply (__contender_place "$at" $place)
    switch "$reply[1]"
        case '@file'
            __fish_complete_path $cur
        case '@route'
            __contender_routes $program
        case '@weights'
            set -l before (string replace -rf '[^,]*$' '' -- $cur)
            for variant in (__contender_variants "$first" $program)
                echo $before$variant=
            end
        case '@*'
        case '*'
            test -n "$reply"; and printf '%s\\n' $start$reply
    end
end
complete -c contender -f -a '(__contender_complete)'
complete -c npx -n '__fish_seen_subcommand_from contender' -f -a '(__contender_complete)'
`;
}
