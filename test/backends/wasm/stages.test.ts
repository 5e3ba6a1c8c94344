import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createWasmBackend, type WasmBackend } from "../../../src/backends/wasm/index.js";
import type { Engine } from "../../../src/backends/wasm/kernel.js";
import { type Access, mustWait, type PhaseAccess, scheduleOf, stagesOf } from "../../../src/backends/wasm/stages.js";
import type { NumericArray } from "../../../src/core/dtypes.js";
import { keyOf, uniformAt } from "../../../src/core/random.js";
import { GraphBuilder } from "../../../src/graph/builder.js";
import type { Graph } from "../../../src/graph/types.js";
import { adam } from "../../../src/model/optimizers.js";
import { optimize } from "../../../src/passes/index.js";
import { randomGraph } from "../../harness/randomGraph.js";

const engine = { threads: 4, worthSharing: 1000 } as Engine;

/** Bytes of the arena: tensor `place` of so many floats. */
const floats = (place: number, count: number): Access => ({
  space: "arena",
  from: 1000 * place,
  to: 1000 * place + 4 * count,
});

interface Described extends PhaseAccess {
  readonly name: string;
}

const phase = (
  name: string,
  elements: number | undefined,
  reads: readonly Access[],
  writes: readonly Access[],
  cycles = 600,
): Described => ({ name, phase: { tasks: 3, cycles, elements, emit: () => {} }, reads, writes });

/** Stages as lists of sweeps: `a+b c` is a sweep of a and b beside one of c. */
const shown = (phases: readonly Described[]) =>
  stagesOf(phases, engine).map(({ sweeps }) =>
    sweeps.map((sweep) => sweep.map(({ name }) => name).join("+")).join(" "),
  );

describe("stages", () => {
  it("take independent elementwise phases of any sizes, and end at others", () => {
    const phases = [
      phase("a", 10, [floats(0, 10)], [floats(1, 10)]),
      phase("b", 99, [floats(2, 99)], [floats(3, 99)]),
      phase("sum", undefined, [floats(4, 10)], [floats(5, 10)]),
      phase("c", 10, [floats(6, 10)], [floats(7, 10)]),
      phase("d", 10, [floats(6, 10)], [floats(8, 10)]),
    ];
    expect(shown(phases)).toEqual(["a b", "sum", "c d"]);
  });

  it("keep those in step that need each other's elements", () => {
    const [m, v, w, other] = [floats(0, 10), floats(1, 10), floats(2, 10), floats(9, 10)];
    const phases = [
      phase("m", 10, [m], [m]),
      phase("v", 10, [v], [v]),
      phase("other", 10, [other], [other]),
      phase("w", 10, [m, v, w], [w]),
    ];
    expect(shown(phases)).toEqual(["other m+v+w"]);
    // over what the one before has read
    expect(shown([phase("a", 10, [m], [v]), phase("b", 10, [w], [m])])).toEqual(["a+b"]);
  });

  it("end where elements do not meet one by one", () => {
    const a = phase("a", 10, [floats(0, 10)], [floats(1, 10)]);
    // a scalar, another size, another place, bytes
    expect(shown([a, phase("b", 10, [floats(1, 1)], [floats(2, 10)])])).toEqual(["a", "b"]);
    expect(shown([a, phase("b", 99, [floats(1, 99)], [floats(2, 99)])])).toEqual(["a", "b"]);
    const shifted = { space: "arena", from: 1004, to: 1044 } as const;
    expect(shown([a, phase("b", 10, [floats(2, 10)], [shifted])])).toEqual(["a", "b"]);
    const written = phase("b", 10, [floats(0, 2)], [floats(2, 10)]);
    expect(shown([written, phase("c", 10, [floats(3, 10)], [floats(0, 10)])])).toEqual(["b", "c"]);
    // variables are another memory
    const variable = { space: "variables", from: 1000, to: 1004 } as const;
    expect(shown([a, phase("b", 10, [variable], [floats(2, 10)])])).toEqual(["a b"]);
  });

  it("are shared when their phases together are worth it", () => {
    const small = (place: number) => phase(`${place}`, 10, [floats(place, 10)], [floats(place, 10)]);
    const shared = (count: number) =>
      stagesOf(
        Array.from({ length: count }, (_, i) => small(i)),
        engine,
      )[0]!.shared;
    expect([shared(1), shared(2)]).toEqual([false, true]);
  });

  it("wait for each other where one writes what the other touches, unless one thread does both", () => {
    const stage = (place: number, cycles: number) =>
      stagesOf([phase("p", undefined, [floats(0, 10)], [floats(place, 10)], cycles)], engine)[0]!;
    expect(mustWait(stage(1, 5000), stage(2, 5000))).toBe(false);
    expect(mustWait(stage(1, 5000), stage(1, 5000))).toBe(true);
    expect(mustWait(stage(0, 5000), stage(1, 10))).toBe(true);
    expect(mustWait(stage(1, 10), stage(1, 10))).toBe(false);
  });
});

