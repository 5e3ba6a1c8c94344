/**
 * How far may a float32 result lie from the float64 one? Every node gets a bound per element, worked out from the
 * values at hand by forward error analysis (Higham, "Accuracy and stability of numerical algorithms", ch. 3), so that
 * no tolerance is guessed. With u = 2⁻²⁴ (half a unit in the last place) and leaves exact in float32:
 *
 * - sums of products (matmul, conv family, pools, reduce, scatterAdd) of K terms:
 *   `γ(K) · Σ|terms| + what the operands' own bounds contribute`, where Σ|terms| is the same op on absolute values and
 *   `γ(K) = u · min(K + 3, 8·√(K + 3))`: K + 3 roundings in any order, at most; beyond 64 terms the probabilistic
 *   bound of Higham & Mary (2019), which holds with λ = 8 far beyond any number of elements tested;
 * - expressions: each operation adds u · |result| (or its stated ulps, below) to the first-order effect of its
 *   operands' bounds; a comparison that the bounds cannot decide may come out either way;
 * - softmax family: derived beside the code.
 *
 * For whole networks see relativeErrorOf.
 */

import { computeNode } from "../../src/backends/reference/program.js";
import type { NumericArray } from "../../src/core/dtypes.js";
import { sizeOf } from "../../src/core/shapes.js";
import type { Graph, Node } from "../../src/graph/types.js";
import type { Epilogue } from "../../src/ops/epilogue.js";
import {
  type Expression,
  evaluateBinary,
  evaluateUnary,
  type UnaryFunction,
  usedInputs,
} from "../../src/ops/expression.js";
import { uniformOfElement } from "../../src/ops/expression.reference.js";
import { broadcastOffsets } from "../../src/ops/offsets.reference.js";
import { type PoolWindows, windowAxes } from "../../src/ops/poolWindows.js";
import { reducedShape } from "../../src/ops/reduce.js";

/** Unit roundoff of float32. */
export const u = 2 ** -24;

/**
 * Accuracy that kernels promise for the functions that are not correctly rounded, in ulps (1 ulp ≤ 2u relative).
 * The others round correctly: u.
 */
export const ulps: { readonly [F in UnaryFunction]?: number } = {
  exp: 1.1,
  expm1: 2,
  log: 1,
  log1p: 2,
  tanh: 3,
  sigmoid: 3,
  erf: 2,
};

/** A float64 value for every element and how far a float32 backend may be from it. */
export interface Bounded {
  readonly value: NumericArray;
  readonly bound: Float64Array;
}

const gamma = (terms: number) => u * Math.min(terms + 3, 8 * Math.sqrt(terms + 3));

type Leaves = Readonly<Record<string, NumericArray>>;

/** Values in float64 and bounds of all nodes. */
export function boundsOf(graph: Graph, leaves: Leaves): Bounded[] {
  const all: Bounded[] = [];
  for (const node of graph.nodes) all.push(boundOfNode(node, graph.nodes, all, leaves));
  return all;
}

