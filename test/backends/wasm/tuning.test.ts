import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { platform } from "#platform";
import { catalog } from "../../../src/backends/wasm/catalog.js";
import { createWasmBackend, WasmBackend } from "../../../src/backends/wasm/index.js";
import { bindCatalog, type Engine } from "../../../src/backends/wasm/kernel.js";
import { TuningCache } from "../../../src/backends/wasm/tuning/cache.js";
import { type KernelTimes, measureOn } from "../../../src/backends/wasm/tuning/measure.js";
import { shortestTimes } from "../../../src/backends/wasm/tuning/timing.js";
import { Tuner } from "../../../src/backends/wasm/tuning/tuner.js";
import { FoveaError } from "../../../src/core/errors.js";
import { GraphBuilder } from "../../../src/graph/builder.js";
import type { Graph } from "../../../src/graph/types.js";
import { conv } from "../../../src/ops/conv.js";
import { add, x } from "../../../src/ops/expression.js";
import { mapNode } from "../../../src/ops/map.js";
import { type Chosen, choicesOf } from "../../../src/plan/plan.js";
import type { Kernel, KernelChoice } from "../../../src/plan/types.js";
import { cases } from "../../cases/index.js";
import { checkBackends } from "../../harness/check.js";
import { experimentOf } from "../../harness/graph.js";

const implicit = "f32_conv2d_implicit_simd128";
const winograd = "f32_conv2d_winograd_simd128";
const panels = "f32_conv2d_winograd_panels_simd128";
const rows = "f32_conv2d_winograd_rows_simd128";

let engine: Engine;
let directory: string;
beforeAll(async () => {
  ({ engine } = await createWasmBackend({ threads: 1 }));
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "fovea-tuning-"));
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true, force: true });
});

/** Two convolutions of one shape, which the planner gives to Winograd's method, and one that is not for it. */
function graphOf({ batch = 2, update = false } = {}): Graph {
  const builder = new GraphBuilder();
  const window = { strides: [1, 1], dilation: [1, 1], padding: [1, 1, 1, 1], groups: 1 } as const;
  let y = builder.input("image", [batch, 16, 16, 32], "float32");
  const first = builder.variable("w1", [3, 3, 32, 32]);
  for (const filter of [first, builder.variable("w2", [3, 3, 32, 32])]) {
    y = builder.add(conv, [y, filter], window);
  }
  y = builder.add(conv, [y, builder.variable("w3", [3, 3, 32, 40])], { ...window, dilation: [2, 2] });
  builder.output("y", y);
  if (update) builder.update(first, mapNode(builder, [first, first], add(x(0), x(1))));
  return builder.build();
}

/** A backend whose kernels take the times that a function says; it notes what is measured. */
function backendOf(time: (kernel: string) => number, cache = new TuningCache(undefined), threads = 1) {
  const measured: KernelChoice[] = [];
  const tuner = new Tuner(cache, "machine", () => async (choice) => {
    measured.push(choice);
    return Object.fromEntries(choice.candidates.map(({ name }) => [name, time(name)]));
  });
  return { measured, backend: new WasmBackend({ ...engine, threads }, undefined, tuner) };
}

async function tunedPlan(backend: WasmBackend, graph: Graph) {
  await backend.tune(graph);
  return backend.plan(graph);
}

const kernelsOf = ({ steps }: { steps: readonly { kernel: string }[] }) => steps.map(({ kernel }) => kernel);
const fast = (name: string) => (kernel: string) => (kernel === name ? 1 : 2);

describe("choices", () => {
  test("follow the measurements, and are explained by them", async () => {
    for (const fastest of [implicit, winograd, panels]) {
      const { backend } = backendOf(fast(fastest));
      const plan = await tunedPlan(backend, graphOf());
      expect(kernelsOf(plan)).toEqual([fastest, fastest, implicit]);
      expect(plan.steps[0]!.reason).toContain(`measured: ${fastest} 1 ms, `);
      expect(plan.steps[0]!.reason).toMatch(fastest === winograd ? /; as estimated$/ : /; not \S+ as estimated$/);
      expect(plan.steps[0]!.reason).toContain(" 2 ms");
      // one kernel alone can compute the third
      expect(plan.steps[2]!.reason).toContain(`not ${winograd}: it has strides or dilation`);
    }
  });

  test("are the planner's where nothing was measured, or nothing clearly faster", async () => {
    const planned = kernelsOf((await createWasmBackend({ threads: 1 })).plan(graphOf()));
    expect(planned).toEqual([winograd, winograd, implicit]);
    expect(kernelsOf(backendOf(fast(implicit)).backend.plan(graphOf()))).toEqual(planned);
    for (const time of [
      (name: string) => (name === implicit ? 0.99 : 1), // a part too small
      (name: string) => (name === implicit ? 0.0002 : 0.001), // a time too short
      () => Number.POSITIVE_INFINITY,
    ]) {
      expect(kernelsOf(await tunedPlan(backendOf(time).backend, graphOf()))).toEqual(planned);
    }
  });

  test("do not depend on the number of threads", async () => {
    const cache = new TuningCache(undefined);
    await backendOf(fast(implicit), cache).backend.tune(graphOf());
    for (const threads of [1, 2, 3, 7]) {
      const { backend, measured } = backendOf(fast(winograd), cache, threads);
      expect(kernelsOf(await tunedPlan(backend, graphOf()))).toEqual([implicit, implicit, implicit]);
      expect(measured).toEqual([]);
    }
  });
});

