import type { DataArray } from "../core/dtypes.js";
import { fail } from "../core/errors.js";
import { formatShape, sameShape, sizeOf } from "../core/shapes.js";
import type { Column } from "../data/dataset.js";
import type { Network } from "../model/network.js";
import type { Objective } from "../model/objectives.js";
import type { Arranged } from "./arrange.js";
import { checkTokens } from "./tokens.js";

/** Checks, before any work starts, that a data set suits a network and its losses: shapes, kind of target, labels. */
export function checkData(network: Network, data: Arranged, objectives: readonly Objective[], where: string): void {
  network.inputs.forEach(({ name, shape }, i) => {
    const column = i === 0 ? { values: data.inputs, shape: data.shape } : data.columns[name]!;
    if (sameShape(shape, column.shape)) {
      checkTokens(network, network.inputs[i]!, column.values, `"${data.name}"`, where);
      return;
    }
    fail({
      code: "shape",
      where,
      problem: `examples of "${data.name}" do not fit the network's input${i === 0 ? "" : ` "${name}"`}`,
      expected: formatShape(shape),
      received: formatShape(column.shape),
    });
  });
  if (data.length === 0) fail({ code: "data", where, problem: `"${data.name}" has no examples` });
  objectives.forEach((objective, i) => {
    const column = i === 0 ? { values: data.targets, shape: data.targetShape } : data.columns[objective.target]!;
    checkTargets(network, data, objective, column, where);
  });
}

function checkTargets(network: Network, data: Arranged, objective: Objective, column: Column, where: string): void {
  const { loss, position } = objective;
  const output = network.outputs[position]!.shape;
  if (loss.labels) {
    checkLabels(data, column, output, objective, where);
    return;
  }
  if (column.values instanceof Float32Array && sameShape(column.shape, output)) return;
  const kind = column.values instanceof Float32Array ? "float32" : "int32";
  fail({
    code: "shape",
    where,
    problem: `targets of "${data.name}" do not fit the network's output under ${loss.kind}`,
    expected: `float32 ${formatShape(output)}`,
    received: `${kind} ${formatShape(column.shape)}`,
  });
}

function checkLabels(
  data: Arranged,
  { values, shape }: Column,
  output: readonly number[],
  { loss }: Objective,
  where: string,
): void {
  const classes = output[output.length - 1]!;
  const labelShape = output.slice(0, -1);
  if (!(values instanceof Int32Array) || !sameShape(shape, labelShape)) {
    const kind = values instanceof Float32Array ? "float32" : "int32";
    fail({
      code: "shape",
      where,
      problem: `targets of "${data.name}" are not the labels that ${loss.kind} takes`,
      expected: `int32 ${formatShape(labelShape)}`,
      received: `${kind} ${formatShape(shape)}`,
      fix: "Pass targets as an Int32Array, or use meanSquaredError",
    });
  }
  const wrong = values.findIndex((label) => !(label >= 0 && label < classes) && label !== loss.ignoreIndex);
  if (wrong < 0) return;
  const each = values.length / data.length;
  fail({
    code: "label",
    where,
    problem: `label ${values[wrong]} of example ${Math.floor(wrong / each)} of "${data.name}" is not a class of the network`,
    expected: `0 to ${classes - 1}`,
    received: String(values[wrong]),
    fix: `Give the last layer ${values.reduce((a, b) => Math.max(a, b), 0) + 1} units, or correct the labels`,
  });
}

/**
 * Examples of flat arrays, checked: one array, or one for each input by its name.
 *
 * Errors: code "shape" where arrays do not hold whole examples, or not the same number of them; code "option" where
 * names are not the inputs'; codes "dtype" and "token" where tokens and numbers are mixed up, or tokens not known.
 */
export function examplesOf(
  network: Network,
  given: DataArray | Readonly<Record<string, DataArray>>,
  where: string,
): Pick<Arranged, "inputs" | "shape" | "length" | "columns"> {
  const [first] = network.inputs;
  const isArray = ArrayBuffer.isView(given);
  const arrays = isArray ? { [first!.name]: given } : given;
  const names = network.inputs.map(({ name }) => name);
  const wrong = [
    ...Object.keys(arrays).filter((name) => !names.includes(name)),
    ...names.filter((n) => !(n in arrays)),
  ];
  if (wrong.length > 0) {
    fail({
      code: "option",
      where,
      problem: `the inputs are not the network's`,
      expected: `arrays called ${names.join(", ")}`,
      received: isArray ? "one array" : Object.keys(arrays).join(", "),
    });
  }
  const lengths = network.inputs.map(({ name, shape }) => {
    const values = arrays[name]!;
    const size = sizeOf(shape);
    if (values.length > 0 && values.length % size === 0) return values.length / size;
    return fail({
      code: "shape",
      where,
      problem: `the array${names.length > 1 ? ` "${name}"` : ""} does not hold whole examples`,
      expected: `a multiple of ${size} values, ${formatShape(shape)} each`,
      received: String(values.length),
    });
  });
  const different = lengths.findIndex((length) => length !== lengths[0]);
  if (different > 0) {
    fail({
      code: "shape",
      where,
      problem: `the array "${names[different]}" has another number of examples than "${names[0]}"`,
      expected: String(lengths[0]),
      received: String(lengths[different]),
    });
  }
  for (const input of network.inputs) checkTokens(network, input, arrays[input.name]!, "the examples", where);
  const further = network.inputs.slice(1).map(({ name, shape }) => [name, { values: arrays[name]!, shape }] as const);
  return {
    inputs: arrays[first!.name]!,
    shape: first!.shape,
    length: lengths[0]!,
    columns: Object.fromEntries(further),
  };
}
