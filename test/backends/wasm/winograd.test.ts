import { afterAll, describe, expect, it } from "vitest";
import { createReferenceBackend } from "../../../src/backends/reference/index.js";
import { catalog } from "../../../src/backends/wasm/catalog.js";
import { createWasmBackend, type WasmBackend } from "../../../src/backends/wasm/index.js";
import { bindCatalog } from "../../../src/backends/wasm/kernel.js";
import { transpose, winogradMatrices } from "../../../src/backends/wasm/kernels/winograd/matrices.js";
import type { WasmStore } from "../../../src/backends/wasm/store.js";
import { keyOf, normalAt } from "../../../src/core/random.js";
import { GraphBuilder } from "../../../src/graph/builder.js";
import { conv, convFilterGradient, convInputGradient } from "../../../src/ops/conv.js";
import { add, maximum, x } from "../../../src/ops/expression.js";
import { mapNode } from "../../../src/ops/map.js";
import { optimize } from "../../../src/passes/index.js";
import type { Backend } from "../../../src/plan/backend.js";
import { planGraph } from "../../../src/plan/plan.js";
import { type ConvolutionSpec, convolution } from "../../cases/conv.js";

type Matrix = readonly (readonly number[])[];
const times = (m: Matrix, v: readonly number[]) => m.map((row) => row.reduce((sum, c, k) => sum + c * v[k]!, 0));
const numbers = (name: string, length: number) => Array.from({ length }, (_, i) => normalAt(keyOf(1, name), i));

describe("the matrices", () => {
  const sizes = [
    [2, 3],
    [4, 3],
    [6, 3],
    [2, 5],
    [4, 5],
  ] as const;
  it.each(sizes)("F(%i, %i) is a correlation", (m, r) => {
    const { a, b, g, points } = winogradMatrices(m, r);
    const [d, taps] = [numbers("d", points), numbers("g", r)];
    const [td, tg] = [times(b, d), times(g, taps)];
    const y = times(
      transpose(a),
      td.map((value, i) => value * tg[i]!),
    );
    y.forEach((value, i) => {
      const direct = taps.reduce((sum, tap, k) => sum + tap * d[i + k]!, 0);
      expect(value).toBeCloseTo(direct, 11);
    });
  });

  it.each(sizes)("F(%i, %i) gives the gradient for the taps", (m, r) => {
    const { a, b, g, points } = winogradMatrices(m, r);
    const [d, dy] = [numbers("d", points), numbers("dy", m)];
    const [td, ty] = [times(b, d), times(a, dy)];
    const taps = times(
      transpose(g),
      td.map((value, i) => value * ty[i]!),
    );
    taps.forEach((value, k) => {
      const direct = dy.reduce((sum, gradient, i) => sum + gradient * d[i + k]!, 0);
      expect(value).toBeCloseTo(direct, 11);
    });
  });

  it("refuses more points than it has", () => {
    expect(() => winogradMatrices(6, 5)).toThrow("F(6, 5) needs more than eight points");
  });
});

/**
 * How far may results be off? Every operation of F(m, r) rounds by at most u of its value; the errors then pass through
 * what is left of the transforms. With independent roundings (Higham and Mary, 2019) they add like variances, so along
 * one axis the error of output i is u · √(roundings) times at most
 *
 * `√ Σ_j Aᵢⱼ² · ‖B_j‖² · ‖G_j‖²`
 *
 * for inputs of size 1; the square of that for two axes, times the root of the number of summed channels (or tiles, for
 * the filter's gradient). λ = 8 deviations hold for any number of outputs tested here.
 */
function errorBound(m: number, r: number, summed: number, gradient: boolean, axes = 2): number {
  const { a, b, g, points } = winogradMatrices(m, r);
  const squares = (row: readonly number[]) => row.reduce((sum, value) => sum + value ** 2, 0);
  const [outer, inner] = gradient ? [g, a] : [a, g];
  const growth = Math.max(
    ...transpose(outer).map((row) =>
      Math.sqrt(row.reduce((sum, value, j) => sum + value ** 2 * squares(b[j]!) * squares(inner[j]!), 0)),
    ),
  );
  const roundings = 6 * points + summed;
  return 8 * 2 ** -24 * Math.sqrt(roundings) * growth ** axes * Math.sqrt(summed);
}

interface Geometry {
  readonly image: readonly [number, number, number, number];
  readonly filter: readonly [number, number, number, number];
  readonly padding: readonly [number, number, number, number];
}

