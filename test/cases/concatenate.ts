import type { Case } from "../harness/case.js";
import { edgeSizes } from "./sizes.js";

function concatenateCase(axis: number, ...shapes: (readonly number[])[]): Case<"concatenate"> {
  const name = `${shapes.map((shape) => shape.join("×")).join(" and ")} along ${axis}`;
  return { op: "concatenate", name, inputs: shapes.map((shape) => ({ shape })), attributes: { axis }, gradient: true };
}

export const concatenateCases: readonly Case<"concatenate">[] = [
  concatenateCase(0, [3], [4]),
  concatenateCase(0, [2, 3, 4], [1, 3, 4], [5, 3, 4]),
  concatenateCase(1, [2, 3, 4], [2, 1, 4], [2, 5, 4], [2, 2, 4]),
  concatenateCase(2, [2, 3, 4], [2, 3, 1]),
  concatenateCase(3, [2, 5, 4, 8], [2, 5, 4, 3], [2, 5, 4, 16]),
  concatenateCase(1, [6, 7]),
  concatenateCase(0, [9001], [5], [4096]),
  concatenateCase(1, [3, 5000], [3, 1]),
  ...edgeSizes.flatMap((size) => [concatenateCase(1, [3, size], [3, 5]), concatenateCase(0, [size, 3], [2, 3])]),
];
