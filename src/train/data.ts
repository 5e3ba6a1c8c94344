import { fail } from "../core/errors.js";
import { formatShape, sameShape } from "../core/shapes.js";
import type { Dataset } from "../data/dataset.js";
import { type LossName, takesLabels } from "../model/losses.js";
import type { Network } from "../model/network.js";

/** Checks, before any work starts, that a data set suits a network and a loss: shapes, kind of target, labels. */
export function checkData(network: Network, data: Dataset, loss: LossName, where: string): void {
  const input = network.inputs[0]!;
  if (network.inputs.length !== 1) {
    fail({
      code: "unsupported",
      where,
      problem: "takes networks with one input",
      received: `${network.inputs.length} inputs`,
    });
  }
  if (!sameShape(input.shape, data.shape)) {
    fail({
      code: "shape",
      where,
      problem: `examples of "${data.name}" do not fit the network's input`,
      expected: formatShape(input.shape),
      received: formatShape(data.shape),
    });
  }
  if (data.length === 0) fail({ code: "data", where, problem: `"${data.name}" has no examples` });
  const output = network.outputs[0]!.shape;
  if (takesLabels(loss)) checkLabels(data, output, loss, where);
  else if (!(data.targets instanceof Float32Array) || !sameShape(data.targetShape, output)) {
    const kind = data.targets instanceof Float32Array ? "float32" : "int32";
    fail({
      code: "shape",
      where,
      problem: `targets of "${data.name}" do not fit the network's output under ${loss}`,
      expected: `float32 ${formatShape(output)}`,
      received: `${kind} ${formatShape(data.targetShape)}`,
    });
  }
}

function checkLabels(data: Dataset, output: readonly number[], loss: LossName, where: string): void {
  const classes = output[output.length - 1]!;
  const labelShape = output.slice(0, -1);
  if (!(data.targets instanceof Int32Array) || !sameShape(data.targetShape, labelShape)) {
    const kind = data.targets instanceof Float32Array ? "float32" : "int32";
    fail({
      code: "shape",
      where,
      problem: `targets of "${data.name}" are not the labels that ${loss} takes`,
      expected: `int32 ${formatShape(labelShape)}`,
      received: `${kind} ${formatShape(data.targetShape)}`,
      fix: "Pass targets as an Int32Array, or use meanSquaredError",
    });
  }
  const wrong = data.targets.findIndex((label) => !(label >= 0 && label < classes));
  if (wrong >= 0) {
    fail({
      code: "label",
      where,
      problem: `label ${data.targets[wrong]} of example ${wrong} of "${data.name}" is not a class of the network`,
      expected: `0 to ${classes - 1}`,
      received: String(data.targets[wrong]),
      fix: `Give the last layer ${Math.max(...data.targets) + 1} units, or correct the labels`,
    });
  }
}
