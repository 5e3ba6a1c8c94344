import { dtypeOf } from "../core/dtypes.js";
import { fail } from "../core/errors.js";
import type { Column, Dataset } from "../data/dataset.js";
import type { InputDTypes } from "../model/emit.js";
import type { Network } from "../model/network.js";
import type { Objective } from "../model/objectives.js";
import { checkedReader } from "./tokens.js";

/** A data set as a network's programs take it: `columns` are those of the inputs and targets after the first. */
export interface Arranged extends Dataset {
  readonly columns: Readonly<Record<string, Column>>;
}

/**
 * Finds the data of every input and of every loss's targets by name. Where there is one of them only, names do not
 * matter.
 *
 * Errors: code "data" where the data set lacks something.
 */
export function arrange(network: Network, data: Dataset, objectives: readonly Objective[], where: string): Arranged {
  const { columns = {} } = data;
  const { "sample weight": sampleWeight, ...named } = columns;
  const keys = Object.keys(named);
  const known = {
    input: keys.filter((key) => !key.startsWith("target.")),
    target: keys.filter((key) => key.startsWith("target.")),
  };
  const only = {
    input: { values: data.inputs, shape: data.shape },
    target: { values: data.targets, shape: data.targetShape },
  };
  const find = (kind: "input" | "target", name: string, key: string, count: number): Column => {
    // a plain data set has one of each
    if (count === 1 && known[kind].length <= 1) return only[kind];
    return (
      named[key] ??
      fail({
        code: "data",
        where,
        problem: `"${data.name}" has no ${kind} "${name}", which the network has`,
        expected: known[kind].length > 0 ? `one among ${known[kind].join(", ")}` : "a recordDataset",
        fix: `Name its ${kind}s as the network does`,
      })
    );
  };
  const inputs = network.inputs.map(({ name }) => find("input", name, name, network.inputs.length));
  const targets = objectives.map(({ name }) => find("target", name, `target.${name}`, objectives.length));
  const further = [
    ...network.inputs.slice(1).map(({ name }, i) => [name, inputs[i + 1]!] as const),
    ...objectives.slice(1).map(({ target }, i) => [target, targets[i + 1]!] as const),
  ];
  return {
    ...data,
    ...(data.reader === undefined ? {} : { reader: checkedReader(data.reader, network, data, where) }),
    inputs: inputs[0]!.values as Dataset["inputs"],
    shape: inputs[0]!.shape,
    targets: targets[0]!.values as Dataset["targets"],
    targetShape: targets[0]!.shape,
    columns: {
      ...Object.fromEntries(further),
      ...(sampleWeight === undefined ? {} : { "sample weight": sampleWeight }),
    },
  };
}

/** What graphs must know of the data: types of the inputs, and whether examples have weights. */
export function dataOptions(
  network: Network,
  data: Pick<Arranged, "inputs" | "shape" | "columns">,
): { inputDtype: InputDTypes; sampleWeights?: true } {
  const first = dtypeOf(data.inputs);
  const others = network.inputs.slice(1).map(({ name }) => [name, dtypeOf(data.columns[name]!.values)] as const);
  const inputDtype = others.length === 0 ? first : { [network.inputs[0]!.name]: first, ...Object.fromEntries(others) };
  return data.columns["sample weight"] === undefined ? { inputDtype } : { inputDtype, sampleWeights: true };
}
