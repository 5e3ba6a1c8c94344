import { ceilOverhang, type PoolWindows, pooledExtents, type SlidingWindows } from "../../src/ops/poolWindows.js";
import { effectiveSize, resolvePadding } from "../../src/ops/window.js";
import { type AnyCase, type Case, type CaseInput, distinct, integers, type Values } from "../harness/case.js";
import { edgeSizes } from "./sizes.js";

export interface PoolSpec {
  readonly batch?: number;
  /** Spatial extents: one to three. */
  readonly size?: readonly number[];
  readonly channels?: number;
  readonly kernel?: readonly number[];
  readonly strides?: readonly number[];
  readonly dilation?: readonly number[];
  readonly padding?: "same" | "valid" | number | readonly number[];
  readonly ceilMode?: boolean;
  /** In place of all the above but the sizes. */
  readonly outputSize?: readonly number[];
}

interface Pool {
  readonly name: string;
  readonly image: readonly number[];
  readonly result: readonly number[];
  readonly attributes: PoolWindows;
}

/** Shapes and attributes of a spec; undefined where the window does not fit or could lie in the padding alone. */
function pool(spec: PoolSpec): Pool | undefined {
  const { batch = 2, size = [6, 7], channels = 3 } = spec;
  const image = [batch, ...size, channels];
  const windows = spec.outputSize === undefined ? sliding(spec, size) : { outputSize: spec.outputSize };
  const label = Object.entries(windows).map(([key, values]) => `${key} ${values.join("×")}`);
  try {
    const result = [batch, ...pooledExtents(image, windows, "case"), channels];
    return { name: `${image.join("×")}, ${label.join(", ")}`, image, result, attributes: windows };
  } catch {
    return undefined;
  }
}

function sliding(spec: PoolSpec, size: readonly number[]): SlidingWindows {
  const ones = size.map(() => 1);
  const { kernel = ones.map(() => 2), strides = kernel, dilation = ones, padding = "valid", ceilMode = false } = spec;
  const effective = kernel.map((taps, axis) => effectiveSize(taps, dilation[axis]!));
  const resolved = resolvePadding(padding, size, effective, strides);
  const windows = { kernel, strides, dilation, padding: resolved };
  return ceilMode ? { ...windows, overhang: ceilOverhang(windows, size) } : windows;
}

const divisors = ["pixels", "window", 1, 3.5] as const;

/** The pools of a spec, with their gradients; none where it does not fit. */
export function poolCases(spec: PoolSpec): AnyCase[] {
  const p = pool(spec);
  if (p === undefined) return [];
  const { name, image, attributes } = p;
  const inputs: CaseInput[] = [{ shape: image, values: distinct }];
  return [
    { op: "maxPool", name, inputs, attributes, gradient: true },
    ...divisors.map((divisor): AnyCase => {
      const which = `${name}, divided by ${divisor}`;
      return { op: "averagePool", name: which, inputs, attributes: { ...attributes, divisor }, gradient: true };
    }),
  ];
}

const specs: readonly PoolSpec[] = [
  { kernel: [1, 1] },
  { kernel: [1, 1], strides: [2, 2] },
  { kernel: [3, 3], strides: [2, 2] },
  { kernel: [3, 3], strides: [2, 2], padding: 1 },
  { kernel: [3, 3], strides: [1, 1], padding: "same" },
  { kernel: [2, 2], strides: [1, 1], padding: "same" },
  { kernel: [3, 3], strides: [3, 3], padding: "same" },
  { kernel: [2, 3], strides: [1, 2] },
  { kernel: [5, 5], strides: [2, 2], padding: [4, 0, 1, 3] },
  { kernel: [2, 2], padding: [1, 0, 0, 1] },
  { kernel: [3, 2], dilation: [2, 2], size: [9, 8], strides: [1, 2] },
  { kernel: [3, 3], dilation: [2, 1], size: [9, 8], strides: [1, 1], padding: 1 },
  { kernel: [6, 7] },
  { kernel: [3, 3], size: [1, 1], padding: "same" },
  { kernel: [2, 2], size: [28, 28], channels: 10, batch: 1 },
  // rounded up: a last window that is partial, one beyond the padding, and one that would see nothing
  { ceilMode: true, size: [5, 8], kernel: [2, 3] },
  { ceilMode: true, size: [7, 6], kernel: [3, 3], strides: [2, 2], padding: 1 },
  { ceilMode: true, size: [6, 9], kernel: [2, 2], strides: [4, 3], padding: [0, 1, 1, 0] },
  { ceilMode: true, size: [9, 8], kernel: [3, 2], strides: [2, 3], dilation: [2, 3] },
  { size: [7] },
  { size: [11], kernel: [3], strides: [2], padding: 1, channels: 5 },
  { size: [11], kernel: [3], strides: [2], dilation: [2], ceilMode: true },
  { size: [4, 5, 6] },
  { size: [5, 4, 7], kernel: [3, 2, 3], strides: [2, 1, 3], padding: [1, 1, 1, 0, 2, 0] },
  { size: [5, 6, 7], kernel: [2, 2, 2], strides: [1, 2, 2], dilation: [2, 1, 3], ceilMode: true, batch: 1 },
  { outputSize: [3, 2] },
  { outputSize: [4, 5] },
  { outputSize: [7, 9], size: [5, 4] },
  { outputSize: [3], size: [10], channels: 17 },
  { outputSize: [3, 1, 4], size: [4, 5, 7], batch: 1 },
  ...edgeSizes.flatMap((channels): PoolSpec[] => [
    { channels, size: [4, 4] },
    { channels, size: [5, 5], kernel: [3, 3], strides: [2, 2], padding: "same", batch: 1 },
  ]),
  ...edgeSizes.map((size): PoolSpec => ({ size: [size, 5], padding: "same" })),
  ...edgeSizes.map((size): PoolSpec => ({ size: [4, size], kernel: [2, 3], strides: [2, 2], padding: "same" })),
];

