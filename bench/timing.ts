import { platform } from "#platform";

/** Something to time. */
export interface Timed {
  /** Before the first run: writes inputs, which stay until another program of the store runs. */
  prepare(): void;
  run(): void;
}

/** Median of `run`'s times over `seconds` (and over five runs at least), once the engine has optimised it. */
export async function medianMilliseconds(timed: Timed, seconds: number): Promise<number> {
  timed.prepare();
  await warmUp(timed, seconds);
  const times: number[] = [];
  const end = platform.now() + 1000 * seconds;
  while (times.length < 5 || platform.now() < end) times.push(once(timed));
  return median(times);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Runs in a row that are compared with those before them. */
const stretch = 5;

/**
 * Runs until it gets no faster. V8 compiles functions anew in the background and swaps them in between calls, so the
 * event loop gets its turn after each.
 */
async function warmUp(timed: Timed, seconds: number): Promise<void> {
  const began = platform.now();
  const least = 1000 * Math.min(2 * seconds, 1);
  let before = Number.POSITIVE_INFINITY;
  for (;;) {
    let fastest = Number.POSITIVE_INFINITY;
    for (let run = 0; run < stretch; run++) {
      fastest = Math.min(fastest, once(timed));
      await platform.yield();
    }
    const elapsed = platform.now() - began;
    if ((fastest > 0.97 * before && elapsed >= least) || elapsed > longest) return;
    before = Math.min(before, fastest);
  }
}

/** Milliseconds after which warming up ends in any case. */
const longest = 15_000;

function once({ run }: Timed): number {
  const began = platform.now();
  run();
  return platform.now() - began;
}
