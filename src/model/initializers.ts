import { fail } from "../core/errors.js";
import { type Key, normalAt, threefry2x32, uniformAt } from "../core/random.js";
import { formatShape, type Shape, sizeOf } from "../core/shapes.js";
import { choice, namedParts, numberThat, wholeNumber, wrongOption } from "./check.js";

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
  lecunUniform: ({ fanIn }, key, index) => uniform(Math.sqrt(3 / fanIn), key, index),
  lecunNormal: ({ fanIn }, key, index) => Math.sqrt(1 / fanIn) * normalAt(key, index),
  zeros: () => 0,
  ones: () => 1,
} as const satisfies Record<string, Draw>;

/**
 * Initialisers by name:
 *
 * - `glorotUniform`: uniform in ±√(6 / (fanIn + fanOut)); the default of kernels, as in Keras
 * - `glorotNormal`: normal, deviation √(2 / (fanIn + fanOut)), not truncated (as in PyTorch; Keras truncates)
 * - `heUniform`: uniform in ±√(6 / fanIn); `heNormal`: normal, deviation √(2 / fanIn); both meant for ReLU
 * - `lecunUniform`: uniform in ±√(3 / fanIn); `lecunNormal`: normal, deviation √(1 / fanIn); both meant for SELU
 * - `zeros`, the default of biases; `ones`
 *
 * Keras: GlorotUniform, HeNormal, LecunNormal, … · PyTorch: xavier_uniform_, kaiming_normal_, …
 *
 * LeCun et al., "Efficient backprop", 1998; Glorot and Bengio, AISTATS 2010; He et al., ICCV 2015.
 */
export type InitializerName = keyof typeof draws;

/** A description that goes into files as it is: a name, or what {@link constant} and its like return. */
export type Initializer =
  | InitializerName
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "randomNormal"; readonly mean: number; readonly deviation: number }
  | { readonly kind: "randomUniform"; readonly low: number; readonly high: number }
  | { readonly kind: "truncatedNormal"; readonly mean: number; readonly deviation: number }
  | { readonly kind: "orthogonal"; readonly gain: number }
  | { readonly kind: "identity"; readonly gain: number }
  | { readonly kind: "dirac"; readonly groups: number };

/** Every initialiser that is known by its name alone. */
export const initializerNames = Object.keys(draws) as readonly InitializerName[];

/**
 * Every element takes `value`.
 *
 * Keras: Constant · PyTorch: constant_
 *
 * @example dense(10, { biasInitializer: constant(0.1) })
 */
export function constant(value: number): Initializer {
  return checkParts("constant", { value });
}

/**
 * Normal numbers: `mean + deviation·z`.
 *
 * Keras: RandomNormal · PyTorch: normal_
 *
 * @param deviation Default: 0.05
 * @param mean Default: 0
 * @example dense(10, { kernelInitializer: randomNormal(0.01) })
 */
export function randomNormal(deviation = 0.05, mean = 0): Initializer {
  return checkParts("randomNormal", { mean, deviation });
}

/**
 * Even numbers in [low, high).
 *
 * Keras: RandomUniform · PyTorch: uniform_
 *
 * @param low Default: −0.05
 * @param high Default: 0.05
 * @example dense(10, { kernelInitializer: randomUniform(-0.1, 0.1) })
 */
export function randomUniform(low = -0.05, high = 0.05): Initializer {
  return checkParts("randomUniform", { low, high });
}

/**
 * Normal numbers of which those beyond two deviations are drawn again: |z| ≤ 2. The deviation is that of the normal
 * distribution before it is cut; afterwards it is 0.8796 of it.
 *
 * Keras: TruncatedNormal · PyTorch: trunc_normal_(a=−2·std, b=2·std)
 *
 * @param deviation Default: 0.05
 * @param mean Default: 0
 * @example dense(10, { kernelInitializer: truncatedNormal(0.02) })
 */
export function truncatedNormal(deviation = 0.05, mean = 0): Initializer {
  return checkParts("truncatedNormal", { mean, deviation });
}

