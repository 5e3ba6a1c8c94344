import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { trainingGraph } from "../../src/autodiff/trainingGraph.js";
import { naiveLoops } from "../../src/backends/reference/kernels.js";
import { catalog as wasmCatalog } from "../../src/backends/wasm/catalog.js";
import { createWasmBackend } from "../../src/backends/wasm/index.js";
import { bindCatalog } from "../../src/backends/wasm/kernel.js";
import { sizeOf } from "../../src/core/shapes.js";
import { GraphBuilder } from "../../src/graph/builder.js";
import type { Graph } from "../../src/graph/types.js";
import type { Network } from "../../src/model/network.js";
import { sgd } from "../../src/model/optimizers.js";
import { add, x } from "../../src/ops/expression.js";
import { mapNode } from "../../src/ops/map.js";
import { reshapeNode } from "../../src/ops/reshape.js";
import { softmax } from "../../src/ops/softmax.js";
import { optimize } from "../../src/passes/index.js";
import { separateOutputs } from "../../src/passes/outputs.js";
import { type Interval, lowerBound, placeIntervals } from "../../src/plan/place.js";
import { planGraph } from "../../src/plan/plan.js";
import type { Kernel, KernelCatalog, Plan, PlanBuffer } from "../../src/plan/types.js";
import { mnistDeep, mnistShallow } from "../../src/zoo/networks.js";
import { randomGraph } from "../harness/randomGraph.js";

describe("placeIntervals", () => {
  const intervals = fc
    .array(fc.record({ bytes: fc.integer({ min: 1, max: 20 }), first: fc.nat(20), length: fc.nat(8) }), {
      maxLength: 40,
    })
    .map((list) =>
      list.map(
        ({ bytes, first, length }, i): Interval => ({
          key: `k${i}`,
          bytes: 64 * bytes,
          first: first - 1,
          last: first - 1 + length,
        }),
      ),
    );

  it("never overlaps what lives at the same time, and reports its size", () => {
    const property = fc.property(intervals, (list) => {
      const { offsets, total } = placeIntervals(list);
      const end = (interval: Interval) => offsets.get(interval.key)! + interval.bytes;
      for (const [i, a] of list.entries()) {
        expect(offsets.get(a.key)).toBeGreaterThanOrEqual(0);
        expect(offsets.get(a.key)! % 64).toBe(0);
        for (const b of list.slice(0, i)) {
          if (a.last < b.first || b.last < a.first) continue;
          expect(end(a) <= offsets.get(b.key)! || end(b) <= offsets.get(a.key)!).toBe(true);
        }
      }
      expect(total).toBe(Math.max(0, ...list.map(end)));
      expect(total).toBeGreaterThanOrEqual(lowerBound(list));
      expect(total).toBeLessThanOrEqual(list.reduce((sum, { bytes }) => sum + bytes, 0));
    });
    fc.assert(property, { seed: 1, numRuns: 300 });
  });

  it("stays near the lower bound", () => {
    let placed = 0;
    let bound = 0;
    for (const list of fc.sample(intervals, { seed: 2, numRuns: 300 })) {
      placed += placeIntervals(list).total;
      bound += lowerBound(list);
    }
    // on average; single cases of random lengths may be worse
    expect(placed / bound).toBeLessThan(1.1);
  });

  it("depends on the intervals, not on their order", () => {
    const property = fc.property(intervals, (list) => {
      const entries = (order: readonly Interval[]) => [...placeIntervals(order).offsets].sort();
      expect(entries([...list].reverse())).toEqual(entries(list));
    });
    fc.assert(property, { seed: 3, numRuns: 100 });
  });

  it("has a bound of what is alive at once", () => {
    const at = (key: string, bytes: number, first: number, last: number): Interval => ({ key, bytes, first, last });
    expect(lowerBound([])).toBe(0);
    expect(lowerBound([at("a", 64, 0, 1), at("b", 128, 1, 2), at("c", 64, 2, 3)])).toBe(192);
    expect(placeIntervals([at("a", 64, 0, 1), at("b", 128, 1, 2), at("c", 64, 2, 3)]).total).toBe(192);
  });
});

