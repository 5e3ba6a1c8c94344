import { fail } from "../core/errors.js";
import type { Shape } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node } from "../graph/types.js";
import { batchMatmulNode } from "../ops/batchMatmul.js";
import { concatenateNode } from "../ops/concatenate.js";
import { add, divide, type Expression, maximum, minimum, multiply, subtract, x } from "../ops/expression.js";
import { mapNode } from "../ops/map.js";
import { matmulNode } from "../ops/matmul.js";
import { type PadAttributes, type PadMode, padNode } from "../ops/pad.js";
import { type ReduceAttributes, reduceKeepingAxes, reduceNode } from "../ops/reduce.js";
import { reshapeNode, stopGradient } from "../ops/reshape.js";
import { sliceNode } from "../ops/slice.js";
import { transposeNode } from "../ops/transpose.js";
import { type Activation, checkActivation, emitActivation } from "./activations.js";
import { checkArity, type Layer, placeOf } from "./layer.js";
import { expressionOf } from "./math.js";

/** How reductions treat the axes that they reduce. */
export interface ReduceOptions {
  /** Whether the axes stay, with extent 1, so that the result broadcasts against the tensor. Default: false. */
  readonly keepDims?: boolean;
}

export let nodeOf: (tensor: Tensor) => Node;

/**
 * What the layers that {@link defineLayer} makes compute with: a tensor that is not there yet, with the batch as its
 * first axis (a weight has none). Methods describe a computation and return its result; gradients follow by themselves.
 * Shapes broadcast as in NumPy: aligned at the last axis, an extent of 1 is repeated.
 *
 * Errors: code "shape" or "option", from the operation that cannot be done.
 *
 * @example
 * const standardize = defineLayer({
 *   name: "standardize",
 *   call: ([x]) => x.subtract(x.mean([1], { keepDims: true })).map((a) => math.divide(a, 255)),
 * });
 */
export class Tensor {
  readonly #builder: GraphBuilder;
  readonly #node: Node;

  static {
    nodeOf = (tensor) => tensor.#node;
  }

  /** Tensors come from `defineLayer`; there is no reason to make one. */
  constructor(builder: GraphBuilder, node: Node) {
    this.#builder = builder;
    this.#node = node;
  }

  /** Extents of all axes, the batch included. */
  get shape(): Shape {
    return this.#node.shape;
  }

  /** `f(this, others…)` element by element, in the functions of `math`. */
  map(body: (...values: Expression[]) => Expression | number, ...others: readonly Tensor[]): Tensor {
    return this.#of(mapNode(this.#builder, [this, ...others].map(nodeOf), expressionOf("map", body)));
  }

  add(other: Tensor | number): Tensor {
    return this.#with(other, add);
  }

  subtract(other: Tensor | number): Tensor {
    return this.#with(other, subtract);
  }

  multiply(other: Tensor | number): Tensor {
    return this.#with(other, multiply);
  }

  divide(other: Tensor | number): Tensor {
    return this.#with(other, divide);
  }

  maximum(other: Tensor | number): Tensor {
    return this.#with(other, maximum);
  }

  minimum(other: Tensor | number): Tensor {
    return this.#with(other, minimum);
  }

  /** An activation by name; `softmax` is along the last axis. */
  activation(name: Activation): Tensor {
    return this.#of(emitActivation(this.#builder, this.#node, checkActivation("activation", name)));
  }

