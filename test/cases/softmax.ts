import { type AnyCase, type Case, exactly, integers, uniform, type Values } from "../harness/case.js";
import { edgeSizes } from "./sizes.js";

/** Rows and classes: edge sizes of each, and other ranks. */
const shapes: readonly (readonly number[])[] = [
  ...edgeSizes.map((classes) => [5, classes]),
  ...edgeSizes.map((rows) => [rows, 10]),
  [7],
  [2, 3, 10],
  [3, 1000],
];

/** What logits may look like; the large ones overflow where the maximum is not taken out. */
const logits: Readonly<Record<string, Values>> = {
  usual: uniform(-4, 4),
  "large (±1e4)": uniform(-1e4, 1e4),
  "all equal": integers(3, 4),
  "all very negative": uniform(-1e4 - 2, -1e4),
};

/** The usual ones for all shapes, the odd ones for a few. */
const settings = [
  ...shapes.map((shape) => ({ shape, kind: "usual" })),
  ...Object.keys(logits).flatMap((kind) =>
    [
      [4, 10],
      [3, 17],
    ].map((shape) => ({ shape, kind })),
  ),
].filter(({ shape, kind }, i, all) => i === all.findIndex((s) => s.kind === kind && `${s.shape}` === `${shape}`));

const nameOf = (shape: readonly number[], kind: string) => `${shape.join("×")}, ${kind} logits`;

export const softmaxCases: readonly Case<"softmax">[] = [
  ...settings.map(({ shape, kind }): Case<"softmax"> => {
    const inputs = [{ shape, values: logits[kind]! }];
    return { op: "softmax", name: nameOf(shape, kind), inputs, attributes: {}, gradient: true };
  }),
  {
    op: "softmax",
    name: "one overwhelming logit",
    inputs: [{ shape: [2, 3], values: exactly(1e4, -1e4, 0, -100, 0, 88) }],
    attributes: {},
    gradient: true,
  },
];

export const softmaxCrossEntropyCases: readonly Case<"softmaxCrossEntropy">[] = settings.map(({ shape, kind }) => ({
  op: "softmaxCrossEntropy",
  name: nameOf(shape, kind),
  inputs: [
    { shape, values: logits[kind]! },
    { shape: shape.slice(0, -1), dtype: "int32", values: integers(0, shape[shape.length - 1]!) },
  ],
  attributes: {},
  gradient: true,
}));

export const softmaxCrossEntropyGradientCases: readonly Case<"softmaxCrossEntropyGradient">[] = settings.map(
  ({ shape, kind }) => ({
    op: "softmaxCrossEntropyGradient",
    name: nameOf(shape, kind),
    inputs: [
      { shape, values: logits[kind]! },
      { shape: shape.slice(0, -1), dtype: "int32", values: integers(0, shape[shape.length - 1]!) },
      { shape: shape.slice(0, -1) },
    ],
    attributes: {},
    gradient: true,
  }),
);

export const argmaxCases: readonly Case<"argmax">[] = [
  ...settings.map(({ shape, kind }): Case<"argmax"> => {
    const inputs = [{ shape, values: logits[kind]! }];
    return { op: "argmax", name: nameOf(shape, kind), inputs, attributes: {}, gradient: false };
  }),
  {
    op: "argmax",
    name: "ties",
    inputs: [{ shape: [40, 9], values: integers(0, 4) }],
    attributes: {},
    gradient: false,
  },
];

export const lastAxisCases: readonly AnyCase[] = [
  ...softmaxCases,
  ...softmaxCrossEntropyCases,
  ...softmaxCrossEntropyGradientCases,
  ...argmaxCases,
];