function boundOfNode(node: Node, nodes: readonly Node[], known: readonly Bounded[], leaves: Leaves): Bounded {
  const exact = (value: NumericArray) => ({ value, bound: new Float64Array(value.length) });
  if (node.op === "input" || node.op === "variable") {
    const values = leaves[node.name]!;
    return exact(node.dtype === "float32" ? Float64Array.from(values) : values);
  }
  if (node.op === "constant") {
    const { value } = node.attributes as { value: number };
    return { value: Float64Array.of(value), bound: Float64Array.of(roundingOf(value)) };
  }
  const inputs = node.inputs.map((id) => known[id]!);
  if (node.op === "reshape") return inputs[0]!;
  const { epilogue, prologue, ...attributes } = node.attributes as { epilogue?: Epilogue; prologue?: Expression };
  const plain: Node = { ...node, attributes };
  if (prologue !== undefined) {
    const shape = reducedShape(node.inputs.map((id) => nodes[id]!));
    const terms = { ...plain, id: nodes.length, shape };
    const bounds = [...known];
    bounds[terms.id] = boundOfMap(terms, prologue, nodes, inputs);
    return boundOfNode({ ...plain, inputs: [terms.id] }, [...nodes, terms], bounds, leaves);
  }
  if (node.op === "map")
    return boundOfMap(plain, (node.attributes as { expression: Expression }).expression, nodes, inputs);

  /** The op itself on other values of its inputs, with some attributes changed. */
  const computeWith: ComputeWith = (changed, ...values) => {
    const data = new Float64Array(sizeOf(node.shape));
    computeNode({ ...plain, attributes: { ...plain.attributes, ...changed } }, values, nodes, data);
    return data;
  };
  const result = boundOfLoops(plain, nodes, inputs, computeWith);
  if (epilogue === undefined) return result;
  const operands = [result, ...inputs.slice(2)];
  const ids = [nodes.length, ...node.inputs.slice(2)];
  return boundOfMap({ ...plain, inputs: ids }, epilogue, [...nodes, { ...plain, id: nodes.length }], operands);
}

type ComputeWith = (changed: object, ...values: NumericArray[]) => Float64Array;

function boundOfLoops(
  node: Node,
  nodes: readonly Node[],
  inputs: readonly Bounded[],
  computeWith: ComputeWith,
): Bounded {
  const compute = (...values: NumericArray[]) => computeWith({}, ...values);
  const [a, b, c] = inputs as [Bounded, Bounded, Bounded];
  const value = compute(...inputs.map((input) => input.value));
  const terms = termsOf(node, nodes);
  const reductionBound = (kind: string): Float64Array => {
    // neither the largest nor the smallest can be further off than the element that is furthest off
    if (kind === "max" || kind === "min") return computeWith({ kind: "max" }, a.bound);
    // Π (|x| + b) − Π |x| for what the elements are off, and each product rounds once
    if (kind === "prod") {
      const [most, exactly] = [compute(plus(absolute(a.value), a.bound)), compute(absolute(a.value))];
      return most.map((product, i) => product * (1 + gamma(terms)) - exactly[i]!);
    }
    return plus(scale(compute(absolute(a.value)), gamma(terms)), compute(a.bound));
  };
  switch (node.op) {
    case "matmul":
    case "batchMatmul":
    case "conv":
    case "convInputGradient":
    case "convFilterGradient": {
      const bound = scale(compute(absolute(a.value), absolute(b.value)), gamma(terms));
      if (!isExact(a)) accumulate(bound, compute(a.bound, plus(absolute(b.value), b.bound)));
      if (!isExact(b)) accumulate(bound, compute(absolute(a.value), b.bound));
      return { value, bound };
    }
    case "resize":
    case "resizeGradient":
    case "windowSum":
    case "averagePool":
    case "averagePoolGradient":
      return { value, bound: plus(scale(compute(absolute(a.value)), gamma(terms)), compute(a.bound)) };
    case "reduce":
      return { value, bound: reductionBound((node.attributes as { kind: string }).kind) };
    case "maxPool":
      return { value, bound: compute(a.bound) };
    case "gather":
      return { value, bound: compute(a.bound, b.value) };
    case "scatterAdd": {
      const bound = scale(compute(absolute(a.value), b.value), gamma(terms));
      return { value, bound: plus(bound, compute(a.bound, b.value)) };
    }
    case "maxPoolPick":
    case "maxPoolIndices":
    case "maxPoolGradient":
      if (!isExact(a)) throw new Error("bounds: the winners of max pooling are certain only for an exact image");
      if (node.op === "maxPoolIndices") return { value, bound: new Float64Array(value.length) };
      if (node.op === "maxPoolPick") return { value, bound: compute(a.value, b.value, c.bound) };
      return {
        value,
        bound: plus(
          scale(compute(a.value, b.value, absolute(c.value)), gamma(terms)),
          compute(a.value, b.value, c.bound),
        ),
      };
    case "slice":
    case "sliceGradient":
    case "concatenate":
    case "transpose":
      return { value, bound: compute(...inputs.map(({ bound }) => bound)) };
    case "pad": {
      const { value: border } = node.attributes as { value: number };
      // bounds of a border that is exact in float32 are 0, and so are those of the others wherever it is not read
      const bound = computeWith({ value: roundingOf(border) }, a.bound);
      return { value, bound };
    }
    case "softmax":
      return { value, bound: softmaxBound(a, value, terms) };
    case "softmaxCrossEntropy":
      return { value, bound: crossEntropyBound(a, b.value, value, terms) };
    case "softmaxCrossEntropyGradient":
      return { value, bound: crossEntropyGradientBound(a, b.value, c, terms) };
    case "argmax":
      return { value, bound: argmaxBound(a, value) };
    default:
      throw new Error(`bounds: no rule for ${node.op}`);
  }
}