const geometries: readonly (readonly [string, Geometry])[] = [
  ["5×5, same", { image: [3, 13, 9, 16], filter: [5, 5, 16, 24], padding: [2, 2, 2, 2] }],
  ["5×5, valid, a whole number of tiles", { image: [4, 12, 12, 32], filter: [5, 5, 32, 32], padding: [0, 0, 0, 0] }],
  ["5×5 on 7×7, channels in fours", { image: [10, 7, 7, 20], filter: [5, 5, 20, 36], padding: [2, 2, 2, 2] }],
  ["5×5, uneven padding", { image: [5, 10, 11, 24], filter: [5, 5, 24, 16], padding: [1, 3, 4, 0] }],
  ["3×3, same", { image: [2, 28, 30, 64], filter: [3, 3, 64, 64], padding: [1, 1, 1, 1] }],
  ["3×3, filters in panels", { image: [2, 7, 7, 128], filter: [3, 3, 128, 128], padding: [1, 1, 1, 1] }],
  ["5×5, filters in panels", { image: [3, 9, 10, 96], filter: [5, 5, 96, 96], padding: [2, 2, 0, 4] }],
  ["3×3, one image", { image: [1, 17, 23, 48], filter: [3, 3, 48, 64], padding: [0, 2, 1, 1] }],
];

const truth = createReferenceBackend({ precision: "float64" });

describe("the kernels", () => {
  const opened: Backend[] = [];
  afterAll(() => Promise.all(opened.map((backend) => backend.close())));

  const graphOf = ({ image, filter, padding }: Geometry) => {
    const window = { strides: [1, 1], dilation: [1, 1], groups: 1, padding } as const;
    const builder = new GraphBuilder();
    const [images, filters] = [builder.input("image", image, "float32"), builder.input("filter", filter, "float32")];
    const bias = builder.input("bias", [filter[3]], "float32");
    const y = builder.scope("y", () => builder.add(conv, [images, filters], window));
    const gradient = builder.input("gradient", y.shape, "float32");
    builder.output("y", mapNode(builder, [y, bias], maximum(add(x(0), x(1)), 0)));
    builder.output("dx", builder.add(convInputGradient, [gradient, filters], { ...window, inputShape: image }));
    builder.output("dw", builder.add(convFilterGradient, [images, gradient], { ...window, filterShape: filter }));
    return optimize(builder.build());
  };

  const run = async (backend: Backend, geometry: Geometry) => {
    const plan = backend.plan(graphOf(geometry));
    const program = await backend.compile(plan, backend.createStore());
    for (const node of plan.graph.nodes.filter(({ op }) => op === "input")) {
      const values = program.input(node.name);
      // in [-1, 1], exact in float32
      for (let i = 0; i < values.length; i++)
        values[i] = Math.fround(Math.sin(1000 * normalAt(keyOf(2, node.name), i)));
    }
    program.run();
    const values = ["y", "dx", "dw"].map((name) => Float64Array.from(program.output(name)));
    return { values, kernels: plan.steps.map(({ kernel }) => kernel) };
  };

  it.each(geometries)("%s", async (_name, geometry) => {
    const expected = await run(truth, geometry);
    const { image, filter, padding } = geometry;
    const [size, , channels, filters] = filter;
    const across = (axis: 1 | 2) => {
      const border = padding[2 * axis - 2]! + padding[2 * axis - 1]!;
      return Math.ceil((image[axis] + border - size + 1) / 4);
    };
    const summed = [channels, filters, image[0] * across(1) * across(2)];
    const first: Float64Array[] = [];
    for (const options of [
      { threads: 1 },
      { threads: 2, worthSharing: 0 },
      { threads: 3, worthSharing: 0 },
      { threads: 7, worthSharing: 0 },
      { threads: 1, wide: false },
      { threads: 1, relaxedSimd: false },
    ]) {
      const backend = await createWasmBackend(options);
      opened.push(backend);
      const { values, kernels } = await run(backend, geometry);
      expect(kernels.filter((kernel) => kernel.includes("winograd")).length, kernels.join()).toBeGreaterThanOrEqual(2);
      values.forEach((result, which) => {
        const bound = errorBound(4, size, summed[which]!, which === 2);
        let worst = 0;
        result.forEach((value, i) => {
          worst = Math.max(worst, Math.abs(value - expected.values[which]![i]!));
        });
        expect(result.length).toBe(expected.values[which]!.length);
        expect(worst, `${["y", "dx", "dw"][which]} within ${bound}`).toBeLessThan(bound);
        if (options.threads === 1 && first.length < 3) first.push(result);
        if (options.threads > 1) expect(result).toEqual(first[which]);
      });
    }
  });

  it("keep to the scratch memory that they ask for, however many threads there are", async () => {
    const graph = graphOf({ image: [3, 13, 9, 16], filter: [5, 5, 16, 24], padding: [2, 2, 2, 2] });
    for (const threads of [1, 3, 8]) {
      const backend = await createWasmBackend({ threads, worthSharing: 0 });
      opened.push(backend);
      const plan = backend.plan(graph);
      const store = backend.createStore() as WasmStore;
      const program = await backend.compile(plan, store);
      const end = store.arena(plan.arenaBytes) + plan.arenaBytes;
      // far behind the arena: what lies there belongs to others
      store.declare("guard", { shape: [1 << 20], dtype: "float32" });
      store.write("guard", new Float32Array(1 << 20).fill(7));
      expect(store.address("guard")).toBeGreaterThanOrEqual(end);
      program.run();
      expect(
        store.read("guard").every((value) => value === 7),
        `${threads} threads`,
      ).toBe(true);
    }
  });

  it("are chosen alike for any number of threads, so that results are the same", async () => {
    const engines: Backend[] = [];
    for (const threads of [1, 2, 3, 7]) engines.push(await createWasmBackend({ threads }));
    opened.push(...engines);
    for (const [batch, size, channels] of [
      [1, 56, 64],
      [1, 28, 128],
      [1, 14, 256],
      [2, 7, 512],
      [4, 9, 20],
      [3, 6, 36],
    ] as const) {
      for (const taps of [3, 5] as const) {
        const graph = graphOf({
          image: [batch, size, size, channels],
          filter: [taps, taps, channels, channels],
          padding: [1, 1, 1, 1],
        });
        const chosen = engines.map((backend) => backend.plan(graph).steps.map(({ kernel }) => kernel));
        for (const kernels of chosen) expect(kernels).toEqual(chosen[0]);
      }
    }
  });
});