/**
 * A random matrix with orthogonal columns of length `gain` (rows, where there are fewer of them), drawn evenly among
 * all of these. A weight is taken as a matrix with its last axis, the outputs, as columns.
 *
 * Keras: Orthogonal · PyTorch: orthogonal_ (which takes the first axis, its outputs, as rows)
 *
 * Source: Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
 * networks", ICLR 2014; evenly: Mezzadri, "How to generate random matrices from the classical compact groups", 2007.
 *
 * @param gain Default: 1
 * @example dense(10, { kernelInitializer: orthogonal() })
 */
export function orthogonal(gain = 1): Initializer {
  return checkParts("orthogonal", { gain });
}

/**
 * `gain` on the diagonal of a matrix, 0 elsewhere.
 *
 * Keras: Identity · PyTorch: eye_
 *
 * Errors, once there is a weight: code "shape" where it is no matrix.
 *
 * @param gain Default: 1
 * @example dense(10, { kernelInitializer: identity() })
 */
export function identity(gain = 1): Initializer {
  return checkParts("identity", { gain });
}

/**
 * Filters that pass their input on: 1 in the middle of filter c for channel c, 0 elsewhere; in groups, for channel c of
 * each group. Filters are [extent, …, channels, filters].
 *
 * Keras: none · PyTorch: dirac_
 *
 * Errors, once there is a weight: code "shape" where it has fewer than three axes or the groups do not divide it.
 *
 * @param groups Default: 1
 * @example conv2d(16, 3, { kernelInitializer: dirac() })
 */
export function dirac(groups = 1): Initializer {
  return checkParts("dirac", { groups });
}

const finite = (where: string, name: string, value: unknown) =>
  numberThat(where, name, value, "a finite number", () => true);
const atLeast0 = (where: string, name: string, value: unknown) =>
  numberThat(where, name, value, "a number ≥ 0", (number) => number >= 0);

/** What each kind that has numbers is made of, in order, and how each is checked. */
const kinds: Readonly<Record<string, Readonly<Record<string, typeof finite>>>> = {
  constant: { value: finite },
  randomNormal: { mean: finite, deviation: atLeast0 },
  randomUniform: { low: finite, high: finite },
  truncatedNormal: { mean: finite, deviation: atLeast0 },
  orthogonal: { gain: finite },
  identity: { gain: finite },
  dirac: { groups: (where, name, value) => wholeNumber(where, name, value) },
};

function checkParts(kind: string, parts: Readonly<Record<string, unknown>>, where = kind, prefix = ""): Initializer {
  const checks = kinds[kind]!;
  const checked = Object.entries(checks).map(
    ([name, check]) => [name, check(where, prefix + name, parts[name])] as const,
  );
  const initializer = { kind, ...Object.fromEntries(checked) } as Initializer;
  if (
    typeof initializer === "object" &&
    initializer.kind === "randomUniform" &&
    !(initializer.low <= initializer.high)
  ) {
    wrongOption(where, `${prefix}high`, initializer.high, `a number ≥ ${initializer.low}`);
  }
  return initializer;
}

/** Checks the option `name` of a layer. */
export function checkInitializer(where: string, name: string, value: unknown): Initializer {
  if (typeof value === "string") return choice(where, name, value, initializerNames);
  if (typeof value !== "object" || value === null) {
    return wrongOption(where, name, value, "the name of an initializer or constant(0.1)");
  }
  const { kind, ...parts } = namedParts(where, name, value);
  const known = choice(where, `${name}.kind`, kind, Object.keys(kinds));
  const names = Object.keys(kinds[known]!);
  const extra = Object.keys(parts).find((part) => !names.includes(part));
  if (extra !== undefined) {
    const expected = `one of ${["kind", ...names].join(", ")}`;
    fail({ code: "option", where, problem: `unknown option "${name}.${extra}"`, expected });
  }
  return checkParts(known, parts, where, `${name}.`);
}

/**
 * The first values of a weight: a pure function of its arguments, so that neither the order of layers nor the number of
 * threads matters.
 *
 * Errors: code "shape" where `identity` or `dirac` meet a weight that they do not suit.
 *
 * @param shape of the weight, e.g. `[kh, kw, cin, cout]`
 * @param key usually `keyOf(seed, "initialize", weightName)`
 * @returns float32 values in row-major order
 * @example initialize("heNormal", [784, 100], { fanIn: 784, fanOut: 100 }, keyOf(1, "initialize", "dense.kernel"))
 */