describe("measuring", () => {
  test("happens once for steps of the same code, and never to kernels that cannot compute them", async () => {
    const { backend, measured } = backendOf(fast(implicit));
    await backend.tune(graphOf());
    await backend.tune(graphOf());
    expect(measured.map(({ candidates }) => candidates.map(({ name }) => name))).toEqual([
      [panels, winograd, rows, implicit],
    ]);
    await backend.tune(graphOf({ batch: 3 }));
    expect(measured).toHaveLength(2);
  });

  test("tells programs that pack filters in every run from those that keep them", async () => {
    const { backend, measured } = backendOf(fast(implicit));
    await backend.tune(graphOf());
    await backend.tune(graphOf({ update: true }));
    expect(measured.map(({ node }) => node.fixed)).toEqual([[1], []]);
  });

  test("happens again where a candidate has come since", async () => {
    const path = join(directory, "kernels.json");
    await backendOf(fast(implicit), new TuningCache(path)).backend.tune(graphOf());
    await writeFile(path, (await readFile(path, "utf8")).replace(winograd, "f32_conv2d_former_simd128"));
    const cache = new TuningCache(path);
    await cache.load();
    const { backend, measured } = backendOf(fast(winograd), cache);
    expect(kernelsOf(await tunedPlan(backend, graphOf()))).toEqual([winograd, winograd, implicit]);
    expect(measured).toHaveLength(1);
  });

  test("gives a time for every candidate", async () => {
    const graph = graphOf({ batch: 1 });
    const [choice] = choicesOf(graph, "wasm", bindCatalog(catalog, engine));
    const measure = measureOn({ ...engine, threads: 3 });
    for (const fixed of [[], [1]]) {
      const times = await measure({ ...choice!, node: { ...choice!.node, fixed } });
      expect(Object.keys(times)).toEqual([panels, winograd, rows, implicit]);
      for (const time of Object.values(times)) expect(time > 0 && time < 10_000).toBe(true);
    }
  });

  test("gives up where there is no memory", async () => {
    const [choice] = choicesOf(graphOf({ batch: 200_000 }), "wasm", bindCatalog(catalog, engine));
    const times = await measureOn(engine)(choice!);
    expect(new Set(Object.values(times))).toEqual(new Set([Number.POSITIVE_INFINITY]));
  });
});

describe("times", () => {
  /** Runs that take so long on a clock of their own; the first three of each, and two of three later, take longer. */
  function runsOf(...milliseconds: readonly number[]) {
    let time = 0;
    const calls = milliseconds.map(() => 0);
    const runs = milliseconds.map((duration, i) => () => {
      const call = calls[i]!++;
      time += (call < 3 ? 10 : call % 3 < 2 ? 4 : 1) * duration;
    });
    return { runs, calls, clock: { now: () => time, yield: async () => {} } };
  }

  test("are the shortest, after warming up", async () => {
    const { runs, clock } = runsOf(2, 3, 0.01);
    const times = await shortestTimes(runs.slice(0, 2), clock);
    expect(times[0]).toBeCloseTo(2, 9);
    expect(times[1]).toBeCloseTo(3, 9);
    // so short that many runs are one sample
    const [short] = await shortestTimes(runs.slice(2), clock);
    expect(short! / 0.01).toBeGreaterThan(2.5);
    expect(short! / 0.01).toBeLessThan(3.5);
  });

  test("are not measured any further of what is hopeless", async () => {
    const { runs, calls, clock } = runsOf(2, 100);
    const times = await shortestTimes(runs, clock);
    expect(times[1]).toBe(100);
    expect(calls[1]).toBe(8);
    expect(calls[0]).toBeGreaterThan(8 + 10);
  });
});