/** With tiles of several sizes, rests of pixels, rows, channels and filters, and borders on each side. */
const alongRows: readonly ConvolutionSpec[] = [
  { size: [9, 21], channels: 3, filters: 64, kernel: [5, 5] },
  { size: [12, 12], channels: 3, filters: 16, kernel: [5, 5], padding: "valid", batch: 20 },
  { size: [11, 30], channels: 3, filters: 33, kernel: [7, 7], strides: [2, 2] },
  { size: [28, 28], channels: 1, filters: 10, kernel: [5, 5], strides: [2, 2], batch: 3 },
  { size: [8, 15], channels: 1, filters: 5, kernel: [3, 3] },
  { size: [10, 9], channels: 7, filters: 20, kernel: [3, 3], strides: [1, 2], padding: [1, 0, 0, 3] },
  { size: [13, 14], channels: 12, filters: 48, kernel: [3, 3], strides: [2, 2], padding: "valid" },
  { size: [14, 17], channels: 2, filters: 18, kernel: [4, 6], strides: [3, 3], padding: 2 },
  { size: [7, 16], channels: 4, filters: 8, kernel: [1, 7] },
  { size: [5, 9], channels: 9, filters: 4, kernel: [2, 2], padding: [1, 0, 1, 0] },
  { size: [3, 2], channels: 3, filters: 3, kernel: [5, 5], padding: 4 },
  { size: [90], channels: 2, filters: 24, kernel: [7], strides: [2] },
];

describe("the kernel along rows", () => {
  const name = "f32_conv2d_winograd_rows_simd128";
  const graphOf = ({ image, filter, attributes }: NonNullable<ReturnType<typeof convolution>>) => {
    const builder = new GraphBuilder();
    const float = (of: string, shape: readonly number[]) => builder.input(of, shape, "float32");
    const operands = [float("image", image), float("filter", filter), float("bias", filter.slice(-1))];
    const epilogue = maximum(add(x(0), x(1)), 0);
    builder.output("y", builder.add(conv, operands, { ...attributes, epilogue }));
    return builder.build();
  };
  const run = async (backend: Backend, plan: ReturnType<Backend["plan"]>) => {
    const program = await backend.compile(plan, backend.createStore());
    for (const input of ["image", "filter", "bias"]) {
      const values = program.input(input);
      for (let i = 0; i < values.length; i++) values[i] = Math.fround(Math.sin(1000 * normalAt(keyOf(3, input), i)));
    }
    program.run();
    return Float64Array.from(program.output("y"));
  };
  const planWith = ({ engine }: WasmBackend, graph: ReturnType<typeof graphOf>) =>
    planGraph(graph, "wasm", bindCatalog(catalog, engine), {
      choose: ({ candidates }) => ({ kernel: candidates.find((kernel) => kernel.name === name)!, reason: "tested" }),
    });

  it.each(alongRows.map((spec) => convolution(spec)!))("$name", async (geometry) => {
    const graph = graphOf(geometry);
    const expected = await run(truth, truth.plan(graph));
    const { strides } = geometry.attributes;
    const [taps, channels] = geometry.filter.slice(-3);
    const joined = Math.ceil(taps! / strides.at(-1)!);
    const rows = geometry.filter.length === 4 ? geometry.filter[0]! : 1;
    const summed = rows * strides.at(-1)! * channels! + 1;
    // the kernel has the choice of how many outputs a tile has
    const bounds = Array.from({ length: 8 - joined }, (_, i) => errorBound(2 + i, joined, summed, false, 1));
    const bound = Math.max(...bounds);
    let first: Float64Array | undefined;
    for (const options of [
      { threads: 1 },
      { threads: 2, worthSharing: 0 },
      { threads: 3, worthSharing: 0 },
      { threads: 1, wide: false },
      { threads: 1, relaxedSimd: false },
    ]) {
      const backend = await createWasmBackend(options);
      const values = await run(backend, planWith(backend, graph));
      expect(values.length).toBe(expected.length);
      const worst = Math.max(...values.map((value, i) => Math.abs(value - expected[i]!)));
      expect(worst, `within ${bound}`).toBeLessThan(bound);
      first ??= values;
      if (options.threads > 1) expect(values).toEqual(first);
      await backend.close();
    }
  });
});
