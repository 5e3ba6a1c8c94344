import { type FunctionReference, i32, type ModuleBuilder } from "./assembler/index.js";
import { arrivedAddress, failedAddress, roundAddress } from "./layout.js";

/** Looks at the round word this often (some tens of microseconds) before the thread goes to sleep. */
const spins = 20_000;
/** Nanoseconds asleep after which a thread calls `stalled`, again and again. */
const slice = 100e6;

/**
 * Adds the function that all threads call between phases: each waits until all have come. The last to arrive opens the
 * next round; the others spin for a moment, since phases are short, then sleep. A thread that traps says so and opens
 * the round, so that the others trap, too. A thread that is no more says nothing: whoever sleeps long
 * calls the imported function `stalled`, which can look for it.
 */
export function addBarrier(module: ModuleBuilder, threads: number): FunctionReference {
  const stalled = module.importFunction("stalled", []);
  return module.function([], (f) => {
    const arrived = i32.constant(arrivedAddress);
    const roundWord = i32.constant(roundAddress);
    const round = f.local("i32", i32.atomicLoad(roundWord));
    const trapIfFailed = () => f.if(i32.atomicLoad(i32.constant(failedAddress)), () => f.unreachable());
    // after reading the round: a failure that comes later than this opens it
    trapIfFailed();
    f.if(
      i32.eq(i32.atomicAdd(arrived, 1), threads - 1),
      () => {
        f.atomicStore(arrived, 0);
        f.drop(i32.atomicAdd(roundWord, 1));
        f.drop(i32.atomicNotify(roundWord, threads));
      },
      () => {
        const left = f.local("i32", i32.constant(spins));
        f.while(
          () => i32.and(i32.eq(i32.atomicLoad(roundWord), round.get), i32.ne(left.get, 0)),
          () => f.increase(left, -1),
        );
        f.while(
          () => i32.eq(i32.atomicLoad(roundWord), round.get),
          () => f.if(i32.eq(i32.atomicWait(roundWord, round.get, slice), 2), () => f.call(stalled, [])),
        );
        trapIfFailed();
      },
    );
  });
}