  /**
   * Matrix product over the last two axes. A right matrix of two axes serves all matrices on the left; otherwise the
   * axes before broadcast.
   */
  matmul(
    other: Tensor,
    { transpose = false }: { /** Of the right matrix. */ readonly transpose?: boolean } = {},
  ): Tensor {
    const [a, b] = [this.#node, nodeOf(other)];
    if (b.shape.length !== 2) return this.#of(batchMatmulNode(this.#builder, a, b, false, transpose));
    const k = a.shape[a.shape.length - 1] ?? 1;
    const rows = a.shape.slice(0, -1);
    const matrix = reshapeNode(this.#builder, a, [rows.reduce((product, extent) => product * extent, 1), k]);
    const result = matmulNode(this.#builder, matrix, b, false, transpose);
    return this.#of(reshapeNode(this.#builder, result, [...rows, result.shape[1]!]));
  }

  /** The same values in row-major order under another shape. */
  reshape(shape: Shape): Tensor {
    return this.#of(reshapeNode(this.#builder, this.#node, shape));
  }

  /** Axis k of the result is axis `permutation[k]`. */
  transpose(permutation: readonly number[]): Tensor {
    return this.#of(transposeNode(this.#builder, this.#node, permutation));
  }

  /** `size` elements along each axis, from `start` on, `step` apart (default: 1; negative goes backwards). */
  slice(start: readonly number[], size: readonly number[], step?: readonly number[]): Tensor {
    return this.#of(sliceNode(this.#builder, this.#node, start, size, step));
  }

  /** A border: [before, after] for every axis. Default: zeros. */
  pad(
    padding: PadAttributes["padding"],
    { mode = "constant", value = 0 }: { readonly mode?: PadMode; readonly value?: number } = {},
  ): Tensor {
    return this.#of(padNode(this.#builder, this.#node, padding, mode, value));
  }

  /** This tensor and others, one after the other along `axis`. */
  concatenate(axis: number, ...others: readonly Tensor[]): Tensor {
    return this.#of(concatenateNode(this.#builder, [this, ...others].map(nodeOf), axis));
  }

  broadcastTo(shape: Shape): Tensor {
    return this.#of(mapNode(this.#builder, [this.#node], x(0), shape));
  }

  /** Sum over axes, by default all but the batch. */
  sum(axes?: readonly number[], options?: ReduceOptions): Tensor {
    return this.#reduce("sum", axes, options);
  }

  /** Mean over axes, by default all but the batch. */
  mean(axes?: readonly number[], options?: ReduceOptions): Tensor {
    return this.#reduce("mean", axes, options);
  }

  /** Largest value over axes, by default all but the batch. */
  max(axes?: readonly number[], options?: ReduceOptions): Tensor {
    return this.#reduce("max", axes, options);
  }

  /** Smallest value over axes, by default all but the batch. */
  min(axes?: readonly number[], options?: ReduceOptions): Tensor {
    return this.#reduce("min", axes, options);
  }

  /** Product over axes, by default all but the batch. */
  prod(axes?: readonly number[], options?: ReduceOptions): Tensor {
    return this.#reduce("prod", axes, options);
  }

  /**
   * What a layer without weights and random numbers gives for this tensor, and for others where it takes several:
   * `x.apply(maxPool2d(2))`.
   */
  apply(layer: Layer, ...others: readonly Tensor[]): Tensor {
    const { definition, config } = layer;
    const where = placeOf(layer.kind, layer.name);
    const inputs = [this, ...others].map(nodeOf);
    const shapes = inputs.map(({ shape }) => shape.slice(1));
    checkArity(definition, inputs.length, where);
    definition.outputShape(config, shapes, where);
    if (definition.weights(config, shapes).length > 0 || definition.isRandom?.(config)) {
      const problem = "cannot be applied to a tensor, since it has weights or draws random numbers";
      fail({ code: "unsupported", where, problem, fix: "Use it as a layer of the network" });
    }
    const context = {
      builder: this.#builder,
      name: layer.kind,
      config,
      inputs,
      weights: {},
      frozen: new Set<string>(),
    };
    return this.#of(definition.emit({ ...context, training: false, randomKey: undefined, salt: 0, update: () => {} }));
  }

  /** The same values, as a constant for gradients. */
  stopGradient(): Tensor {
    return this.#of(stopGradient(this.#builder, this.#node));
  }

  #of(node: Node): Tensor {
    return new Tensor(this.#builder, node);
  }

  #with(other: Tensor | number, combine: (a: Expression, b: Expression | number) => Expression): Tensor {
    if (typeof other === "number") return this.#of(mapNode(this.#builder, [this.#node], combine(x(0), other)));
    return this.#of(mapNode(this.#builder, [this.#node, nodeOf(other)], combine(x(0), x(1))));
  }

  #reduce(
    kind: ReduceAttributes["kind"],
    axes: readonly number[] = this.shape.map((_, axis) => axis).slice(1),
    { keepDims = false }: ReduceOptions = {},
  ): Tensor {
    const ascending = [...axes].sort((a, b) => a - b);
    const reduce = keepDims ? reduceKeepingAxes : reduceNode;
    return this.#of(reduce(this.#builder, this.#node, kind, ascending));
  }
}
