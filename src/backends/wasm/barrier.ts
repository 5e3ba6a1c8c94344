import { type FunctionReference, i32, type ModuleBuilder } from "./assembler/index.js";
import {
  arrivedAddress,
  briefWaitsAddress,
  failedAddress,
  nextBriefWaitsAddress,
  roundAddress,
  sleepersAddress,
} from "./layout.js";

/** Looks at the round word before a thread goes to sleep, where waiting long does not pay: a few microseconds. */
const briefSpins = 2_000;
/** Elsewhere: some hundreds. */
const longSpins = 300_000;
/** Sleeps before a thread waits long again: so many after the first long wait in vain, twice as many after each other. */
const fewestBriefWaits = 16;
const mostBriefWaits = 4096;
/** Nanoseconds asleep after which a thread calls `stalled`, again and again. */
const slice = 100e6;

/**
 * Adds the function that all threads call between phases: each waits until all have come. The last to arrive opens the
 * next round; the others spin for a while, since phases are short, then sleep. A thread that traps says so and opens
 * the round, so that the others trap, too. A thread that is no more says nothing: whoever sleeps long
 * calls the imported function `stalled`, which can look for it.
 *
 * How long to spin is learned. To wake a thread takes longer than most phases do, and the system likes to wake it on the
 * processor of the thread that woke it, where the two then take turns: threads that have begun to sleep at every barrier
 * go on so, and a small network's step takes 1.7 times as long. Waiting long ends that. But where other programs keep
 * the processors busy, a spinning thread is in the way of the one that it waits for: there, long waits are in vain, and
 * are tried ever more rarely.
 */
export function addBarrier(module: ModuleBuilder, threads: number): FunctionReference {
  const stalled = module.importFunction("stalled", []);
  return module.function([], (f) => {
    const at = (address: number) => i32.constant(address);
    const roundWord = at(roundAddress);
    const round = f.local("i32", i32.atomicLoad(roundWord));
    const isClosed = () => i32.eq(i32.atomicLoad(roundWord), round.get);
    const trapIfFailed = () => f.if(i32.atomicLoad(at(failedAddress)), () => f.unreachable());
    // after reading the round: a failure that comes later than this opens it
    trapIfFailed();
    f.if(
      i32.eq(i32.atomicAdd(at(arrivedAddress), 1), threads - 1),
      () => {
        f.atomicStore(at(arrivedAddress), 0);
        f.drop(i32.atomicAdd(roundWord, 1));
        // whoever counts itself after this finds the round open
        f.if(i32.atomicLoad(at(sleepersAddress)), () => f.drop(i32.atomicNotify(roundWord, threads)));
      },
      () => {
        // other threads may write these two words at the same time: then one of them learns nothing
        const brief = f.local("i32", i32.atomicLoad(at(briefWaitsAddress)));
        const left = f.local("i32", i32.select(brief.get, briefSpins, longSpins));
        f.while(
          () => i32.and(isClosed(), i32.ne(left.get, 0)),
          () => f.increase(left, -1),
        );
        f.if(
          isClosed(),
          () => {
            f.if(
              brief.get,
              () => f.atomicStore(at(briefWaitsAddress), i32.sub(brief.get, 1)),
              () => {
                const next = f.local("i32", i32.atomicLoad(at(nextBriefWaitsAddress)));
                f.set(next, i32.select(next.get, next.get, fewestBriefWaits));
                f.atomicStore(at(briefWaitsAddress), next.get);
                f.atomicStore(at(nextBriefWaitsAddress), i32.min(i32.mul(next.get, 2), mostBriefWaits));
              },
            );
            f.drop(i32.atomicAdd(at(sleepersAddress), 1));
            f.while(isClosed, () =>
              f.if(i32.eq(i32.atomicWait(roundWord, round.get, slice), 2), () => f.call(stalled, [])),
            );
            f.drop(i32.atomicAdd(at(sleepersAddress), -1));
          },
          // a long wait that was worth it: longer than a brief one, and not in vain
          () =>
            f.if(i32.and(i32.eqz(brief.get), i32.ltU(left.get, longSpins - briefSpins)), () =>
              f.atomicStore(at(nextBriefWaitsAddress), fewestBriefWaits),
            ),
        );
        trapIfFailed();
      },
    );
  });
}