/** Kernels that compute nothing: maps may overwrite any of their inputs, matrix products need scratch. */
const plain: Kernel = { name: "f32_any", accepts: () => true };
const fakes: Partial<KernelCatalog> = {
  map: [{ ...plain, name: "f32_map", overwrites: (node) => node.inputs.map((_, position) => position) }],
  matmul: [{ ...plain, name: "f32_matmul", scratchBytes: (node) => 4 * node.output.shape[1]! }],
};
const plainCatalog = Object.fromEntries(
  Object.keys(naiveLoops).map((op): [string, readonly Kernel[]] => [op, [plain]]),
) as KernelCatalog;
const fakeCatalog: KernelCatalog = { ...plainCatalog, ...fakes };

/** The node whose memory a chain of reshapes shows. */
function sourceOf(graph: Graph, id: number): number {
  const { op, inputs } = graph.nodes[id]!;
  return op === "reshape" ? sourceOf(graph, inputs[0]!) : id;
}

/** Cache lines of the arena, the end not included; variables lie elsewhere. */
const linesOf = ({ offset, bytes }: { readonly offset: number; readonly bytes: number }) => ({
  from: offset / 64,
  to: Math.ceil((offset + bytes) / 64),
});

function overlap(a: PlanBuffer, b: PlanBuffer): boolean {
  if (a.kind === "variable" || b.kind === "variable") return a.kind === b.kind && a.name === b.name;
  return linesOf(a).from < linesOf(b).to && linesOf(b).from < linesOf(a).to;
}

/**
 * Runs a plan with names in place of values: every cache line of the arena and every variable holds the node that wrote
 * it last. Fails where a step would read anything but what its node asks for, or writes where its kernel may not.
 */
function simulate(plan: Plan, catalog: KernelCatalog): { holds(id: number): boolean; variable(name: string): number } {
  const { graph, buffers, bufferOf } = plan;
  const arena = new Int32Array(plan.arenaBytes / 64);
  const variables = new Map<string, number>();
  const bufferOfNode = (id: number) => buffers[bufferOf[id]!]!;
  const write = (place: { offset: number; bytes: number }, id: number) => {
    const { from, to } = linesOf(place);
    expect(from).toBeGreaterThanOrEqual(0);
    expect(to).toBeLessThanOrEqual(arena.length);
    arena.fill(id, from, to);
  };
  const writeBuffer = (buffer: PlanBuffer, id: number) => {
    if (buffer.kind === "variable") variables.set(buffer.name, id);
    else write(buffer, id);
  };
  const holds = (id: number) => {
    const [buffer, source] = [bufferOfNode(id), sourceOf(graph, id)];
    if (buffer.kind === "variable") return variables.get(buffer.name) === source;
    const { from, to } = linesOf(buffer);
    return arena.subarray(from, to).every((line) => line === source);
  };
  for (const { id, op } of graph.nodes) {
    if (op === "input" || op === "variable" || op === "constant") writeBuffer(bufferOfNode(id), id);
  }
  for (const step of plan.steps) {
    const node = graph.nodes[step.node]!;
    const { inputs, op, name, attributes } = node;
    const scratch = { offset: step.scratchOffset, bytes: step.scratchBytes };
    write(scratch, -1);
    for (const id of inputs) expect(holds(id), `%${node.id} reads %${id}`).toBe(true);
    const output = buffers[step.output]!;
    const kernels = catalog[op as keyof KernelCatalog] as readonly Kernel[];
    const kernel = kernels.find((candidate) => candidate.name === step.kernel)!;
    const context = { op, name, attributes, inputs: inputs.map((id) => graph.nodes[id]!), output: node };
    const mayOverwrite = kernel.overwrites?.(context) ?? [];
    inputs.forEach((id, position) => {
      const input = bufferOfNode(id);
      if (!overlap(input, output)) return;
      expect(mayOverwrite, `%${node.id} writes over its input ${position}`).toContain(position);
      expect(input.id, `%${node.id} writes over a part of its input ${position}`).toBe(output.id);
    });
    const asBuffer = { ...output, ...scratch, kind: "temporary" } as const;
    expect(scratch.bytes > 0 && overlap(asBuffer, output), `scratch of %${node.id}`).toBe(false);
    expect(output.bytes, `room for %${node.id}`).toBe(4 * sizeOf(node.shape));
    writeBuffer(output, node.id);
  }
  const outputs = Object.values(graph.outputs);
  for (const id of outputs) expect(holds(id), `output %${id}`).toBe(true);
  // nobody writes constants again for the next run
  for (const { id, op } of graph.nodes) if (op === "constant") expect(holds(id), `constant %${id}`).toBe(true);
  const values = plan.copies.map(({ value }) => {
    expect(holds(value), `copy of %${value}`).toBe(true);
    return sourceOf(graph, value);
  });
  plan.copies.forEach(({ variable }, i) => {
    variables.set(bufferOfNode(variable).name, values[i]!);
  });
  return { holds, variable: (name) => variables.get(name)! };
}