export function initialize(initializer: Initializer, shape: Shape, fans: Fans, key: Key): Float32Array {
  const values = new Float32Array(sizeOf(shape));
  const each = (draw: (index: number) => number) => {
    for (let index = 0; index < values.length; index++) values[index] = draw(index);
    return values;
  };
  if (typeof initializer === "string") {
    const draw: Draw = draws[initializer];
    return each((index) => draw(fans, key, index));
  }
  switch (initializer.kind) {
    case "constant":
      return values.fill(initializer.value);
    case "randomNormal":
      return each((index) => initializer.mean + initializer.deviation * normalAt(key, index));
    case "randomUniform":
      return each((index) => initializer.low + (initializer.high - initializer.low) * uniformAt(key, index));
    case "truncatedNormal":
      return each((index) => initializer.mean + initializer.deviation * truncatedAt(key, index));
    case "orthogonal":
      return orthogonalMatrix(values, shape.at(-1) ?? 1, initializer.gain, key);
    case "identity":
      return fillIdentity(values, shape, initializer.gain);
    case "dirac":
      return fillDirac(values, shape, initializer.groups);
  }
}

/** Normal within ±2: the first of a stream of the element's own that lies there. */
function truncatedAt(key: Key, index: number): number {
  const first = normalAt(key, index);
  if (Math.abs(first) <= 2) return first;
  const own = threefry2x32(key, index >>> 0, 2 ** 31 + Math.floor(index / 2 ** 32));
  for (let attempt = 0; ; attempt++) {
    const value = normalAt(own, attempt);
    if (Math.abs(value) <= 2) return value;
  }
}

/**
 * Gram–Schmidt, twice ("twice is enough": Giraud et al., 2005), on normal vectors in float64: evenly distributed, since
 * a normal vector has no preferred direction and each is reduced to what is orthogonal to those before it. Products
 * differ from 0 and from gain² by the rounding to float32 alone.
 */
function orthogonalMatrix(values: Float32Array, columns: number, gain: number, key: Key): Float32Array {
  const rows = values.length / columns;
  const [count, size] = columns <= rows ? [columns, rows] : [rows, columns];
  const vectors: Float64Array[] = [];
  for (let n = 0; n < count; n++) {
    const vector = Float64Array.from({ length: size }, (_, i) => normalAt(key, n * size + i));
    for (let pass = 0; pass < 2; pass++) {
      for (const other of vectors) addScaled(vector, other, -dot(vector, other));
      const norm = Math.sqrt(dot(vector, vector));
      for (let i = 0; i < size; i++) vector[i]! /= norm;
    }
    vectors.push(vector);
    vector.forEach((value, i) => {
      values[columns <= rows ? i * columns + n : n * columns + i] = gain * value;
    });
  }
  return values;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function addScaled(a: Float64Array, b: Float64Array, factor: number): void {
  for (let i = 0; i < a.length; i++) a[i]! += factor * b[i]!;
}

function fillIdentity(values: Float32Array, shape: Shape, gain: number): Float32Array {
  if (shape.length !== 2) wrongShape("identity", shape, "a matrix");
  const [rows, columns] = shape as [number, number];
  for (let i = 0; i < Math.min(rows, columns); i++) values[i * columns + i] = gain;
  return values;
}

function fillDirac(values: Float32Array, shape: Shape, groups: number): Float32Array {
  const [channels, filters] = shape.slice(-2) as [number, number];
  if (shape.length < 3 || filters % groups !== 0) {
    wrongShape("dirac", shape, `filters [extent, …, channels, filters], a multiple of ${groups} filters`);
  }
  const middle = shape.slice(0, -2).reduce((offset, extent) => offset * extent + Math.floor(extent / 2), 0);
  const perGroup = filters / groups;
  for (let filter = 0; filter < filters; filter++) {
    const channel = filter % perGroup;
    if (channel < channels) values[(middle * channels + channel) * filters + filter] = 1;
  }
  return values;
}

function wrongShape(where: string, shape: Shape, expected: string): never {
  return fail({
    code: "shape",
    where: `initializer "${where}"`,
    problem: "does not suit the weight",
    expected,
    received: formatShape(shape),
  });
}