describe("the cache", () => {
  const times: KernelTimes = { [implicit]: 1.23456, [winograd]: 0.5, [panels]: 2, [rows]: 3 };

  test("outlives the process", async () => {
    const path = join(directory, "deep/er/kernels.json");
    const first = backendOf((name) => times[name]!, new TuningCache(path));
    const plan = await tunedPlan(first.backend, graphOf());
    const cache = new TuningCache(path);
    await cache.load();
    expect(cache.size).toBe(1);
    const second = backendOf(() => 1, cache);
    const again = await tunedPlan(second.backend, graphOf());
    expect(second.measured).toEqual([]);
    expect(again.steps.map(({ kernel, reason }) => [kernel, reason])).toEqual(
      plan.steps.map(({ kernel, reason }) => [kernel, reason]),
    );
    // another machine's times are none
    cache.forget("machine");
    await second.backend.tune(graphOf());
    expect(second.measured).toHaveLength(1);
  });

  test("keeps what another process writes meanwhile", async () => {
    const path = join(directory, "kernels.json");
    const [one, other] = [new TuningCache(path), new TuningCache(path)];
    await Promise.all([one.load(), other.load()]);
    one.add("machine", "a", times);
    await one.save();
    other.add("machine", "b", times);
    other.add("machine", "without memory", { [implicit]: Number.POSITIVE_INFINITY });
    await other.save();
    const both = new TuningCache(path);
    await both.load();
    expect(both.size).toBe(2);
    expect(both.times("machine", "a")![implicit]).toBe(1.235);
  });

  test.each([
    ["damaged", "{ not JSON", "cannot be read ("],
    ["another program's", '{ "format": "other" }', "does not hold times of kernels"],
    [
      "full of nonsense",
      '{ "format": "fovea kernel times 1", "machines": { "machine": { "step": { "kernel": "fast" } } } }',
      "does not hold times of kernels",
    ],
  ])("is replaced where it is %s, with a warning", async (_, content, warning) => {
    const warn = vi.spyOn(platform, "warn").mockImplementation(() => {});
    const path = join(directory, "kernels.json");
    await writeFile(path, content);
    const cache = new TuningCache(path);
    await cache.load();
    const { backend, measured } = backendOf((name) => times[name]!, cache);
    expect(kernelsOf(await tunedPlan(backend, graphOf()))).toEqual([winograd, winograd, implicit]);
    expect(measured).toHaveLength(1);
    expect(warn.mock.calls).toEqual([[expect.stringContaining(warning)]]);
    expect(warn.mock.calls[0]![0]).toContain(`fovea: ${path} `);
    expect(JSON.parse(await readFile(path, "utf8")).format).toBe("fovea kernel times 1");
  });

  test("is done without where it cannot be written", async () => {
    const warn = vi.spyOn(platform, "warn").mockImplementation(() => {});
    await writeFile(join(directory, "file"), "");
    const { backend } = backendOf(fast(implicit), new TuningCache(join(directory, "file/kernels.json")));
    expect(kernelsOf(await tunedPlan(backend, graphOf()))).toEqual([implicit, implicit, implicit]);
    expect(warn.mock.calls).toEqual([[expect.stringContaining("times of kernels are not kept")]]);
  });

  test("is shared by the backends of a process, and measured again where that is asked for", async () => {
    vi.stubEnv("FOVEA_CACHE", directory);
    const path = join(directory, "kernels.json");
    const graph = graphOf({ batch: 1 });
    const first = await createWasmBackend({ threads: 1, autotune: true });
    await first.tune(graph);
    const { mtimeMs } = await stat(path);
    const second = await createWasmBackend({ threads: 2, autotune: true });
    await second.tune(graph);
    expect((await stat(path)).mtimeMs).toBe(mtimeMs);
    expect(kernelsOf(second.plan(graph))).toEqual(kernelsOf(first.plan(graph)));
    const third = await createWasmBackend({ threads: 1, autotune: "again" });
    await third.tune(graph);
    expect((await stat(path)).mtimeMs).not.toBe(mtimeMs);
    for (const backend of [first, second, third]) await backend.close();
  });
});

test("an option that means nothing is an error", async () => {
  const failing = createWasmBackend({ autotune: "agian" as "again" });
  await expect(failing).rejects.toThrow(FoveaError);
  await expect(failing).rejects.toThrow('autotune: is unknown (expected true, false or "again", received "agian").');
});

describe("every kernel that can compute a case does so", () => {
  /** Takes the kernel at a place among the candidates. */
  class Picking extends Tuner {
    place = 0;
    override choose<K extends Kernel>({ candidates }: KernelChoice<K>): Chosen<K> {
      return { kernel: candidates[this.place % candidates.length]!, reason: "picked" };
    }
  }

  const several = [
    ...cases.conv,
    ...cases.convInputGradient,
    ...cases.convFilterGradient,
    ...cases.reduce.filter(({ attributes }) => attributes.kind === "sum"),
  ];
  const backends: { tuner: Picking; backend: WasmBackend }[] = [];
  beforeAll(async () => {
    for (const relaxedSimd of [true, false]) {
      const { engine } = await createWasmBackend({ threads: 1, relaxedSimd });
      const tuner = new Picking(new TuningCache(undefined), "machine", () => measureOn(engine));
      backends.push({ tuner, backend: new WasmBackend(engine, undefined, tuner) });
    }
  });

  test.each(several.map((testCase) => [testCase.op, testCase.name, testCase] as const))(
    "%s: %s",
    async (_op, _name, testCase) => {
      const experiment = experimentOf(testCase, false);
      for (const { tuner, backend } of backends) {
        const choices = choicesOf(experiment.graph, "wasm", bindCatalog(catalog, backend.engine));
        const count = Math.max(0, ...choices.map(({ candidates }) => candidates.length));
        for (tuner.place = 0; tuner.place < count; tuner.place++) {
          await checkBackends(experiment, [{ name: `wasm with candidate ${tuner.place}`, backend }]);
        }
      }
    },
  );
});
