import { absolute, add, type Expression, exp, less, multiply, subtract, x } from "../../src/ops/expression.js";
import type { ReduceAttributes } from "../../src/ops/reduce.js";
import { type Case, distinct, exactly, type Values } from "../harness/case.js";
import { edgeSizes } from "./sizes.js";

/** Around ±1, so that products of many stay away from 0 and infinity. */
const factors: Values = (size, stream) =>
  Float64Array.from({ length: size }, () => (2 * stream.integer(2) - 1) * Math.exp(stream.uniform(-0.1, 0.1)));

const domains: { readonly [Kind in ReduceAttributes["kind"]]?: Values } = {
  max: distinct,
  min: distinct,
  prod: factors,
};

function reduceCase(shape: readonly number[], kind: ReduceAttributes["kind"], axes: readonly number[]): Case<"reduce"> {
  const name = `${kind} of ${shape.join("×")} over axes ${axes.join(" ")}`;
  return { op: "reduce", name, inputs: [{ shape, values: domains[kind] }], attributes: { kind, axes }, gradient: true };
}

/** All non-empty sets of axes, each ascending. */
function subsets(rank: number): number[][] {
  return Array.from({ length: 2 ** rank - 1 }, (_, i) =>
    Array.from({ length: rank }, (_, axis) => axis).filter((axis) => (i + 1) & (1 << axis)),
  );
}

const kinds = ["sum", "mean", "max", "min", "prod"] as const;

/** A reduction as the fusing pass writes it: `$0` has the shape, `$1…` are operands. */
function prologueCase(
  shape: readonly number[],
  kind: ReduceAttributes["kind"],
  axes: readonly number[],
  [label, prologue, ...operands]: readonly [string, Expression, ...(readonly number[])[]],
): Case<"reduce"> {
  const name = `${kind} of ${label} of ${shape.join("×")} over axes ${axes.join(" ")}`;
  const inputs = [shape, ...operands].map((of) => ({ shape: of }));
  return { op: "reduce", name, inputs, attributes: { kind, axes, prologue }, gradient: false };
}

/** One prologue for every shape that an operand may have, and several operands at once. */
function prologuesFor(shape: readonly number[]) {
  const channels = shape.slice(-1);
  const leadingOnes = [...shape.slice(1).map(() => 1), ...channels];
  const difference = subtract(x(0), x(1));
  return [
    ["magnitudes", absolute(x(0))],
    ["squared deviations", multiply(difference, difference), channels],
    ["products", multiply(x(0), x(1)), shape],
    ["products with deviations", multiply(x(0), subtract(x(1), x(2))), shape, channels],
    ["rectified gradients", multiply(x(0), less(0, x(1))), shape],
    ["scaled powers", multiply(exp(x(0)), x(1)), []],
    ["sums of all kinds", add(multiply(x(0), x(1)), multiply(x(2), x(3))), channels, [], shape],
    ["differences, leading ones", difference, leadingOnes],
  ] as const satisfies readonly (readonly [string, Expression, ...(readonly number[])[]])[];
}

const prologues = kinds.flatMap((kind) => [
  ...subsets(3).flatMap((axes) => prologuesFor([5, 6, 7]).map((spec) => prologueCase([5, 6, 7], kind, axes, spec))),
  // each size with one prologue of the list
  ...edgeSizes.flatMap((size, i) => {
    const specs = prologuesFor([6, size]);
    return [0, 1].map((axis) => prologueCase([6, size], kind, [axis], specs[(i + axis) % specs.length]!));
  }),
  ...prologuesFor([2, 37, 31, 36]).map((spec) => prologueCase([2, 37, 31, 36], kind, [0, 1, 2], spec)),
  ...prologuesFor([3, 9001]).map((spec) => prologueCase([3, 9001], kind, [1], spec)),
]);

const plain = kinds.flatMap((kind) => [
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
  // cut into parts: whole groups of 32 columns, a rest, several matrices, rows that the parts do not divide
  reduceCase([1031, 64], kind, [0]),
  reduceCase([530, 45], kind, [0]),
  reduceCase([2, 601, 33], kind, [1]),
  reduceCase([2, 20_003], kind, [1]),
]);

/** No zero, one and two of them among the factors; and the largest more than once. */
const special: readonly Case<"reduce">[] = [
  {
    ...reduceCase([3, 4], "prod", [1]),
    name: "prod of rows with zeros",
    inputs: [{ shape: [3, 4], values: exactly(2, -3, 0.5, 4, 2, 0, 3, -1, 0, 5, 0, 2) }],
  },
  ...(["max", "min"] as const).map((kind) => ({
    ...reduceCase([2, 3], kind, [1]),
    name: `${kind} of equal values`,
    inputs: [{ shape: [2, 3], values: exactly(1, 1, 0, 2, 2, 2) }],
    finiteDifferences: false,
  })),
];

export const reduceCases: readonly Case<"reduce">[] = [...plain, ...special, ...prologues];
