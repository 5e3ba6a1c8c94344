import { platform } from "#platform";

/** Something to time. */
export interface Timed {
  /** Before the first run: writes inputs, which stay until another program of the store runs. */
  prepare(): void;
  run(): void;
}

/**
 * Median of `run`'s times over `seconds` (and over five samples at least), once the engine has optimised it. A sample is
 * one run in Node; in a browser, whose clock is coarse, as many as {@link runsTogether} says.
 */
export async function medianMilliseconds(timed: Timed, seconds: number): Promise<number> {
  timed.prepare();
  const fastest = await warmUp(timed, seconds);
  const runs = platform.name === "browser" ? runsTogether(fastest) : 1;
  const times: number[] = [];
  const end = platform.now() + 1000 * seconds;
  while (times.length < 5 || platform.now() < end) times.push(meanOf(timed, runs));
  return median(times);
}

/**
 * The clock of an isolated page ticks every 5 µs. As many runs as take a millisecond are timed as one there, of which a
 * tick is half a per cent.
 */
export const runsTogether = (milliseconds: number): number => Math.ceil(1 / Math.min(Math.max(milliseconds, tick), 1));

/** Milliseconds. */
const tick = 0.005;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Runs in a row that are compared with those before them. */
const stretch = 5;

/**
 * Runs until it gets no faster, and gives the fastest run's time. V8 compiles functions anew in the background and swaps
 * them in between calls, so the event loop gets its turn after each.
 */
async function warmUp(timed: Timed, seconds: number): Promise<number> {
  const began = platform.now();
  const least = 1000 * Math.min(2 * seconds, 1);
  let before = Number.POSITIVE_INFINITY;
  for (;;) {
    let fastest = Number.POSITIVE_INFINITY;
    for (let run = 0; run < stretch; run++) {
      fastest = Math.min(fastest, meanOf(timed, 1));
      await platform.yield();
    }
    const elapsed = platform.now() - began;
    const slower = fastest > 0.97 * before;
    before = Math.min(before, fastest);
    if ((slower && elapsed >= least) || elapsed > longest) return before;
  }
}

/** Milliseconds after which warming up ends in any case. */
const longest = 15_000;

/** Milliseconds of a run, as the mean of some that follow one another. */
function meanOf({ run }: Timed, runs: number): number {
  const began = platform.now();
  for (let i = 0; i < runs; i++) run();
  return (platform.now() - began) / runs;
}
