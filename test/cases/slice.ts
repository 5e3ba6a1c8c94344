import { type Case, integers } from "../harness/case.js";
import { edgeSizes } from "./sizes.js";

interface Spec {
  readonly shape: readonly number[];
  readonly start: readonly number[];
  readonly size: readonly number[];
  readonly step?: readonly number[];
}

const attributesOf = ({ start, size, step = start.map(() => 1) }: Spec) => ({ start, size, step });

function sliceCase(spec: Spec): Case<"slice"> {
  const { shape, start, size, step } = spec;
  const name = `${size.join("×")} of ${shape.join("×")} from ${start}${step === undefined ? "" : ` by ${step}`}`;
  return { op: "slice", name, inputs: [{ shape }], attributes: attributesOf(spec), gradient: true };
}

function gradientCase(spec: Spec): Case<"sliceGradient"> {
  const attributes = { ...attributesOf(spec), inputShape: spec.shape };
  return { ...sliceCase(spec), op: "sliceGradient", inputs: [{ shape: spec.size }], attributes };
}

const specs: readonly Spec[] = [
  { shape: [], start: [], size: [] },
  { shape: [9], start: [2], size: [5] },
  { shape: [9], start: [8], size: [9], step: [-1] },
  { shape: [3, 4, 5, 6], start: [1, 0, 2, 1], size: [2, 4, 3, 5] },
  { shape: [3, 4, 5, 6], start: [2, 3, 4, 5], size: [3, 4, 5, 6], step: [-1, -1, -1, -1] },
  { shape: [7, 8, 9], start: [0, 1, 8], size: [3, 3, 4], step: [3, 2, -2] },
  { shape: [2, 9, 10, 3], start: [0, 1, 1, 0], size: [2, 4, 4, 3], step: [1, 2, 2, 1] },
  { shape: [2, 9, 10, 3], start: [0, 3, 2, 0], size: [2, 1, 5, 3], step: [1, 4, 1, 1] },
  { shape: [3, 5000], start: [0, 1], size: [3, 4998] },
  { shape: [20_001], start: [3], size: [9001] },
  { shape: [20_001], start: [1], size: [9001], step: [2] },
  { shape: [20_001], start: [19_998], size: [9001], step: [-1] },
  ...edgeSizes.flatMap((size): Spec[] => [
    { shape: [5, size + 2], start: [1, 1], size: [3, size] },
    { shape: [size + 1, 6], start: [1, 0], size: [size, 6] },
    { shape: [2, 2 * size, 3], start: [0, 2 * size - 1, 0], size: [2, size, 3], step: [1, -2, 1] },
  ]),
];

export const sliceCases: readonly Case<"slice">[] = [
  ...specs.map(sliceCase),
  {
    ...sliceCase({ shape: [5, 6], start: [1, 1], size: [3, 2] }),
    name: "of integers",
    inputs: [{ shape: [5, 6], dtype: "int32", values: integers(-9, 9) }],
    gradient: false,
  },
];
export const sliceGradientCases: readonly Case<"sliceGradient">[] = specs.map(gradientCase);
