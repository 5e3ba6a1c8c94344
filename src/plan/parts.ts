import { bytesOf } from "../core/dtypes.js";
import { FoveaError } from "../core/errors.js";
import { type Shape, sameShape, sizeOf } from "../core/shapes.js";
import type { Graph, InputAttributes, Node, OpTable, TensorType } from "../graph/types.js";
import type { ConcatenateAttributes } from "../ops/concatenate.js";
import type { ConvInputGradientAttributes } from "../ops/conv.js";
import { usedInputs } from "../ops/expression.js";
import { type OpName, ops } from "../ops/index.js";
import type { MapAttributes } from "../ops/map.js";
import type { MatmulAttributes } from "../ops/matmul.js";
import type { PadAttributes } from "../ops/pad.js";
import type { ReduceAttributes } from "../ops/reduce.js";
import type { ReshapeAttributes } from "../ops/reshape.js";
import type { ResizeAttributes } from "../ops/resize.js";
import type { SliceAttributes } from "../ops/slice.js";
import type { TransposeAttributes } from "../ops/transpose.js";

/** What a program runs `parts` times, each time for the next examples of the batch. */
export interface Parts {
  readonly graph: Graph;
  readonly parts: number;
}

/** Most bytes that a step of one part may read and write, where a batch can be taken in parts: as much as is quick with all. */
const mostStepBytes = 128 * 1024 * 1024;

/**
 * The graph for a part of the batch, where it computes every example by itself and what lies between layers would not
 * stay in a core's cache for all of them: so they pass through all layers a few at a time. The parts are as large as
 * `costOf` thinks best, and no larger than memory should be; where one part is best, or examples depend on each other,
 * the graph stays as it is.
 */
export function inParts(graph: Graph): Parts {
  const whole: Parts = { graph, parts: 1 };
  const examples = examplesOf(graph);
  if (examples === undefined) return whole;
  const { batch } = examples;
  const work = workOf(graph, examples);
  const largest = Math.max(1, ...work.steps.map(({ read, result }) => read + result));
  const most = Math.max(1, Math.floor(batch * (mostStepBytes / largest)));
  let [best, least] = [1, Number.POSITIVE_INFINITY];
  for (let size = Math.min(batch, most); size >= 1; size--) {
    if (batch % size !== 0) continue;
    const cost = costOf(work, batch / size);
    if (cost < least) [best, least] = [size, cost];
  }
  return best === batch ? whole : (inPartsOf(graph, best) ?? whole);
}

/** The same in parts of `size` examples, a divisor of their number; undefined where examples depend on each other. */
export function inPartsOf(graph: Graph, size: number): Parts | undefined {
  const examples = examplesOf(graph);
  if (examples === undefined || examples.batch % size !== 0) return undefined;
  const part = partOf(graph, examples, size);
  return part && { graph: part, parts: examples.batch / size };
}

/** How many examples the inputs have, and the nodes that have a row for each. */
interface Examples {
  readonly batch: number;
  readonly batched: ReadonlySet<number>;
}

/** Undefined where a node mixes examples, an output has none, or the graph updates something. */
function examplesOf(graph: Graph): Examples | undefined {
  const batch = batchOf(graph);
  const batched = batch === undefined ? undefined : batchedNodes(graph, batch);
  return batch === undefined || batched === undefined ? undefined : { batch, batched };
}

/** Examples in all inputs of a graph that updates nothing. */
function batchOf({ nodes, updates }: Graph): number | undefined {
  const inputs = nodes.filter(({ op }) => op === "input");
  const batch = inputs[0]?.shape[0];
  if (updates.length > 0 || batch === undefined || batch < 2) return undefined;
  return inputs.every(({ shape }) => shape[0] === batch) ? batch : undefined;
}

/** The nodes that have a row for each example, or undefined if one mixes examples, or an output has no such rows. */
function batchedNodes({ nodes, outputs }: Graph, batch: number): ReadonlySet<number> | undefined {
  const batched = new Set<number>();
  for (const node of nodes) {
    if (node.op !== "input" && !node.inputs.some((id) => batched.has(id))) continue;
    const isBatched = (position: number) => batched.has(node.inputs[position]!);
    if (node.shape[0] !== batch) return undefined;
    if (node.op !== "input" && rowWise[node.op as OpName]?.(node, isBatched, batch) !== true) return undefined;
    batched.add(node.id);
  }
  const isComputed = (id: number) => batched.has(id) && nodes[id]!.op !== "input" && nodes[id]!.op !== "reshape";
  return Object.values(outputs).every(isComputed) ? batched : undefined;
}

type Rule = (node: Node, isBatched: (position: number) => boolean, batch: number) => boolean;

const attributesOf = <A>({ attributes }: Node): A => attributes as A;
const always: Rule = () => true;
/** The first input alone has examples; what an epilogue reads may have them or not. */
const leftAlone: Rule = (_node, isBatched) => isBatched(0) && !isBatched(1);
const alongOtherAxes: Rule = ({ shape }) => shape.length > 1;

