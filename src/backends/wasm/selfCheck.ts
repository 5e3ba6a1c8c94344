import { platform } from "#platform";
import { GraphBuilder } from "../../graph/builder.js";
import type { Graph, Node } from "../../graph/types.js";
import { conv, convFilterGradient, convInputGradient } from "../../ops/conv.js";
import { add, exp, maximum, x } from "../../ops/expression.js";
import { mapNode } from "../../ops/map.js";
import { matmulNode } from "../../ops/matmul.js";
import { reduceNode } from "../../ops/reduce.js";
import type { Program } from "../../plan/backend.js";
import { planGraph } from "../../plan/plan.js";
import { createReferenceBackend } from "../reference/index.js";
import { catalog } from "./catalog.js";
import { compilePlan } from "./compile.js";
import { bindCatalog, type Engine } from "./kernel.js";
import { type ProgramFunctions, WasmProgram } from "./program.js";
import { WasmStore } from "./store.js";

/** What became of an experiment of the engine: `none` where it has no such thing, or needs no experiment. */
export type Verdict = "right" | "wrong" | "none";

/** What a test may do to the results of the program that is checked. */
export type Distortion = (outputs: Readonly<Record<string, Float32Array>>) => void;

/** Features that V8 has behind a flag. A mistake in one would be a network that silently learns something else. */
const experiments = {
  fused: { set: (on: boolean) => platform.relaxWasm(on), failure: "fused multiply-add gives", instead: "two steps" },
  wide: { set: (on: boolean) => platform.widenWasm(on), failure: "256-bit vectors give", instead: "128-bit ones" },
} as const;

const verdicts = new Map<keyof typeof experiments, Promise<Verdict>>();

/** Forgets the verdicts, for tests. */
export function forgetVerdicts(): void {
  verdicts.clear();
}

/**
 * Switches 256-bit vectors on (V8's revectoriser) if this process's engine has them and computes rightly with them;
 * decided once. A small program with the kernels' full tiles runs as optimised code, and is compared with naive loops.
 * Where they differ, the vectors are switched off again and the user is told.
 *
 * Takes 24 ms once per process (Node 26, EPYC of 2.6 GHz), of which 11 ms come back: the emitter is warm when the first
 * program needs it. Winograd's kernels would add 12 ms, so only `fovea doctor` checks them, by {@link computesRightly}.
 */
export function widen(engine: Engine, distort?: Distortion): Promise<Verdict> {
  return decideOnce("wide", { ...engine, wide: true }, distort);
}

/** The same for relaxed SIMD where it is behind a flag, on Node 20. `engine` is one that uses it. */
export function fuse(engine: Engine, distort?: Distortion): Promise<Verdict> {
  return decideOnce("fused", engine, distort);
}

function decideOnce(name: keyof typeof experiments, engine: Engine, distort: Distortion | undefined) {
  let verdict = verdicts.get(name);
  if (verdict === undefined) {
    verdict = decide(experiments[name], engine, distort);
    verdicts.set(name, verdict);
  }
  return verdict;
}

async function decide(
  { set, failure, instead }: (typeof experiments)[keyof typeof experiments],
  engine: Engine,
  distort: Distortion | undefined,
): Promise<Verdict> {
  if (!set(true)) return "none";
  if (await computesRightly(engine, smallGraph(), distort)) return "right";
  set(false);
  platform.warn(`fovea: ${failure} wrong results on this engine; using ${instead}`);
  return "wrong";
}

/**
 * Whether an engine's optimised code and naive loops agree on a graph whose outputs are float32. Lanes that are mixed
 * up are off by as much as the values themselves, rounding by some 10⁻⁶ of them: anything in between tells them apart.
 */
export async function computesRightly(engine: Engine, graph: Graph, distort?: Distortion): Promise<boolean> {
  const reference = createReferenceBackend();
  const expected = await reference.compile(reference.plan(graph), reference.createStore());
  fillInputs(expected, graph);
  expected.run();
  let received: Program;
  try {
    received = runOptimized(graph, { ...engine, threads: 1 });
  } catch (error) {
    // wrong code may also read or write where there is no memory
    if (error instanceof WebAssembly.RuntimeError) return false;
    throw error;
  }
  const names = Object.keys(graph.outputs);
  distort?.(Object.fromEntries(names.map((name) => [name, received.output(name) as Float32Array])));
  return names.every((name) => agree(received.output(name), expected.output(name)));
}

function agree(received: ArrayLike<number>, expected: ArrayLike<number>): boolean {
  const values = Array.from(expected);
  const tolerance = 1e-4 * Math.max(...values.map(Math.abs));
  return values.every((value, i) => Math.abs(received[i]! - value) <= tolerance);
}

/** The first run is by the baseline compiler, which joins no vectors; the second by the optimising one, which does. */
function runOptimized(graph: Graph, engine: Engine): Program {
  const plan = planGraph(graph, "wasm", bindCatalog(catalog, engine));
  const store = new WasmStore(false);
  store.arena(plan.arenaBytes);
  const { bytes } = compilePlan(plan, engine, store.addresses);
  return platform.optimizingWasm(() => {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { fovea: { memory: store.memory } });
    const program = new WasmProgram(plan, store, instance.exports as unknown as ProgramFunctions);
    fillInputs(program, graph);
    program.run();
    for (const name of Object.keys(graph.outputs)) program.output(name).fill(Number.NaN);
    program.run();
    return program;
  });
}

/** Numbers of both signs without a pattern that vectors share, exact in float32. */
function fillInputs(program: Program, { nodes }: Graph): void {
  for (const { op, name } of nodes) {
    if (op !== "input") continue;
    const values = program.input(name);
    for (let i = 0; i < values.length; i++) values[i] = (((i + 3) * 7919) % 61) / 32 - 0.9375;
  }
}

