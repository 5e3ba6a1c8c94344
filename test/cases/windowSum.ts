import type { Case } from "../harness/case.js";
import { edgeSizes } from "./sizes.js";

function windowSumCase(shape: readonly number[], before: number, after: number): Case<"windowSum"> {
  const name = `${shape.join("×")}, ${before} before and ${after} after`;
  return { op: "windowSum", name, inputs: [{ shape }], attributes: { before, after }, gradient: true };
}

export const windowSumCases: readonly Case<"windowSum">[] = [
  ...edgeSizes.flatMap((size) => [
    windowSumCase([3, size], 2, 2),
    windowSumCase([2, size], 0, 3),
    windowSumCase([2, size], 4, 1),
  ]),
  windowSumCase([7], 0, 0),
  windowSumCase([2, 3, 4, 96], 2, 2),
  windowSumCase([2, 3], 9, 7),
];