/** Whether an op computes each example from that example of its inputs. Ops that are not here may mix them. */
const rowWise: { readonly [Op in OpName]?: Rule } = {
  map: (node) => usedInputs(attributesOf<MapAttributes>(node).expression).keys.length === 0,
  conv: leftAlone,
  convInputGradient: leftAlone,
  matmul: (node, isBatched, batch) =>
    !attributesOf<MatmulAttributes>(node).transposeA && leftAlone(node, isBatched, batch),
  batchMatmul: (node, isBatched) => isBatched(0) && isBatched(1) && node.shape.length > 2,
  gather: (_node, isBatched) => !isBatched(0) && isBatched(1),
  maxPool: always,
  averagePool: always,
  reshape: always,
  softmax: alongOtherAxes,
  softmaxCrossEntropy: (_node, isBatched) => isBatched(0) && isBatched(1),
  windowSum: alongOtherAxes,
  argmax: always,
  reduce: (node) => !attributesOf<ReduceAttributes>(node).axes.includes(0),
  concatenate: (node, isBatched) =>
    attributesOf<ConcatenateAttributes>(node).axis !== 0 && node.inputs.every((_, position) => isBatched(position)),
  pad: (node) => attributesOf<PadAttributes>(node).padding[0]!.every((border) => border === 0),
  slice(node, _isBatched, batch) {
    const { start, size, step } = attributesOf<SliceAttributes>(node);
    return start[0] === 0 && size[0] === batch && step[0] === 1;
  },
  transpose: (node) => attributesOf<TransposeAttributes>(node).permutation[0] === 0,
  resize: (node) => attributesOf<ResizeAttributes>(node).axis !== 0,
};

/** Bytes that stay in a core's own cache, and in the one that cores share. */
const ownCache = 2 * 1024 * 1024;
const sharedCache = 8 * 1024 * 1024;

/** What reading a byte from the shared cache costs, where one from memory costs 1. */
const sharedCost = 0.3;

/** Times that what a step computes crosses the border of a cache: made room for, written, read. */
const crossings = 3;

/** Bytes that kernels read for each byte of weights, transformed or in panels, where few examples share them. */
const weightCost = 3;

/** What starting a step once more costs, in bytes from memory. */
const startCost = 64 * 1024;

const reach = (bytes: number): number => (bytes <= ownCache ? 0 : bytes <= sharedCache ? sharedCost : 1);

const bytesOfTensor = (type: TensorType): number => bytesOf(type.dtype) * sizeOf(type.shape);

/** What a run works on, in bytes. */
interface Work {
  /** What each step reads and writes for each example: all of the batch together. */
  readonly steps: readonly { readonly read: number; readonly result: number }[];
  /** The variables that every part reads; of tables it reads single rows. */
  readonly weights: number;
}

function workOf({ nodes }: Graph, { batched }: Examples): Work {
  const computed = nodes.filter(({ id, op }) => batched.has(id) && op !== "input" && op !== "reshape");
  const isTable = ({ id }: Node) => {
    const readers = nodes.filter(({ inputs }) => inputs.includes(id));
    return readers.length > 0 && readers.every(({ op, inputs }) => op === "gather" && inputs[1] !== id);
  };
  return {
    steps: computed.map((node) => ({
      read: node.inputs.reduce((sum, id) => (batched.has(id) ? sum + bytesOfTensor(nodes[id]!) : sum), 0),
      result: bytesOfTensor(node),
    })),
    weights: nodes.reduce(
      (sum, node) => (node.op === "variable" && !isTable(node) ? sum + bytesOfTensor(node) : sum),
      0,
    ),
  };
}

/** Estimated cost of a run in so many parts, in bytes from memory. */
function costOf({ steps, weights }: Work, parts: number): number {
  const ofSteps = steps.reduce(
    (sum, { read, result }) => sum + parts * startCost + crossings * result * reach((read + result) / parts),
    0,
  );
  return ofSteps + (parts - 1) * weightCost * weights * reach(weights);
}

/** The graph with `size` examples in place of all; undefined where a shape rule is against it. */
function partOf({ nodes, outputs, updates }: Graph, { batched }: Examples, size: number): Graph | undefined {
  const table: OpTable = ops;
  const resized = (shape: Shape): Shape => [size, ...shape.slice(1)];
  const part: Node[] = [];
  for (const node of nodes) {
    if (!batched.has(node.id)) {
      part.push(node);
      continue;
    }
    const attributes = attributesOfPart(node, resized);
    const inputs = node.inputs.map((id) => part[id]!);
    try {
      const type = table[node.op]!.infer(inputs, attributes, node.name);
      if (!sameShape(type.shape, resized(node.shape))) return undefined;
      part.push({ ...node, ...type, attributes });
    } catch (error) {
      if (error instanceof FoveaError) return undefined;
      throw error;
    }
  }
  return { nodes: part, outputs, updates };
}

/** Attributes that name the number of examples. */
function attributesOfPart(node: Node, resized: (shape: Shape) => Shape): object {
  const { attributes } = node;
  switch (node.op) {
    case "input": {
      const { type, ...rest } = attributesOf<InputAttributes>(node);
      return { ...rest, type: { ...type, shape: resized(type.shape) } };
    }
    case "convInputGradient": {
      const { inputShape } = attributesOf<ConvInputGradientAttributes>(node);
      return { ...attributes, inputShape: resized(inputShape) };
    }
    case "reshape":
      return { ...attributes, shape: resized(attributesOf<ReshapeAttributes>(node).shape) };
    case "slice":
      return { ...attributes, size: resized(attributesOf<SliceAttributes>(node).size) };
    case "map": {
      const { shape } = attributesOf<MapAttributes>(node);
      return shape === undefined ? attributes : { ...attributes, shape: resized(shape) };
    }
    default:
      return attributes;
  }
}
