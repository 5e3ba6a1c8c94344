import type { ReduceAttributes } from "../../src/ops/reduce.js";
import type { Case } from "../harness/case.js";
import { edgeSizes } from "./sizes.js";

function reduceCase(shape: readonly number[], kind: ReduceAttributes["kind"], axes: readonly number[]): Case<"reduce"> {
  const name = `${kind} of ${shape.join("×")} over axes ${axes.join(" ")}`;
  return { op: "reduce", name, inputs: [{ shape }], attributes: { kind, axes }, gradient: kind !== "max" };
}

/** All non-empty sets of axes, each ascending. */
function subsets(rank: number): number[][] {
  return Array.from({ length: 2 ** rank - 1 }, (_, i) =>
    Array.from({ length: rank }, (_, axis) => axis).filter((axis) => (i + 1) & (1 << axis)),
  );
}

const kinds = ["sum", "mean", "max"] as const;

export const reduceCases: readonly Case<"reduce">[] = kinds.flatMap((kind) => [
  ...subsets(4).map((axes) => reduceCase([3, 4, 5, 7], kind, axes)),
  ...subsets(2).map((axes) => reduceCase([1, 1], kind, axes)),
  ...subsets(3).map((axes) => reduceCase([5, 1, 3], kind, axes)),
  ...edgeSizes.flatMap((size) => [
    reduceCase([size], kind, [0]),
    reduceCase([6, size], kind, [1]),
    reduceCase([6, size], kind, [0]),
    reduceCase([size, 5], kind, [0]),
  ]),
  reduceCase([4099], kind, [0]),
  reduceCase([1031, 10], kind, [0]),
  reduceCase([2, 33, 31, 3], kind, [0, 1, 2]),
  reduceCase([70_001], kind, [0]),
]);
