/** What measuring needs of a platform; tests have one whose time they make. */
export interface Clock {
  now(): number;
  yield(): Promise<void>;
}

/** Milliseconds to warm each up for, where the engine optimises code whenever it likes. */
const warmUp = 80;
const leastWarmUpRuns = 8;
/** Milliseconds that a sample lasts at least: clocks of browsers are coarse. */
const sample = 0.5;
/** What takes so many times as long as the fastest after warming up is not measured any further. */
const hopeless = 2;
const leastRounds = 5;
const mostRounds = 50;
/** Milliseconds to measure each for, unless it takes more or fewer rounds than those. */
const measuring = 40;

/**
 * Median milliseconds of each of `runs`. They take turns, so that what else the machine does meets all of them; what
 * turns out to be hopeless while it warms up gets its best time of then.
 */
export async function medianTimes(runs: readonly (() => void)[], clock: Clock): Promise<number[]> {
  const best: number[] = [];
  for (const run of runs) best.push(await warm(run, clock));
  const limit = hopeless * Math.min(...best);
  const contenders = runs.flatMap((run, i) => {
    const repeats = Math.min(1000, Math.max(1, Math.ceil(sample / best[i]!)));
    return best[i]! <= limit ? [{ run, i, repeats, samples: [] as number[] }] : [];
  });
  const end = clock.now() + measuring * contenders.length;
  for (let round = 0; round < leastRounds || (round < mostRounds && clock.now() < end); round++) {
    for (const { run, repeats, samples } of contenders) {
      const began = clock.now();
      for (let i = 0; i < repeats; i++) run();
      samples.push((clock.now() - began) / repeats);
    }
    await clock.yield();
  }
  for (const { i, samples } of contenders) best[i] = samples.sort((a, b) => a - b)[samples.length >> 1]!;
  return best;
}

/** The shortest of the first runs, between which the engine swaps in what it has optimised. */
async function warm(run: () => void, clock: Clock): Promise<number> {
  const end = clock.now() + warmUp;
  let best = Number.POSITIVE_INFINITY;
  for (let count = 0; count < leastWarmUpRuns || clock.now() < end; count++) {
    const began = clock.now();
    run();
    best = Math.min(best, clock.now() - began);
    await clock.yield();
  }
  return best;
}
