import { platform } from "#platform";
import { i32, ModuleBuilder, type V128, v128 } from "./assembler/index.js";
import type { Engine } from "./kernel.js";

/** Sums in flight, in registers of the mode's width: more than latency × units of any processor, fewer than 16. */
const rows = 12;
const unroll = 4;
const rounds = 100_000;

/**
 * The most multiply-adds that this engine does on one core, in GFLOP/s (two operations each): a loop that works in
 * registers alone, of the instructions that kernels are made of. What kernels reach is given as a part of it.
 *
 * @param seconds to measure for, after as long again for the processor to speed up and for optimised code to come
 */
export async function measurePeak(engine: Engine, seconds: number): Promise<number> {
  const vectors = engine.wide ? 2 : 1;
  const memory = new WebAssembly.Memory({ initial: 1 });
  new Float32Array(memory.buffer).fill(0.5);
  const instance = await WebAssembly.instantiate(await WebAssembly.compile(emitLoop(engine, vectors)), {
    fovea: { memory },
  });
  const run = instance.exports.run as () => void;
  await timesOf(run, seconds);
  const times = (await timesOf(run, seconds)).sort((a, b) => a - b);
  const operations = 2 * 4 * rows * vectors * unroll * rounds;
  return operations / times[times.length >> 1]! / 1e6;
}

/** Milliseconds of every run within `seconds`, five at least. Optimised code is swapped in between events. */
async function timesOf(run: () => void, seconds: number): Promise<number[]> {
  const times: number[] = [];
  const end = platform.now() + 1000 * seconds;
  while (times.length < 5 || platform.now() < end) {
    const began = platform.now();
    run();
    times.push(platform.now() - began);
    await platform.yield();
  }
  return times;
}

function emitLoop({ multiplyAdd }: Engine, vectors: number): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder({ module: "fovea", name: "memory", initialPages: 1 });
  module.function(
    [],
    (f) => {
      const start = i32.constant(0);
      // Operands and first sums come from memory: the engine joins neighbouring loads, but not immediates. A factor
      // below one keeps the sums finite, and off the denormal numbers that some processors are slow at.
      const factor = f.local("v128", v128.load32Splat(start));
      const range = (count: number) => Array.from({ length: count }, (_, i) => i);
      const vectorAt = (place: number): V128 => v128.load(start, 16 * place);
      const terms = range(vectors).map((j) => f.local("v128", vectorAt(j)));
      const sums = range(rows).map((i) => range(vectors).map((j) => f.local("v128", vectorAt(vectors * (i + 1) + j))));
      const left = f.local("i32", i32.constant(rounds));
      f.doWhile(
        () => {
          for (let step = 0; step < unroll; step++) {
            for (const row of sums)
              row.forEach((sum, j) => f.set(sum, multiplyAdd(sum.get, factor.get, terms[j]!.get)));
          }
          f.increase(left, -1);
        },
        () => left.get,
      );
      // where joining begins: neighbouring stores, with nothing in between
      sums.forEach((row, i) =>
        row.forEach((sum, j) => f.storeV128(i32.constant(16 * vectors * (rows + 1)), sum.get, 16 * (vectors * i + j))),
      );
    },
    "run",
  );
  return module.encode();
}