function checkUpdates(plan: Plan, variable: (name: string) => number): void {
  const { graph } = plan;
  const updated = new Map(graph.updates.map((update) => [update.variable, sourceOf(graph, update.value)]));
  for (const { id, op, name } of graph.nodes) {
    if (op === "variable") expect(variable(name), `variable ${name}`).toBe(updated.get(id) ?? id);
  }
}

const planned = (graph: Graph, catalog = fakeCatalog, keepAll = false) =>
  planGraph(separateOutputs(graph), "fake", catalog, { keepAll });

describe("planGraph", () => {
  it("lets every step read what its node asks for, and nothing else be overwritten", () => {
    const property = fc.property(randomGraph, (graph) => {
      const plan = planned(graph);
      checkUpdates(plan, simulate(plan, fakeCatalog).variable);
    });
    fc.assert(property, { seed: 1, numRuns: 400 });
  });

  it("writes over no input of a kernel that does not say it may", () => {
    const property = fc.property(randomGraph, (graph) => {
      const plan = planned(graph, plainCatalog);
      checkUpdates(plan, simulate(plan, plainCatalog).variable);
      for (const { inputs, output } of plan.steps) expect(inputs).not.toContain(output);
    });
    fc.assert(property, { seed: 2, numRuns: 150 });
  });

  it("keeps every tensor to the end when asked to", () => {
    const property = fc.property(randomGraph, (graph) => {
      const plan = planned(graph, fakeCatalog, true);
      const { holds, variable } = simulate(plan, fakeCatalog);
      checkUpdates(plan, variable);
      // a variable that was updated holds its new value
      for (const { id, op } of plan.graph.nodes) {
        const source = plan.graph.nodes[sourceOf(plan.graph, id)]!;
        if (op !== "variable" && source.op !== "variable") expect(holds(id), `%${id}`).toBe(true);
      }
    });
    fc.assert(property, { seed: 3, numRuns: 150 });
  });

  it("never takes less memory than is alive at once, nor more than all tensors together", () => {
    const property = fc.property(randomGraph, (graph) => {
      const plan = planned(graph);
      const intervals = intervalsOf(plan);
      expect(plan.arenaBytes).toBeGreaterThanOrEqual(lowerBound(intervals));
      expect(plan.arenaBytes).toBeLessThanOrEqual(intervals.reduce((sum, { bytes }) => sum + bytes, 0));
      for (const { offset, kind } of plan.buffers) expect(offset % 64).toBe(kind === "variable" ? -1 : 0);
    });
    fc.assert(property, { seed: 4, numRuns: 150 });
  });

  it("is a pure function of the graph", () => {
    const property = fc.property(randomGraph, (graph) => {
      expect(JSON.stringify(planned(structuredClone(graph)))).toBe(JSON.stringify(planned(graph)));
    });
    fc.assert(property, { seed: 5, numRuns: 50 });
  });

  it("uses one place for a chain of elementwise ops, and none for reshapes and updates", () => {
    const builder = new GraphBuilder();
    const v = builder.variable("v", [8, 8]);
    let value = mapNode(builder, [v], add(x(0), 1));
    for (let i = 2; i < 6; i++) {
      const flat = reshapeNode(builder, value, i % 2 === 0 ? [64] : [8, 8]);
      value = mapNode(builder, [flat], add(x(0), i));
    }
    builder.update(v, reshapeNode(builder, value, [8, 8]));
    const plan = planned(builder.build());
    expect(plan.steps.length).toBe(5);
    expect(plan.copies).toEqual([]);
    expect(plan.arenaBytes).toBe(4 * 64);
  });

  it("copies the value that two variables take", () => {
    const builder = new GraphBuilder();
    const [v, w] = [builder.variable("v", [8]), builder.variable("w", [8])];
    const value = mapNode(builder, [v, w], add(x(0), x(1)));
    builder.update(v, value);
    builder.update(w, value);
    const plan = planned(builder.build());
    checkUpdates(plan, simulate(plan, fakeCatalog).variable);
    expect(plan.copies.length).toBe(1);
  });
});

