import { fail } from "../core/errors.js";
import { type Key, normalAt, uniformAt } from "../core/random.js";
import { type Shape, sizeOf } from "../core/shapes.js";
import { choice, namedParts, numberThat, wrongOption } from "./check.js";

/** How many values a unit reads and how many units a value feeds: what keeps signals at one scale through layers. */
export interface Fans {
  /** Inputs of one output: `kh · kw · input channels` for a convolution, `features` for a dense layer. */
  readonly fanIn: number;
  /** Outputs of one input: `kh · kw · output channels`, or `units`. */
  readonly fanOut: number;
}

/** Draws element `index` of a weight. */
type Draw = (fans: Fans, key: Key, index: number) => number;

const uniform = (limit: number, key: Key, index: number) => limit * (2 * uniformAt(key, index) - 1);

const draws = {
  glorotUniform: ({ fanIn, fanOut }, key, index) => uniform(Math.sqrt(6 / (fanIn + fanOut)), key, index),
  glorotNormal: ({ fanIn, fanOut }, key, index) => Math.sqrt(2 / (fanIn + fanOut)) * normalAt(key, index),
  heUniform: ({ fanIn }, key, index) => uniform(Math.sqrt(6 / fanIn), key, index),
  heNormal: ({ fanIn }, key, index) => Math.sqrt(2 / fanIn) * normalAt(key, index),
  zeros: () => 0,
  ones: () => 1,
} as const satisfies Record<string, Draw>;

/**
 * Initialisers by name:
 *
 * - `glorotUniform`: uniform in ±√(6 / (fanIn + fanOut)); the default of kernels, as in Keras
 * - `glorotNormal`: normal, deviation √(2 / (fanIn + fanOut)), not truncated (as in PyTorch; Keras truncates)
 * - `heUniform`: uniform in ±√(6 / fanIn); `heNormal`: normal, deviation √(2 / fanIn); both meant for ReLU
 * - `zeros`, the default of biases; `ones`
 *
 * Glorot and Bengio, AISTATS 2010; He et al., ICCV 2015.
 */
export type InitializerName = keyof typeof draws;

/** A description that goes into files as it is: a name, or {@link constant}. */
export type Initializer = InitializerName | { readonly kind: "constant"; readonly value: number };

/** Every initialiser that is known by its name alone. */
export const initializerNames = Object.keys(draws) as readonly InitializerName[];

/**
 * Every element takes `value`.
 *
 * @example dense(10, { biasInitializer: constant(0.1) })
 */
export function constant(value: number): Initializer {
  return { kind: "constant", value: numberThat("constant", "value", value, "a finite number", () => true) };
}

/** Checks the option `name` of a layer. */
export function checkInitializer(where: string, name: string, value: unknown): Initializer {
  if (typeof value === "string") return choice(where, name, value, initializerNames);
  if (typeof value !== "object" || value === null) {
    return wrongOption(where, name, value, "the name of an initializer or constant(0.1)");
  }
  const parts = namedParts(where, name, value);
  const kind = choice(where, `${name}.kind`, parts.kind, ["constant"]);
  const number = numberThat(where, `${name}.value`, parts.value, "a finite number", () => true);
  const extra = Object.keys(parts).find((part) => part !== "kind" && part !== "value");
  if (extra !== undefined) {
    fail({ code: "option", where, problem: `unknown option "${name}.${extra}"`, expected: "one of kind, value" });
  }
  return { kind, value: number };
}

/**
 * The first values of a weight: a pure function of its arguments, element by element, so that neither the order of
 * layers nor the number of threads matters.
 *
 * @param shape of the weight, e.g. `[kh, kw, cin, cout]`
 * @param key usually `keyOf(seed, "initialize", weightName)`
 * @returns float32 values in row-major order
 * @example initialize("heNormal", [784, 100], { fanIn: 784, fanOut: 100 }, keyOf(1, "initialize", "dense.kernel"))
 */
export function initialize(initializer: Initializer, shape: Shape, fans: Fans, key: Key): Float32Array {
  const values = new Float32Array(sizeOf(shape));
  if (typeof initializer !== "string") return values.fill(initializer.value);
  const draw: Draw = draws[initializer];
  for (let index = 0; index < values.length; index++) values[index] = draw(fans, key, index);
  return values;
}
