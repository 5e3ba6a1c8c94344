import type { Case } from "../harness/case.js";

function reshapeCase(from: readonly number[], to: readonly number[]): Case<"reshape"> {
  const name = `${from.join("×")} to ${to.join("×")}`;
  return { op: "reshape", name, inputs: [{ shape: from }], attributes: { shape: to }, gradient: true };
}

export const reshapeCases: readonly Case<"reshape">[] = [
  reshapeCase([2, 3, 4, 5], [2, 60]),
  reshapeCase([6], [1, 2, 3, 1]),
  reshapeCase([1], []),
  reshapeCase([], [1, 1]),
  reshapeCase([7, 3], [3, 7]),
];