/** One of each kind of kernel, as small as full tiles (6 × 16 floats) allow. */
export function smallGraph(): Graph {
  const builder = new GraphBuilder();
  addConvolutions(builder, { height: 1, width: 6, channels: 16, taps: [1, 3] });
  addNarrowConvolution(builder);
  addChannelConvolutions(builder);
  // full tiles, and two rows beside them that take three tiles' columns at once
  const matrix = builder.input("matrix", [14, 16], "float32");
  addOutput(builder, matmulNode(builder, matrix, builder.input("right", [16, 48], "float32")));
  // columns beside full tiles, along the reduction and along the rows
  const [long, few] = [builder.input("long", [4, 64], "float32"), builder.input("few", [64, 2], "float32")];
  addOutput(builder, matmulNode(builder, long, few));
  const short = builder.input("short", [16, 2], "float32");
  addOutput(builder, matmulNode(builder, builder.input("turned", [16, 32], "float32"), short, true, false));
  addOutput(builder, mapNode(builder, [matrix], exp(x(0))));
  addOutput(builder, reduceNode(builder, matrix, "sum", [0]));
  addOutput(builder, reduceNode(builder, matrix, "sum", [1]));
  return builder.build();
}

/** A convolution of one channel with ten filters, and its filter's gradient. */
function addNarrowConvolution(builder: GraphBuilder): void {
  const image = builder.input("narrow image", [1, 5, 18, 1], "float32");
  const filter = builder.input("narrow filter", [3, 3, 1, 10], "float32");
  const gradient = builder.input("narrow gradient", [1, 3, 8, 10], "float32");
  const window = { strides: [1, 2], dilation: [1, 1], padding: [0, 0, 0, 0], groups: 1 } as const;
  addOutput(builder, builder.add(conv, [image, filter], window));
  const filterShape = filter.shape;
  addOutput(builder, builder.add(convFilterGradient, [image, gradient], { ...window, filterShape }));
}

/** Convolutions with vectors over channels: depthwise ones and those into few channels, with tiles and edges. */
function addChannelConvolutions(builder: GraphBuilder): void {
  const input = (name: string, ...shape: number[]) => builder.input(`channels ${name}`, shape, "float32");
  const epilogue = maximum(add(x(0), x(1)), 0);
  for (const [filters, groups] of [
    [8, 8],
    [2, 1],
  ] as const) {
    const [image, gradient] = [input("image", 1, 2, 10, 8), input(`gradient ${filters}`, 1, 2, 10, filters)];
    const filter = input(`filter ${filters}`, 1, 3, 8 / groups, filters);
    const window = { strides: [1, 1], dilation: [1, 1], padding: [0, 0, 1, 1], groups };
    const bias = input(`bias ${filters}`, filters);
    addOutput(builder, builder.add(conv, [image, filter, bias], { ...window, epilogue }));
    const filterShape = filter.shape;
    addOutput(builder, builder.add(convFilterGradient, [image, gradient], { ...window, filterShape }));
    // read the other way round, a few channels are the image's
    const back = groups === 1 ? input("few", 1, 3, filters, 8) : filter;
    const inputShape = groups === 1 ? gradient.shape : image.shape;
    addOutput(builder, builder.add(convInputGradient, [image, back], { ...window, inputShape }));
  }
}

/** Convolutions large enough for Winograd's kernels, 3 × 3 and 5 × 5. */
export function winogradGraph(): Graph {
  const builder = new GraphBuilder();
  addConvolutions(builder, { height: 16, width: 16, channels: 32, taps: [3, 3] });
  addConvolutions(builder, { height: 16, width: 16, channels: 32, taps: [5, 5] });
  // along rows, with a stride, a rest of pixels and one of filters
  const [image, filter] = [input(builder, "rows", 2, 16, 19, 3), input(builder, "filter of rows", 5, 5, 3, 42)];
  const window = { strides: [1, 2], dilation: [1, 1], padding: [2, 2, 2, 2], groups: 1 } as const;
  addOutput(builder, builder.add(conv, [image, filter], window));
  return builder.build();
}

const input = (builder: GraphBuilder, name: string, ...shape: number[]): Node => builder.input(name, shape, "float32");

interface ConvolutionSizes {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly taps: readonly [number, number];
}

/** A convolution with bias and rectifier as its epilogue, and the two gradients of one. */
function addConvolutions(builder: GraphBuilder, { height, width, channels, taps }: ConvolutionSizes): void {
  const input = (name: string, ...shape: number[]) => builder.input(`${name} ${taps}`, shape, "float32");
  const [image, gradient] = [input("image", 1, height, width, channels), input("gradient", 1, height, width, channels)];
  const filter = input("filter", ...taps, channels, channels);
  const [top, left] = [(taps[0] - 1) / 2, (taps[1] - 1) / 2];
  const window = { strides: [1, 1], dilation: [1, 1], padding: [top, top, left, left], groups: 1 } as const;
  const epilogue = maximum(add(x(0), x(1)), 0);
  addOutput(builder, builder.add(conv, [image, filter, input("bias", channels)], { ...window, epilogue }));
  const { shape } = image;
  addOutput(builder, builder.add(convInputGradient, [gradient, filter], { ...window, inputShape: shape }));
  const filterShape = filter.shape;
  addOutput(builder, builder.add(convFilterGradient, [image, gradient], { ...window, filterShape }));
}

function addOutput(builder: GraphBuilder, node: Node): void {
  builder.output(`${node.op} ${node.id}`, node);
}
