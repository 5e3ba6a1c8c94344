import type { ResizeAttributes } from "../../src/ops/resize.js";
import { type Case, exactly } from "../harness/case.js";
import { edgeSizes } from "./sizes.js";

interface Spec extends ResizeAttributes {
  readonly shape: readonly number[];
}

const nameOf = ({ shape, axis, size, method, alignCorners }: Spec) =>
  `${shape.join("×")} to ${size} along ${axis}, ${method}${alignCorners ? ", corners aligned" : ""}`;

function resizeCase({ shape, ...attributes }: Spec): Case<"resize"> {
  return { op: "resize", name: nameOf({ shape, ...attributes }), inputs: [{ shape }], attributes, gradient: true };
}

function gradientCase({ shape, ...attributes }: Spec): Case<"resizeGradient"> {
  const { axis, size } = attributes;
  const resized = shape.map((extent, i) => (i === axis ? size : extent));
  return {
    op: "resizeGradient",
    name: nameOf({ shape, ...attributes }),
    inputs: [{ shape: resized }],
    attributes: { ...attributes, inputSize: shape[axis]! },
    gradient: true,
  };
}

const methods = [
  { method: "nearest", alignCorners: false },
  { method: "linear", alignCorners: false },
  { method: "linear", alignCorners: true },
] as const;

const specs = methods.flatMap((method): Spec[] => [
  ...[1, 2, 3, 7, 10, 14, 21].flatMap((size) => [
    { shape: [2, 7, 5], axis: 1, size, ...method },
    { shape: [1, 2, 3], axis: 1, size, ...method },
    { shape: [3, 1, 4], axis: 1, size, ...method },
  ]),
  { shape: [2, 5, 4, 3], axis: 1, size: 10, ...method },
  { shape: [2, 5, 4, 3], axis: 2, size: 12, ...method },
  { shape: [5], axis: 0, size: 8, ...method },
  { shape: [3, 6], axis: 1, size: 13, ...method },
  { shape: [1, 200, 3], axis: 1, size: 301, ...method },
  { shape: [1, 301, 3], axis: 1, size: 50, ...method },
  ...edgeSizes.map((size) => ({ shape: [2, 4, size], axis: 1, size: 7, ...method })),
  ...edgeSizes.map((size) => ({ shape: [2, size, 5], axis: 1, size: 9, ...method })),
]);

/** Infinity stays where it is, and reaches no element that it has no part in. */
const infinite = methods.map((method): Case<"resize"> => {
  const plain = resizeCase({ shape: [1, 3, 1], axis: 1, size: 5, ...method });
  const inputs = [{ shape: [1, 3, 1], values: exactly(1, Infinity, 2) }];
  return { ...plain, name: `${plain.name}, with infinity`, inputs, gradient: false };
});

export const resizeCases: readonly Case<"resize">[] = [...specs.map(resizeCase), ...infinite];
export const resizeGradientCases: readonly Case<"resizeGradient">[] = specs.map(gradientCase);