describe("a schedule", () => {
  /** Lists of stages between barriers; those that are shared are marked. */
  const scheduled = (phases: readonly Described[], threads = 4) =>
    scheduleOf(phases, { ...engine, threads }).map((stages) =>
      stages.map(({ sweeps, shared }) => `${sweeps.flat().map(({ name }) => name)}${shared ? "!" : ""}`).join(" "),
    );
  const step = (name: string, from: number, to: number, cycles: number) =>
    phase(name, undefined, [floats(from, 10)], [floats(to, 10)], cycles);

  it("has barriers where memory changes hands", () => {
    const phases = [step("a", 0, 1, 5000), step("b", 2, 3, 5000), step("c", 3, 4, 5000), step("d", 4, 5, 10)];
    expect(scheduled(phases)).toEqual(["a! b!", "c!", "d"]);
    expect(scheduled(phases, 1)).toEqual(["a b c d"]);
  });

  it("shares what the others wait for anyway", () => {
    const long = step("long", 1, 2, 5000);
    expect(scheduled([step("a", 0, 1, 200), long, step("b", 2, 3, 200)])).toEqual(["a!", "long!", "b!"]);
    // not for a few cycles, nor where a barrier would be needed, nor where all runs on one thread
    expect(scheduled([step("a", 0, 1, 100), long])).toEqual(["a", "long!"]);
    expect(scheduled([step("a", 0, 3, 200), step("b", 3, 1, 200), long])).toEqual(["a b", "long!"]);
    expect(scheduled([step("a", 0, 1, 200)])).toEqual(["a"]);
  });
});

describe("threads that share out stages", () => {
  let one: WasmBackend;
  let several: WasmBackend[];
  beforeAll(async () => {
    one = await createWasmBackend({ threads: 1 });
    several = await Promise.all([2, 3].map((threads) => createWasmBackend({ threads, worthSharing: 0 })));
  });
  afterAll(() => Promise.all([one, ...several].map((backend) => backend.close())));

  /** Outputs and variables after two steps. */
  async function run(backend: WasmBackend, graph: Graph): Promise<Record<string, NumericArray>> {
    const store = backend.createStore();
    const program = await backend.compile(backend.plan(graph), store);
    const fill = (name: string, array: NumericArray) => {
      for (let i = 0; i < array.length; i++) array[i] = uniformAt(keyOf(3, name), i) - 0.5;
    };
    for (const name of store.names()) fill(name, store.memoryOf(name));
    for (const { kind, name } of program.plan.buffers) if (kind === "input") fill(name, program.input(name));
    program.run();
    program.run();
    const outputs = Object.keys(graph.outputs).map((name) => [`output ${name}`, program.output(name).slice()]);
    return Object.fromEntries([...outputs, ...store.names().map((name) => [name, store.read(name)])]);
  }

  it("compute the same as one, whatever the graph", async () => {
    await fc.assert(
      fc.asyncProperty(randomGraph, async (graph) => {
        const expected = await run(one, graph);
        for (const backend of several) expect(await run(backend, graph)).toEqual(expected);
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  it("compute the same as one in an optimiser's pass over tensors of many sizes", async () => {
    const builder = new GraphBuilder();
    const optimizer = adam();
    const scalars = Object.fromEntries(
      Object.keys(optimizer.scalars(1)).map((name) => [name, builder.input(name, [], "float32")]),
    );
    [1, 7, 64, 4096, 4097, 9000, 3, 20_000].forEach((size, i) => {
      const variable = (name: string) => builder.variable(`${name}${i}`, [size]);
      const [weight, gradient] = [variable("weight"), builder.input(`gradient${i}`, [size], "float32")];
      const slots = Object.fromEntries(optimizer.slots.map((slot) => [slot, variable(slot)]));
      const next = optimizer.emit(builder, { weight, gradient, slots, scalars });
      for (const slot of optimizer.slots) builder.update(slots[slot]!, next.slots[slot]!);
      builder.update(weight, next.weight);
    });
    const graph = optimize(builder.build());
    const expected = await run(one, graph);
    for (const backend of several) expect(await run(backend, graph)).toEqual(expected);
  });
});
