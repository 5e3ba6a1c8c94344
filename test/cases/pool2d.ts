import { effectiveSize, type Padding, resolvePadding, windowOutput } from "../../src/ops/window.js";
import { type AnyCase, type Case, type CaseInput, distinct, integers, type Values } from "../harness/case.js";
import { edgeSizes } from "./sizes.js";

export interface PoolSpec {
  readonly batch?: number;
  readonly size?: readonly [number, number];
  readonly channels?: number;
  readonly kernel?: readonly [number, number];
  readonly strides?: readonly [number, number];
  readonly dilation?: readonly [number, number];
  readonly padding?: Padding;
}

interface Pool {
  readonly name: string;
  readonly image: readonly number[];
  readonly result: readonly number[];
  readonly attributes: Case<"maxPool2d">["attributes"];
}

/** Shapes and attributes of a spec; undefined where the window does not fit or could lie in the padding alone. */
function pool(spec: PoolSpec): Pool | undefined {
  const {
    batch = 2,
    size = [6, 7],
    channels = 3,
    kernel = [2, 2],
    strides = kernel,
    dilation = [1, 1],
    padding = "valid",
  } = spec;
  const effective = [effectiveSize(kernel[0], dilation[0]), effectiveSize(kernel[1], dilation[1])] as const;
  const resolved = resolvePadding(padding, size, effective, strides);
  const attributes = { kernel, strides, dilation, padding: resolved };
  if (resolved.some((amount, side) => amount >= kernel[side < 2 ? 0 : 1]!)) return undefined;
  if (size[0] + resolved[0] + resolved[1] < effective[0]) return undefined;
  if (size[1] + resolved[2] + resolved[3] < effective[1]) return undefined;
  const image = [batch, ...size, channels];
  const name =
    `${image.join("×")}, window ${kernel.join("×")}, stride ${strides.join("×")}, ` +
    `padding ${resolved.join(" ")}, dilation ${dilation.join("×")}`;
  return { name, image, result: [batch, ...windowOutput(size, kernel, attributes, "case"), channels], attributes };
}

/** The pools of a spec, with their gradients; none where it does not fit. */
export function poolCases(spec: PoolSpec): AnyCase[] {
  const p = pool(spec);
  if (p === undefined) return [];
  const { name, image, attributes } = p;
  const inputs: CaseInput[] = [{ shape: image, values: distinct }];
  return [
    { op: "maxPool2d", name, inputs, attributes, gradient: true },
    ...[true, false].map((countPadding): AnyCase => {
      const which = `${name}, ${countPadding ? "with" : "without"} padding`;
      return { op: "averagePool2d", name: which, inputs, attributes: { ...attributes, countPadding }, gradient: true };
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
    op: "maxPool2d",
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
export const maxPool2dCases = pools.filter((testCase) => testCase.op === "maxPool2d");
export const averagePool2dCases = pools.filter((testCase) => testCase.op === "averagePool2d");

/** The gradients as ops of their own; their values are checked with the pools too. */
const gradientSpecs: readonly PoolSpec[] = [
  {},
  { kernel: [3, 3], strides: [2, 2], padding: 1 },
  { kernel: [3, 2], strides: [1, 1], padding: "same", channels: 9 },
];
export const averagePool2dGradientCases = gradientSpecs.flatMap((spec) =>
  [true, false].map((countPadding): Case<"averagePool2dGradient"> => {
    const { name, image, result, attributes } = pool(spec)!;
    return {
      op: "averagePool2dGradient",
      name: `${name}, ${countPadding ? "with" : "without"} padding`,
      inputs: [{ shape: result }],
      attributes: { ...attributes, countPadding, inputShape: image },
      gradient: true,
    };
  }),
);

/** One channel and two windows by hand: the second window holds a tie, and the gradient goes to its first pixel. */
export const maxPool2dGradientCases: readonly Case<"maxPool2dGradient">[] = [
  {
    op: "maxPool2dGradient",
    name: "by hand",
    inputs: [
      { shape: [1, 2, 4, 1], values: () => [1, 4, 5, 2, 3, 0, 5, 5] },
      { shape: [1, 1, 2, 1], values: () => [4, 5] },
      { shape: [1, 1, 2, 1], values: () => [10, 20] },
    ],
    attributes: { kernel: [2, 2], strides: [2, 2], dilation: [1, 1], padding: [0, 0, 0, 0] },
    gradient: false,
  },
];
