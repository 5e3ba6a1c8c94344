import { fail } from "../core/errors.js";
import { formatShape, sameShape, sizeOf } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node, OpDefinition, TensorType } from "../graph/types.js";
import { multiply, subtract, x } from "./expression.js";
import { mapNode } from "./map.js";
import { reduceNode } from "./reduce.js";
import { reshapeNode } from "./reshape.js";

/** No attributes: these ops always work along the last axis, the classes. */
export type LastAxisAttributes = Record<never, never>;

/** Softmax along the last axis, shifted by the maximum so that it cannot overflow: `e^(x_i − max) / Σ_j e^(x_j − max)`. */
export const softmax: OpDefinition<LastAxisAttributes> = {
  name: "softmax",
  infer([logits], _attributes, where) {
    checkLogits(logits!, where);
    return { shape: logits!.shape, dtype: "float32" };
  },
  gradient: ({ builder, node, gradient }) => [throughSoftmax(builder, node, gradient)],
  cost: (_inputs, _attributes, output) => ({ multiplyAdds: 4 * sizeOf(output.shape) }),
};

/**
 * Cross-entropy of softmax from logits and integer labels, one value per example:
 * `loss[n] = log Σ_j e^(x[n, j]) − x[n, label[n]]`, computed with the maximum taken out.
 * Inputs: logits [..., classes], labels int32 [...].
 */
export const softmaxCrossEntropy: OpDefinition<LastAxisAttributes> = {
  name: "softmaxCrossEntropy",
  infer(inputs, _attributes, where) {
    const [logits, labels] = inputs as [TensorType, TensorType];
    checkLogits(logits, where);
    checkLabels(logits, labels, where);
    return { shape: labels.shape, dtype: "float32" };
  },
  gradient: ({ builder, inputs, gradient }) => [
    builder.add(softmaxCrossEntropyGradient, [inputs[0]!, inputs[1]!, gradient], {}),
    undefined,
  ],
  cost: ([logits]) => ({ multiplyAdds: 4 * sizeOf(logits!.shape) }),
};

/** ∂loss/∂logits: `(softmax(x)[n, j] − [j = label[n]]) · gradient[n]`. Inputs: logits, labels, gradient per example. */
export const softmaxCrossEntropyGradient: OpDefinition<LastAxisAttributes> = {
  name: "softmaxCrossEntropyGradient",
  infer(inputs, _attributes, where) {
    const [logits, labels, gradient] = inputs as [TensorType, TensorType, TensorType];
    checkLogits(logits, where);
    checkLabels(logits, labels, where);
    if (!sameShape(gradient.shape, labels.shape)) {
      fail({
        code: "shape",
        where,
        problem: "one gradient per example is needed",
        expected: formatShape(labels.shape),
        received: formatShape(gradient.shape),
      });
    }
    return { shape: logits.shape, dtype: "float32" };
  },
  // with p = softmax(x), o the one-hot labels and u what comes back: dx from p as for softmax, dg = Σ (p − o) · u
  gradient({ builder, inputs, gradient, needed }) {
    const [logits, labels, perExample] = inputs as [Node, Node, Node];
    const ofLogits = () => {
      const column = reshapeNode(builder, perExample, [...perExample.shape, 1]);
      const weighted = mapNode(builder, [gradient, column], multiply(x(0), x(1)));
      return throughSoftmax(builder, builder.add(softmax, [logits], {}), weighted);
    };
    const ofEach = () => {
      const ones = mapNode(builder, [], { kind: "constant", value: 1 }, labels.shape);
      const slopes = builder.add(softmaxCrossEntropyGradient, [logits, labels, ones], {});
      const product = mapNode(builder, [slopes, gradient], multiply(x(0), x(1)));
      return reduceNode(builder, product, "sum", [labels.shape.length]);
    };
    return [needed[0] ? ofLogits() : undefined, undefined, needed[2] ? ofEach() : undefined];
  },
  cost: ([logits]) => ({ multiplyAdds: 4 * sizeOf(logits!.shape) }),
};

/** Position of the largest value along the last axis, the first one on ties: int32 [...]. */
export const argmax: OpDefinition<LastAxisAttributes> = {
  name: "argmax",
  infer([values], _attributes, where) {
    checkLogits(values!, where);
    return { shape: values!.shape.slice(0, -1), dtype: "int32" };
  },
  gradient: { none: "a position does not vary smoothly" },
  cost: ([values]) => ({ multiplyAdds: sizeOf(values!.shape) }),
};

/** What comes back through `y`, a softmax: `y · (dy − Σ dy·y)`. */
function throughSoftmax(builder: GraphBuilder, y: Node, gradient: Node): Node {
  const product = mapNode(builder, [y, gradient], multiply(x(0), x(1)));
  const total = reduceNode(builder, product, "sum", [y.shape.length - 1]);
  const column = reshapeNode(builder, total, [...total.shape, 1]);
  return mapNode(builder, [y, gradient, column], multiply(x(0), subtract(x(1), x(2))));
}

function checkLogits({ shape, dtype }: TensorType | Node, where: string): void {
  if (shape.length === 0 || shape[shape.length - 1] === 0) {
    fail({ code: "shape", where, problem: "needs a last axis of classes", received: formatShape(shape) });
  }
  if (dtype !== "float32")
    fail({ code: "dtype", where, problem: "takes floats", expected: "float32", received: dtype });
}

function checkLabels(logits: TensorType, labels: TensorType, where: string): void {
  const expected = logits.shape.slice(0, -1);
  if (labels.dtype !== "int32" || !sameShape(labels.shape, expected)) {
    fail({
      code: "shape",
      where,
      problem: "needs one integer label per row of logits",
      expected: `int32 ${formatShape(expected)}`,
      received: `${labels.dtype} ${formatShape(labels.shape)}`,
    });
  }
}