/**
 * For whole networks the worst case of every element says nothing: bounds grow by Σ|terms| / |Σ terms| at each layer, and
 * the true errors, having random signs, do not. There, errors are judged together, as the norm of a tensor's errors
 * relative to the norm of the tensor. A sum of K terms is then off by about u·√K / 2, and what the nodes contribute adds
 * up at worst: `u · Σ_nodes √(K + 3)`.
 */
export function relativeErrorOf(graph: Graph): number {
  const computed = graph.nodes.filter((node) => node.inputs.length > 0 && node.op !== "reshape");
  return u * computed.reduce((sum, node) => sum + Math.sqrt(termsOf(node, graph.nodes) + 3), 0);
}

/** How many terms one result element sums, at most. */
export function termsOf(node: Node, nodes: readonly Node[]): number {
  const input = (position: number) => nodes[node.inputs[position]!]!.shape;
  const attributes = node.attributes as {
    transposeA?: boolean;
    groups?: number;
    axes?: readonly number[];
    size?: number;
    inputSize?: number;
    before?: number;
    after?: number;
  };
  switch (node.op) {
    case "matmul":
      return input(0)[attributes.transposeA ? 0 : 1]!;
    case "conv":
    case "convFilterGradient":
      return sizeOf(input(1).slice(0, -1));
    case "convInputGradient":
      return (sizeOf(input(1).slice(0, -2)) * input(1).at(-1)!) / attributes.groups!;
    case "batchMatmul":
      return input(0)[input(0).length - (attributes.transposeA ? 2 : 1)]!;
    case "windowSum":
      return attributes.before! + attributes.after! + 1;
    case "resize":
      return 2;
    case "resizeGradient":
      return Math.ceil((2 * attributes.size!) / attributes.inputSize!) + 2;
    case "averagePool":
    case "maxPoolGradient":
    case "averagePoolGradient": {
      const image = node.op === "averagePoolGradient" ? node.shape : input(0);
      const axes = windowAxes(node.attributes as PoolWindows, image.slice(1, -1));
      // a pixel is under at most as many windows as there are taps, or as windows overlap
      return sizeOf(axes.map(({ kernel, windows, adaptive }) => (adaptive ? Math.max(kernel, windows) : kernel)));
    }
    case "reduce":
      return sizeOf(attributes.axes!.map((axis) => reducedShape(node.inputs.map((id) => nodes[id]!))[axis]!));
    case "scatterAdd":
      return sizeOf(input(1));
    case "softmax":
    case "softmaxCrossEntropy":
    case "softmaxCrossEntropyGradient":
      return input(0)[input(0).length - 1]!;
    default:
      return 1;
  }
}

