import { fail } from "../core/errors.js";
import { emitNetwork } from "./emit.js";
import { type Loss, meanPerExample } from "./loss.js";
import { network } from "./network.js";
import { SymbolicTensor } from "./symbolic.js";

/**
 * A loss of your own: layers applied to the network's output and to targets of the output's shape. What it returns is
 * averaged over all elements.
 *
 * Keras: a function of y_true and y_pred · PyTorch: any function
 *
 * @example
 * const fourthPowers = (output: typeof x, target: typeof x) => {
 *   const difference = subtract()(output, target);
 *   return multiply()(difference, difference, difference, difference);
 * };
 */
export type LossFunction = (output: SymbolicTensor, target: SymbolicTensor) => SymbolicTensor;

/** Numbers functions, so that programs made for one are not taken for another's. */
const numbers = new WeakMap<LossFunction, number>();
let count = 0;

/** The loss that a function describes. Layers with weights or random numbers have no place in it. */
export function customLoss(body: LossFunction): Loss {
  if (!numbers.has(body)) numbers.set(body, ++count);
  const kind = body.name === "" ? "custom" : body.name;
  const place = `loss "${kind}"`;
  const describe = (shape: readonly number[]) => {
    const [output, target] = ["output", "expected"].map((name) => {
      return new SymbolicTensor(shape, { input: { name, dtype: "float32" } });
    }) as [SymbolicTensor, SymbolicTensor];
    const description = network([output, target], body(output, target));
    if (description.weights.length > 0) {
      fail({ code: "unsupported", where: place, problem: "layers with weights have no place in a loss" });
    }
    return description;
  };
  return {
    kind,
    options: {},
    labels: false,
    logits: false,
    vectors: {},
    target: (output) => ({ shape: output, dtype: "float32" }),
    check: (output) => void describe(output),
    emit({ builder, output, target }) {
      const { outputs } = emitNetwork(describe(output.shape.slice(1)), builder, [output, target], { training: false });
      return { sums: meanPerExample(builder, outputs[0]!) };
    },
    key: `custom ${numbers.get(body)}`,
    toJSON() {
      return fail({ code: "unsupported", where: place, problem: "a function cannot be written to a file" });
    },
  };
}