/** Few different values, hence ties in nearly every window: the first pixel must win, everywhere. */
const ties: readonly AnyCase[] = [
  { kernel: [2, 2] } as const,
  { kernel: [3, 3], strides: [2, 2], padding: "same" } as const,
  { kernel: [3, 3], strides: [1, 1], padding: 1, channels: 17 } as const,
].flatMap((spec: PoolSpec) => {
  const { name, image, attributes } = pool(spec)!;
  const of = (label: string, values: Values): AnyCase => ({
    op: "maxPool",
    name: `${label}, ${name}`,
    inputs: [{ shape: image, values }],
    attributes,
    gradient: true,
    finiteDifferences: false,
  });
  const special =
    (value: number): Values =>
    (size, stream) =>
      Float64Array.from({ length: size }, () => (stream.integer(6) === 0 ? value : stream.uniform(-1, 1)));
  return [
    of("ties", integers(0, 3)),
    of("all equal", integers(1, 2)),
    of("all negative", (size, stream) => Float64Array.from({ length: size }, () => stream.uniform(-9, -5))),
    of("with NaN", special(NaN)),
    of("with -Infinity", special(-Infinity)),
  ];
});

const pools = [...specs.flatMap(poolCases), ...ties];
export const maxPoolCases = pools.filter((testCase) => testCase.op === "maxPool");
export const averagePoolCases = pools.filter((testCase) => testCase.op === "averagePool");

/** The gradients as ops of their own; their values are checked with the pools too. */
const gradientSpecs: readonly PoolSpec[] = [
  {},
  { kernel: [3, 3], strides: [2, 2], padding: 1 },
  { kernel: [3, 2], strides: [1, 1], padding: "same", channels: 9 },
  { kernel: [2, 3], ceilMode: true },
  { outputSize: [4, 3] },
];
export const averagePoolGradientCases = gradientSpecs.flatMap((spec) =>
  divisors.map((divisor): Case<"averagePoolGradient"> => {
    const { name, image, result, attributes } = pool(spec)!;
    return {
      op: "averagePoolGradient",
      name: `${name}, divided by ${divisor}`,
      inputs: [{ shape: result }],
      attributes: { ...attributes, divisor, inputShape: image },
      gradient: true,
    };
  }),
);

/** One channel and two windows by hand: the second window holds a tie, and the gradient goes to its first pixel. */
const byHand = [
  { shape: [1, 2, 4, 1], values: () => [1, 4, 5, 2, 3, 0, 5, 5] },
  { shape: [1, 1, 2, 1], values: () => [4, 5] },
] as const satisfies readonly CaseInput[];
const twoByTwo = { kernel: [2, 2], strides: [2, 2], dilation: [1, 1], padding: [0, 0, 0, 0] };

/** Image and pooled are whole numbers that fit each other by chance: many windows have no winner, many have several. */
const chances = gradientSpecs.map((spec) => {
  const { name, image, result, attributes } = pool({ ...spec, channels: 5 })!;
  const inputs: CaseInput[] = [
    { shape: image, values: integers(0, 4) },
    { shape: result, values: integers(0, 4) },
  ];
  return { name, image, result, attributes, inputs };
});

// winners do not move: gradients are taken, and compared, for the last input alone
export const maxPoolGradientCases: readonly Case<"maxPoolGradient">[] = [
  {
    op: "maxPoolGradient",
    name: "by hand",
    inputs: [...byHand, { shape: [1, 1, 2, 1], values: () => [10, 20] }],
    attributes: twoByTwo,
    gradient: false,
  },
  ...chances.map(({ name, result, attributes, inputs }): Case<"maxPoolGradient"> => {
    return {
      op: "maxPoolGradient",
      name,
      inputs: [...inputs, { shape: result }],
      attributes,
      gradient: true,
      finiteDifferences: false,
    };
  }),
];
export const maxPoolPickCases: readonly Case<"maxPoolPick">[] = [
  {
    op: "maxPoolPick",
    name: "by hand",
    inputs: [...byHand, { shape: [1, 2, 4, 1], values: () => [10, 20, 30, 40, 50, 60, 70, 80] }],
    attributes: twoByTwo,
    gradient: false,
  },
  ...chances.map(({ name, image, attributes, inputs }): Case<"maxPoolPick"> => {
    return {
      op: "maxPoolPick",
      name,
      inputs: [...inputs, { shape: image }],
      attributes,
      gradient: true,
      finiteDifferences: false,
    };
  }),
];
export const maxPoolIndicesCases: readonly Case<"maxPoolIndices">[] = [
  { op: "maxPoolIndices", name: "by hand", inputs: byHand, attributes: twoByTwo, gradient: false },
  ...chances.map(({ name, attributes, inputs }): Case<"maxPoolIndices"> => {
    return { op: "maxPoolIndices", name, inputs, attributes, gradient: false };
  }),
];