/** One row of softmax: probabilities p, the relative bound ρ_j of each power, and of their sum. */
function analyseRow(logits: Bounded, first: number, columns: number, terms: number) {
  const row = Float64Array.from(logits.value.subarray(first, first + columns));
  const max = Math.max(...row);
  const powers = Float64Array.from(row, (value) => Math.exp(value - max));
  const sum = powers.reduce((total, power) => total + power, 0);
  const p = powers.map((power) => power / sum);
  // x − max rounds, which exp turns into a relative error; so does an error of x (and that of max cancels in p)
  const power = powers.map((_, j) => u * Math.abs(row[j]! - max) + 2 * ulps.exp! * u + logits.bound[first + j]!);
  const sumBound = gamma(terms) + p.reduce((total, probability, j) => total + probability * power[j]!, 0);
  return { row, max, sum, p, power, sumBound };
}

function softmaxBound(logits: Bounded, value: NumericArray, terms: number): Float64Array {
  const columns = terms;
  return Float64Array.from(value, (probability, element) => {
    const j = element % columns;
    const { power, sumBound } = analyseRow(logits, element - j, columns, terms);
    // quotient of a power and the sum; 2u for the division, or a reciprocal and a product
    return probability * Math.expm1(power[j]! + sumBound + 2 * u);
  });
}

function crossEntropyBound(logits: Bounded, labels: NumericArray, value: NumericArray, terms: number): Float64Array {
  return Float64Array.from(value, (loss, n) => {
    const first = n * terms;
    const { row, max, sum, sumBound } = analyseRow(logits, first, terms, terms);
    const label = labels[n]!;
    // log turns the sum's relative bound into an absolute one
    const ofLog = sumBound + 2 * ulps.log! * u * Math.log(sum);
    const ofLabel = u * Math.abs(row[label]! - max) + logits.bound[first + label]!;
    return ofLog + ofLabel + u * Math.abs(loss);
  });
}

function crossEntropyGradientBound(
  logits: Bounded,
  labels: NumericArray,
  gradient: Bounded,
  terms: number,
): Float64Array {
  return Float64Array.from(logits.value, (_, element) => {
    const j = element % terms;
    const n = (element - j) / terms;
    const { p, power, sumBound } = analyseRow(logits, element - j, terms, terms);
    const difference = p[j]! - (j === labels[n] ? 1 : 0);
    const ofDifference = p[j]! * Math.expm1(power[j]! + sumBound + 2 * u) + u * Math.abs(difference);
    const g = Math.abs(gradient.value[n]!);
    return ofDifference * (g + gradient.bound[n]!) + Math.abs(difference) * (gradient.bound[n]! + u * g);
  });
}

/** Exact, unless the bounds leave the winner open. */
function argmaxBound(values: Bounded, winners: NumericArray): Float64Array {
  const columns = values.value.length / winners.length;
  return Float64Array.from(winners, (winner, n) => {
    const at = (j: number) => ({ value: values.value[n * columns + j]!, bound: values.bound[n * columns + j]! });
    const best = at(winner);
    const open = Array.from({ length: columns }, (_, j) => at(j)).some(
      ({ value, bound }, j) => j !== winner && bound + best.bound > 0 && best.value - value <= bound + best.bound,
    );
    return open ? columns : 0;
  });
}

function boundOfMap(node: Node, expression: Expression, nodes: readonly Node[], inputs: readonly Bounded[]): Bounded {
  const value = new Float64Array(sizeOf(node.shape));
  const bound = new Float64Array(value.length);
  const { values } = usedInputs(expression);
  const offsets = inputs.map((_, index) =>
    values.includes(index) ? broadcastOffsets(node.shape, nodes[node.inputs[index]!]!.shape) : [],
  );
  for (let element = 0; element < value.length; element++) {
    const pair = boundExpression(expression, {
      read: (index) => {
        const offset = offsets[index]![element]!;
        const { value, bound } = inputs[index]!;
        return {
          value: value[offset]!,
          error: bound[offset]! + (bound[offset] === 0 ? roundingOf(value[offset]!) : 0),
        };
      },
      random: (key, salt) => uniformOfElement(inputs[key]!.value, element, salt),
    });
    value[element] = pair.value;
    bound[element] = pair.error;
  }
  return { value, bound };
}

