import { type PadAttributes, type PadMode, padModes } from "../../src/ops/pad.js";
import type { Case } from "../harness/case.js";
import { edgeSizes } from "./sizes.js";

export function padCase(
  shape: readonly number[],
  padding: PadAttributes["padding"],
  mode: PadMode,
  value = 0,
): Case<"pad"> {
  const name = `${shape.join("×")} by ${padding.map((pair) => pair.join("+")).join(" ")}, ${mode} ${value}`;
  return { op: "pad", name, inputs: [{ shape }], attributes: { padding, mode, value }, gradient: true };
}

const specs: readonly (readonly [readonly number[], PadAttributes["padding"]])[] = [
  [[5], [[2, 3]]],
  [
    [2, 5, 4, 3],
    [
      [0, 0],
      [1, 2],
      [3, 0],
      [0, 0],
    ],
  ],
  [
    [2, 3, 4, 5, 2],
    [
      [0, 0],
      [1, 1],
      [0, 2],
      [2, 1],
      [0, 0],
    ],
  ],
  [
    [3, 4, 5],
    [
      [2, 1],
      [0, 3],
      [4, 4],
    ],
  ],
  [
    [4, 6],
    [
      [0, 0],
      [0, 0],
    ],
  ],
  [
    [3, 5001],
    [
      [1, 0],
      [7, 9],
    ],
  ],
  ...edgeSizes
    .filter((size) => size > 2)
    .map(
      (size) =>
        [
          [3, size],
          [
            [0, 0],
            [2, 1],
          ],
        ] as const,
    ),
];

export const padCases: readonly Case<"pad">[] = [
  ...padModes.flatMap((mode) => specs.map(([shape, padding]) => padCase(shape, padding, mode))),
  padCase([2, 3, 4], specs[3]![1], "constant", -0.3),
  padCase(
    [1, 3],
    [
      [2, 9],
      [0, 0],
    ],
    "replicate",
  ),
];
