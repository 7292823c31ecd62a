/** The demo's options, as the command line hands them over. */

export interface DemoOptions {
  /** Stop by itself after `seconds`; else go on until interrupted. */
  readonly once: boolean;
  /** Length of the traffic with `once`; longer, within bounds, where by then the shares would be luck. */
  readonly seconds: number;
  /** One JSON document on standard output instead of tables. */
  readonly json: boolean;
  /** Of champion and challenger, on both routes. */
  readonly weights: readonly [number, number];
  /** Of the first route, once three fifths of `seconds` are over; undefined changes nothing. */
  readonly nextWeights: readonly [number, number] | undefined;
  /** Salt of both routes' assignment; undefined leaves each its default, the route's name. */
  readonly salt: string | undefined;
  /** Calls a second, on each of the two routes. */
  readonly rate: number;
  /** Distinct users on each route. Default 2400, see `demoUsers`. */
  readonly users?: number;
}

/**
 * `seconds` is what a newcomer waits for gladly. At `rate` each user is met within the first nine of them, and three
 * model servers, the sidecar and the callers together take about half of a 2-core machine.
 * `weights` give the challenger enough rows for its distribution to be seen; from them to `nextWeights` so many users move that
 * it shows, and most stay.
 */
export const demoDefaults = {
  once: false,
  seconds: 15,
  json: false,
  weights: [80, 20],
  nextWeights: [50, 50],
  salt: undefined,
  rate: 300,
} as const satisfies DemoOptions;

/**
 * Distinct users on each route. With 2,400 of them, a share of 20 % has a standard error of 0.8 points
 * (sqrt(0.2 * 0.8 / 2400)): what the table shows is the weights and not luck.
 */
export const demoUsers = 2400;
