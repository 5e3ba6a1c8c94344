import type { DType } from "../core/dtypes.js";
import { checkOptions, fail } from "../core/errors.js";
import type { Shape } from "../core/shapes.js";
import { checkName, choice, describe, extents, namedParts } from "./check.js";
import type { Layer } from "./layer.js";
import type { Plain } from "./shapes/rule.js";

/**
 * Data types that a network takes. uint8 images are divided by 255 in the graph; floats are taken as they are. An input
 * of type int32 takes tokens, whole numbers from 0, for layers such as `embedding`; its data may also be uint8.
 */
export type InputDType = DType;

export const inputDTypes = ["float32", "uint8", "int32"] as const satisfies readonly InputDType[];

/** One use of a layer: these tensors in, that tensor out. */
export interface Call {
  readonly layer: Layer;
  readonly inputs: readonly SymbolicTensor[];
}

/** Where a symbolic tensor comes from: an input of the network, or the call of a layer. */
export type Origin = { readonly input: { readonly name: string | undefined; readonly dtype: InputDType } } | Call;

/**
 * A tensor that is not there yet: a shape and how it comes about. Layers are called with symbolic tensors and return
 * them; a network is what leads from some of them to others. Its type carries the shape, as far as that is known when
 * the program is compiled; a variable that is to hold several shapes is a plain `SymbolicTensor`.
 *
 * @example
 * let y: SymbolicTensor = input(28, 28, 1);
 * for (const filters of [8, 16]) y = conv2d(filters, 3, { stride: 2 })(y);
 */
export class SymbolicTensor<S extends Shape = Shape> {
  constructor(
    /** Shape of one example, without the batch: `[28, 28, 1]`. */
    readonly shape: Readonly<S>,
    readonly origin: Origin,
  ) {}
}

export interface InputOptions {
  /** Name that programs take the data under. Default: `input`, then `input_1`, … */
  readonly name?: string;
  /** Type of the data unless training or prediction says otherwise; `int32`: tokens. Default: `float32`. */
  readonly dtype?: InputDType;
}

/**
 * The input of a network: the shape of one example, without the batch. Images are height, width, channels.
 *
 * Errors: code "option" for sizes that are not whole numbers ≥ 1, an unknown dtype or a name that cannot be used.
 *
 * @example const x = input(28, 28, 1);
 * @example const x = input([28, 28, 1], { name: "image", dtype: "uint8" });
 * @example const words = input([20], { dtype: "int32" });
 */
export function input<const S extends Shape>(shape: S, options?: InputOptions): SymbolicTensor<Plain<S>>;
export function input<const S extends Shape>(...shape: S): SymbolicTensor<Plain<S>>;
export function input(...given: readonly unknown[]): SymbolicTensor {
  const asArray = Array.isArray(given[0]);
  const [shape, options] = asArray ? [given[0], given[1] ?? {}] : [given, {}];
  if (asArray && given.length > 2) {
    fail({
      code: "usage",
      where: "input",
      problem: "too many arguments",
      expected: "input(28, 28, 1) or input([28, 28, 1], { name })",
      received: `${given.length} arguments`,
    });
  }
  const { name, dtype = "float32", ...rest } = namedParts("input", "options", options);
  checkOptions("input", rest, ["name", "dtype"]);
  const checkedName = name === undefined ? undefined : checkName("input", name);
  const where = checkedName === undefined ? "input" : `input "${checkedName}"`;
  return new SymbolicTensor(extents(where, "shape", shape), {
    input: { name: checkedName, dtype: choice(where, "dtype", dtype, inputDTypes) },
  });
}

/** Whether a tensor is an input of tokens: whole numbers, of which only some layers know what they stand for. */
export function holdsTokens({ origin }: SymbolicTensor): boolean {
  return "input" in origin && origin.input.dtype === "int32";
}

/** The call that makes a tensor; undefined for an input. */
export function callOf(tensor: SymbolicTensor): Call | undefined {
  return "layer" in tensor.origin ? tensor.origin : undefined;
}

/** `value`, if it is a symbolic tensor; otherwise an error that says what to pass. */
export function checkTensor(where: string, value: unknown): SymbolicTensor {
  if (value instanceof SymbolicTensor) return value;
  return fail({
    code: "usage",
    where,
    problem: "takes symbolic tensors",
    expected: "what input(28, 28, 1) or the call of a layer returns",
    received: describe(value),
  });
}

/**
 * The tensors that `outputs` are made from and the outputs themselves, each once, inputs before what reads them:
 * depth first, the inputs of a call from left to right.
 */
export function tensorsBefore(outputs: readonly SymbolicTensor[]): SymbolicTensor[] {
  const seen = new Set<SymbolicTensor>();
  const order: SymbolicTensor[] = [];
  const visit = (tensor: SymbolicTensor) => {
    if (seen.has(tensor)) return;
    seen.add(tensor);
    callOf(tensor)?.inputs.forEach(visit);
    order.push(tensor);
  };
  outputs.forEach(visit);
  return order;
}