describe("a backend that cannot", () => {
  const builder = new GraphBuilder();
  builder.output("out", builder.add(softmax, [builder.input("in", [4, 6], "float32")], {}, "scores"));
  const graph = builder.build();
  const message = (kernels: KernelCatalog["softmax"] | undefined) => {
    try {
      planGraph(graph, "toy", { ...fakeCatalog, softmax: kernels as KernelCatalog["softmax"] });
    } catch (error) {
      expect(error).toMatchObject({ name: "FoveaError", code: "unsupported" });
      return (error as Error).message;
    }
    return "no error";
  };

  it("says which op it lacks, and why", () => {
    expect(message({ unsupported: "exponentials are too hard" })).toBe(
      'softmax "scores": the toy backend cannot compute it: exponentials are too hard.',
    );
    expect(message(undefined)).toBe('softmax "scores": the toy backend cannot compute it: it has no kernel for it.');
  });

  it("says what every kernel refuses", () => {
    const refusing = (name: string, why: string): Kernel => ({ name, accepts: () => why });
    const [small, odd] = [refusing("f32_small", "rows are longer than 4"), refusing("f32_odd", "rows are even")];
    expect(message([small, odd])).toBe(
      'softmax "scores": no kernel of the toy backend takes it: not f32_small: rows are longer than 4; ' +
        "not f32_odd: rows are even.",
    );
    const plan = planGraph(graph, "toy", { ...fakeCatalog, softmax: [small, odd, plain] });
    const step = plan.steps.find(({ kernel }) => kernel === "f32_any")!;
    expect(step.reason).toBe("not f32_small: rows are longer than 4; not f32_odd: rows are even");
    expect(planGraph(graph, "toy", fakeCatalog).steps[0]!.reason).toBe("first choice");
  });
});

/** What `placeIntervals` was given for a plan. */
function intervalsOf(plan: Plan): Interval[] {
  const align = (bytes: number) => 64 * Math.ceil(bytes / 64);
  const stepOf = new Map(plan.steps.map((step, i) => [step, i]));
  return [
    ...plan.buffers
      .filter(({ kind }) => kind !== "variable")
      .map(({ id, bytes, first, last }) => ({ key: `b${id}`, bytes: align(bytes), first, last })),
    ...plan.steps
      .filter(({ scratchBytes }) => scratchBytes > 0)
      .map((step) => {
        const at = stepOf.get(step)!;
        return { key: `s${at}`, bytes: align(step.scratchBytes), first: at, last: at };
      }),
  ];
}

describe("memory of training a batch of 50", () => {
  const optimizer = sgd(0.02, { momentum: 0.9, nesterov: true });
  const graphFor = (network: Network) =>
    optimize(trainingGraph(network, { loss: "crossEntropy", optimizer, batchSize: 50, inputDtype: "uint8" }));
  const measure = (plan: Plan, catalog: KernelCatalog) => {
    checkUpdates(plan, simulate(plan, catalog).variable);
    // every weight and every slot is updated where it is
    expect(plan.copies).toEqual([]);
    return { arena: plan.arenaBytes, bound: lowerBound(intervalsOf(plan)), variables: plan.variableBytes };
  };
  const withoutScratch = { ...plainCatalog, map: fakes.map! };
  const tensors = (network: Network) => measure(planned(graphFor(network), withoutScratch), withoutScratch);

  it("D1, tensors alone", () => {
    expect(tensors(mnistShallow())).toMatchInlineSnapshot(`
      {
        "arena": 1384896,
        "bound": 1384896,
        "variables": 790912,
      }
    `);
  });

  it("D2, tensors alone", () => {
    expect(tensors(mnistDeep())).toMatchInlineSnapshot(`
      {
        "arena": 3344896,
        "bound": 3344896,
        "variables": 2295936,
      }
    `);
  });

  it.each([
    ["D1", mnistShallow, 2],
    ["D2", mnistDeep, 16],
  ])("%s, with the scratch of WebAssembly kernels", async (_, make, mebibytes) => {
    // one thread and plain arithmetic: what every machine can do
    const backend = await createWasmBackend({ threads: 1, relaxedSimd: false });
    const plan = backend.plan(graphFor(make()));
    const { arena, bound } = measure(plan, bindCatalog(wasmCatalog, backend.engine));
    expect(arena).toBeLessThan(mebibytes * 2 ** 20);
    expect(arena / bound).toBeLessThan(1.05);
  });
});
