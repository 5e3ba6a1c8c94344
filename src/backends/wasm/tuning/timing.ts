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
const leastRounds = 10;
const mostRounds = 40;
/** Milliseconds to measure each for, unless it takes more or fewer rounds than those. */
const measuring = 60;

/**
 * Milliseconds of each of `runs`: the shortest of several samples, since what else the machine does only adds to them,
 * and on a busy one to most. They take turns, so that it meets all of them. `before` is called before each sample.
 */
export async function shortestTimes(
  runs: readonly (() => void)[],
  clock: Clock,
  before: () => void = () => {},
): Promise<number[]> {
  const best: number[] = [];
  for (const run of runs) best.push(await warm(run, clock));
  const limit = hopeless * Math.min(...best);
  const contenders = runs.flatMap((run, i) => {
    const repeats = Math.min(1000, Math.max(1, Math.ceil(sample / best[i]!)));
    return best[i]! <= limit ? [{ run, i, repeats }] : [];
  });
  for (const { i } of contenders) best[i] = Number.POSITIVE_INFINITY;
  let measured = 0;
  for (
    let round = 0;
    round < leastRounds || (round < mostRounds && measured < measuring * contenders.length);
    round++
  ) {
    for (const { run, i, repeats } of contenders) {
      before();
      const began = clock.now();
      for (let count = 0; count < repeats; count++) run();
      const time = clock.now() - began;
      measured += time;
      best[i] = Math.min(best[i]!, time / repeats);
    }
    await clock.yield();
  }
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