interface Pair {
  readonly value: number;
  readonly error: number;
}

/** Value of an expression at one element, and how far float32 arithmetic may be from it. */
export function boundExpression(
  expression: Expression,
  reader: { read(index: number): Pair; random(key: number, salt: number): number },
): Pair {
  const at = (e: Expression): Pair => {
    switch (e.kind) {
      case "input":
        return reader.read(e.index);
      case "constant":
        return { value: e.value, error: roundingOf(e.value) };
      case "random":
        return { value: reader.random(e.key, e.salt), error: 0 };
      case "unary": {
        const a = at(e.a);
        const value = evaluateUnary(e.fn, a.value);
        return { value, error: unaryError(e.fn, a, value) };
      }
      case "binary": {
        const [a, b] = [at(e.a), at(e.b)];
        const value = evaluateBinary(e.fn, a.value, b.value);
        return { value, error: binaryError(e.fn, a, b, value) };
      }
      case "select": {
        const [condition, a, b] = [at(e.condition), at(e.a), at(e.b)];
        if (condition.error > 0) {
          const worst = Math.max(a.error, b.error) + Math.abs(a.value - b.value);
          return { value: condition.value !== 0 ? a.value : b.value, error: worst };
        }
        return condition.value !== 0 ? a : b;
      }
    }
  };
  return at(expression);
}

function unaryError(fn: UnaryFunction, { value: a, error }: Pair, value: number): number {
  const own = (ulps[fn] === undefined ? u : 2 * ulps[fn]! * u) * Math.abs(value);
  switch (fn) {
    case "negate":
    case "absolute":
      return error;
    case "exp":
      return value * Math.expm1(error) + own;
    case "expm1":
      return (value + 1) * Math.expm1(error) + own;
    case "log1p":
      return (error < a + 1 ? error / (a + 1 - error) : error === 0 ? 0 : Infinity) + own;
    case "erf":
      return (2 / Math.sqrt(Math.PI)) * error + own;
    case "log":
      return (error < a ? error / (a - error) : error === 0 ? 0 : Infinity) + own;
    case "sqrt":
      return (error < a ? error / (Math.sqrt(a) + Math.sqrt(a - error)) : Math.sqrt(2 * error)) + own;
    case "tanh":
      return Math.min(error, error * (1 - value * value + 2 * error)) + own;
    case "sigmoid":
      return Math.min(error / 4, value * Math.expm1(error)) + own;
    case "floor":
      return Math.floor(a + error) - Math.floor(a - error);
  }
}

function binaryError(fn: string, a: Pair, b: Pair, value: number): number {
  const own = u * Math.abs(value);
  switch (fn) {
    case "add":
    case "subtract":
      return a.error + b.error + own;
    case "multiply":
      return Math.abs(a.value) * b.error + Math.abs(b.value) * a.error + a.error * b.error + own;
    case "divide": {
      const least = Math.abs(b.value) - b.error;
      const carried = a.error + Math.abs(value) * b.error;
      return (carried === 0 ? 0 : least > 0 ? carried / least : Infinity) + own;
    }
    case "maximum":
    case "minimum":
      return Math.max(a.error, b.error);
    default: // comparisons
      return a.error + b.error > 0 && Math.abs(a.value - b.value) <= a.error + b.error ? 1 : 0;
  }
}

/** What storing a number as float32 changes. */
function roundingOf(value: number): number {
  return Number.isFinite(value) ? Math.abs(value - Math.fround(value)) : 0;
}

const isExact = ({ bound }: Bounded) => bound.every((value) => value === 0);
const absolute = (values: NumericArray) => Float64Array.from(values, Math.abs);
const scale = (values: Float64Array, factor: number) => values.map((value) => value * factor);
const plus = (a: Float64Array, b: Float64Array) => a.map((value, i) => value + b[i]!);
const accumulate = (sum: Float64Array, more: Float64Array) => {
  for (let i = 0; i < sum.length; i++) sum[i]! += more[i]!;
};
