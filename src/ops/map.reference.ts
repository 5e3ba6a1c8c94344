import { usedInputs } from "./expression.js";
import { evaluateExpression, uniformOfElement } from "./expression.reference.js";
import type { MapAttributes } from "./map.js";
import { broadcastOffsets } from "./offsets.reference.js";
import type { ReferenceKernel } from "./reference.js";

/** `out[i] = expression(inputs[0][i], inputs[1][i], …)`, where smaller inputs repeat as in NumPy. */
export const map: ReferenceKernel<MapAttributes> = ({ inputs, output, attributes: { expression } }) => {
  const { values } = usedInputs(expression);
  // Keys of `random` are inputs too, but they are read whole and do not broadcast.
  const offsets = inputs.map((input, index) =>
    values.includes(index) ? broadcastOffsets(output.shape, input.shape) : new Int32Array(0),
  );
  let element = 0;
  const reader = {
    value: (index: number) => inputs[index]!.data[offsets[index]![element]!]!,
    random: (key: number, salt: number) => uniformOfElement(inputs[key]!.data, element, salt),
  };
  for (element = 0; element < output.data.length; element++) {
    output.data[element] = evaluateExpression(expression, reader);
  }
};
