import { fail } from "../core/errors.js";
import type { Node } from "../graph/types.js";
import {
  add,
  divide,
  type Expression,
  equal,
  exp,
  less,
  log,
  log1p,
  maximum,
  multiply,
  negate,
  select,
  sigmoid,
  subtract,
  x,
} from "../ops/expression.js";
import { mapNode } from "../ops/map.js";
import { reduceNode } from "../ops/reduce.js";
import { reshapeNode } from "../ops/reshape.js";
import { argmax, softmax, softmaxCrossEntropy } from "../ops/softmax.js";
import { choice, list, numberThat, wrongOption } from "./check.js";
import {
  alongLast,
  checkClasses,
  checkVector,
  constant,
  isRight,
  type Loss,
  type LossContext,
  labelsOf,
  likeOutput,
  logSoftmax,
  makeLoss,
  meanPerExample,
  oneHot,
  optionsOf,
  type Parts,
} from "./loss.js";

export interface CrossEntropyOptions {
  /**
   * `"labels"`: one int32 class per row of the output. `"probabilities"`: float32 of the output's shape, one-hot or not.
   * Default: `"labels"`.
   */
  readonly targets?: "labels" | "probabilities";
  /** ε: targets become `(1 − ε)·t + ε / classes`; 0 ≤ ε ≤ 1. Default: 0. */
  readonly labelSmoothing?: number;
  /** w, one number ≥ 0 per class. Default: 1 each. */
  readonly classWeights?: readonly number[];
  /** Rows of this label count nothing, whether it is a class or not. Labels only. Default: none (PyTorch: −100). */
  readonly ignoreIndex?: number;
}

/**
 * Cross-entropy of softmax, from logits y (raw scores, no softmax): for a row of classes with target t, one-hot for
 * labels, `−Σ_c w_c·t_c·log p_c` with `p = softmax(y)`. Rows may be pixels: the output is [..., classes].
 *
 * The mean over rows is PyTorch's: of labels it is weighted, `Σ losses / Σ w_label` over rows that are not ignored (a
 * batch without any counts 0, PyTorch has NaN there); of probabilities it is over the number of rows.
 *
 * Targets: int32 labels [...], or float32 [..., classes]. Accuracy: the largest output is the label's.
 *
 * Keras: SparseCategoricalCrossentropy, CategoricalCrossentropy (from_logits=True) · PyTorch: CrossEntropyLoss
 *
 * Errors: code "option" for options out of range or unknown; code "shape" where weights do not fit the classes.
 *
 * Source: Szegedy et al., "Rethinking the inception architecture for computer vision", CVPR 2016 (label smoothing).
 *
 * @example await net.fit(digits.train, { loss: crossEntropy({ labelSmoothing: 0.1 }), optimizer: adam(), epochs: 1 });
 */
export function crossEntropy(options: CrossEntropyOptions = {}): Loss {
  const kind = "crossEntropy";
  const given = optionsOf(kind, options, ["targets", "labelSmoothing", "classWeights", "ignoreIndex"]);
  const targets = choice(kind, "targets", given.targets ?? "labels", ["labels", "probabilities"]);
  const smoothing = unit(kind, "labelSmoothing", given.labelSmoothing ?? 0);
  const classWeights = given.classWeights === undefined ? undefined : vector(kind, "classWeights", given.classWeights);
  const ignoreIndex = given.ignoreIndex === undefined ? undefined : label(kind, given.ignoreIndex);
  const labels = targets === "labels";
  if (ignoreIndex !== undefined && !labels) {
    fail({
      code: "option",
      where: kind,
      problem: "ignoreIndex needs labels",
      fix: 'Leave out targets: "probabilities"',
    });
  }
  const counted = (target: Expression) => subtract(1, equal(target, ignoreIndex!));

  /** By the op for it, which keeps no probabilities. */
  const plain = ({ builder, output, target }: LossContext): Parts => {
    const losses = builder.add(softmaxCrossEntropy, [output, target], {});
    if (ignoreIndex === undefined) return { sums: meanPerExample(builder, losses) };
    // the loss of a label that is no class is NaN
    const kept = mapNode(builder, [losses, target], select(equal(x(1), ignoreIndex), constant(0), x(0)));
    const weights = mapNode(builder, [target], counted(x(0)));
    return { sums: meanPerExample(builder, kept), weights: meanPerExample(builder, weights) };
  };
  /** By the sum over classes. */
  const general = ({ builder, output, target, vectors }: LossContext): Parts => {
    const classes = output.shape.at(-1)!;
    const exact = labels ? oneHot(builder, target, classes) : target;
    const { classWeights: w } = vectors;
    const smooth = add(multiply(1 - smoothing, x(1)), smoothing / classes);
    const each = negate(multiply(multiply(x(0), smooth), w === undefined ? constant(1) : x(2)));
    const operands = [logSoftmax(builder, output), exact, ...(w === undefined ? [] : [w])];
    const rows = alongLast(builder, mapNode(builder, operands, each), "sum");
    if (!labels) return { sums: meanPerExample(builder, rows) };
    const ofLabel =
      w === undefined ? undefined : alongLast(builder, mapNode(builder, [exact, w], multiply(x(0), x(1))), "sum");
    if (ignoreIndex === undefined) {
      const sums = meanPerExample(builder, rows);
      return ofLabel === undefined ? { sums } : { sums, weights: meanPerExample(builder, ofLabel) };
    }
    const kept = mapNode(builder, [rows, target], select(equal(x(1), ignoreIndex), constant(0), x(0)));
    const weights =
      ofLabel === undefined
        ? mapNode(builder, [target], counted(x(0)))
        : mapNode(builder, [ofLabel, target], multiply(x(0), counted(x(1))));
    return { sums: meanPerExample(builder, kept), weights: meanPerExample(builder, weights) };
  };

  return makeLoss(kind, given, {
    labels,
    logits: true,
    ...(ignoreIndex === undefined ? {} : { ignoreIndex }),
    vectors: classWeights === undefined ? {} : { classWeights },
    target: labels ? labelsOf : likeOutput,
    check(output, where) {
      checkClasses(output, where);
      checkVector("classWeights", classWeights, output, where);
    },
    emit: labels && smoothing === 0 && classWeights === undefined ? plain : general,
    emitCorrect({ builder, output, target }) {
      const right = isRight(builder, output, labels ? target : builder.add(argmax, [target], {}));
      if (ignoreIndex === undefined) return { sums: meanPerExample(builder, right) };
      const weights = mapNode(builder, [target], counted(x(0)));
      const kept = mapNode(builder, [right, target], multiply(x(0), counted(x(1))));
      return { sums: meanPerExample(builder, kept), weights: meanPerExample(builder, weights) };
    },
  });
}

export interface BinaryCrossEntropyOptions {
  /** p, what targets of 1 weigh against those of 0: one number > 0, or one per class. Default: 1. */
  readonly posWeight?: number | readonly number[];
  /** ε: targets become `(1 − ε)·t + ε / 2`; 0 ≤ ε ≤ 1. Default: 0. */
  readonly labelSmoothing?: number;
}

/**
 * Cross-entropy of independent yes-or-no answers, from logits y (no sigmoid): the mean over all elements of
 * `−p·t·log σ(y) − (1 − t)·log(1 − σ(y))`, computed so that it cannot overflow.
 *
 * Targets: float32 of the output's shape, 0 to 1. Accuracy: `y > 0` where `t > ½`, over all elements.
 *
 * Keras: BinaryCrossentropy(from_logits=True) · PyTorch: BCEWithLogitsLoss
 *
 * Errors: code "option" for options out of range or unknown; code "shape" where weights do not fit the classes.
 *
 * @example binaryCrossEntropy({ posWeight: 3 })
 */
export function binaryCrossEntropy(options: BinaryCrossEntropyOptions = {}): Loss {
  const kind = "binaryCrossEntropy";
  const given = optionsOf(kind, options, ["posWeight", "labelSmoothing"]);
  const { posWeight: p = 1 } = given;
  const each = Array.isArray(p) ? vector(kind, "posWeight", p) : undefined;
  const one = each === undefined ? above0(kind, "posWeight", p) : 1;
  const smoothing = unit(kind, "labelSmoothing", given.labelSmoothing ?? 0);
  return makeLoss(kind, given, {
    logits: true,
    vectors: each === undefined ? {} : { posWeight: each },
    check: (output, where) => checkVector("posWeight", each, output, where),
    emit({ builder, output, target, vectors }) {
      const t = add(multiply(1 - smoothing, x(1)), smoothing / 2);
      const weight = vectors.posWeight === undefined ? constant(one) : x(2);
      const positive = multiply(weight, multiply(t, softplus(negate(x(0)))));
      const losses = add(positive, multiply(subtract(1, t), softplus(x(0))));
      return { sums: meanPerExample(builder, mapNode(builder, [output, target, ...Object.values(vectors)], losses)) };
    },
    emitCorrect({ builder, output, target }) {
      const right = mapNode(builder, [output, target], equal(less(0, x(0)), less(0.5, x(1))));
      return { sums: meanPerExample(builder, right) };
    },
  });
}

/**
 * Hinge of classes: `max(0, 1 + max_(c ≠ label) y_c − y_label)` for each row, averaged over rows.
 *
 * Targets: int32 labels [...]. Accuracy: the largest output is the label's.
 *
 * Keras: CategoricalHinge (on one-hot targets, the label's own score taken as 0 among the others) · PyTorch: none
 * (MultiMarginLoss sums over the classes)
 *
 * Source: Crammer and Singer, "On the algorithmic implementation of multiclass kernel-based vector machines", 2001.
 *
 * @example categoricalHinge()
 */
export function categoricalHinge(): Loss {
  return makeLoss(
    "categoricalHinge",
    {},
    {
      labels: true,
      target: labelsOf,
      check: checkClasses,
      emit({ builder, output, target }) {
        const classes = output.shape.at(-1)!;
        const own = oneHot(builder, target, classes);
        // the label's score is put below all others, so that it is not the largest of them
        const lowered = mapNode(builder, [output, own], select(x(1), constant(-3e38), x(0)));
        const rival = oneHot(builder, builder.add(argmax, [lowered], {}), classes);
        const difference = mapNode(builder, [output, rival, own], multiply(x(0), subtract(x(1), x(2))));
        const rows = alongLast(builder, difference, "sum");
        return { sums: meanPerExample(builder, mapNode(builder, [rows], maximum(add(1, x(0)), 0))) };
      },
      emitCorrect: ({ builder, output, target }) => ({
        sums: meanPerExample(builder, isRight(builder, output, target)),
      }),
    },
  );
}

export interface DiceOptions {
  /** As of {@link CrossEntropyOptions}. Default: `"probabilities"`, masks of the output's shape. */
  readonly targets?: "labels" | "probabilities";
  /** What makes probabilities of outputs. Default: `"sigmoid"` for one channel, `"softmax"` for several. */
  readonly activation?: "sigmoid" | "softmax" | "linear";
  /** s, what is added above and below the fraction. Default: 1. */
  readonly smooth?: number;
}

/**
 * Dice: how little predicted and true regions overlap. For each example and class,
 * `1 − (2·Σ p·t + s) / (Σ p + Σ t + s)` over all pixels, averaged over classes.
 *
 * Targets: float32 masks of the output's shape, or int32 labels of the pixels.
 *
 * Keras: Dice (over the whole batch, of probabilities) · PyTorch: none
 *
 * Errors: code "option" for options out of range or unknown.
 *
 * Source: Milletari, Navab and Ahmadi, "V-Net: fully convolutional neural networks for volumetric medical image
 * segmentation", 3DV 2016.
 *
 * @example dice({ targets: "labels" })
 */
export function dice(options: DiceOptions = {}): Loss {
  const kind = "dice";
  const given = optionsOf(kind, options, ["targets", "activation", "smooth"]);
  const labels = choice(kind, "targets", given.targets ?? "probabilities", ["labels", "probabilities"]) === "labels";
  const activation =
    given.activation === undefined
      ? undefined
      : choice(kind, "activation", given.activation, ["sigmoid", "softmax", "linear"]);
  const smooth = numberThat(kind, "smooth", given.smooth ?? 1, "a number ≥ 0", (s) => s >= 0);
  return makeLoss(kind, given, {
    labels,
    logits: activation !== "linear",
    target: labels ? labelsOf : likeOutput,
    check: (output, where) => {
      if (labels || activation === "softmax") checkClasses(output, where);
    },
    emit({ builder, output, target }) {
      const classes = output.shape.at(-1)!;
      const mask = labels ? oneHot(builder, target, classes) : target;
      const pixels = [output.shape[0]!, output.shape.slice(1, -1).reduce((size, extent) => size * extent, 1), classes];
      const squash = activation ?? (classes === 1 ? "sigmoid" : "softmax");
      const probabilities =
        squash === "softmax"
          ? builder.add(softmax, [output], {})
          : mapNode(builder, [output], squash === "sigmoid" ? sigmoid(x(0)) : x(0));
      const [p, t] = [probabilities, mask].map((node) => reshapeNode(builder, node, pixels)) as [Node, Node];
      const sum = (node: Node) => reduceNode(builder, node, "sum", [1]);
      const both = sum(mapNode(builder, [p, t], multiply(x(0), x(1))));
      const fraction = divide(add(multiply(2, x(0)), smooth), add(add(x(1), x(2)), smooth));
      const perClass = mapNode(builder, [both, sum(p), sum(t)], subtract(1, fraction));
      return { sums: meanPerExample(builder, perClass) };
    },
    ...(labels
      ? {
          emitCorrect: ({ builder, output, target }) => ({
            sums: meanPerExample(builder, isRight(builder, output, target)),
          }),
        }
      : {}),
  });
}

/**
 * Kullback–Leibler divergence of softmax from a distribution t, from logits y: `Σ_c t_c·(log t_c − log p_c)` with
 * `p = softmax(y)` for each row of classes, averaged over rows. Classes with t = 0 count 0.
 *
 * Targets: float32 [..., classes], rows that sum to 1.
 *
 * Keras: KLDivergence (of probabilities) · PyTorch: KLDivLoss(reduction="batchmean") of log_softmax(y)
 *
 * @example klDivergence()
 */
export function klDivergence(): Loss {
  return makeLoss(
    "klDivergence",
    {},
    {
      logits: true,
      check: checkClasses,
      emit({ builder, output, target }) {
        const positive = less(0, x(1));
        const entropy = multiply(x(1), log(select(positive, x(1), constant(1))));
        const each = subtract(entropy, multiply(x(1), x(0)));
        const rows = alongLast(builder, mapNode(builder, [logSoftmax(builder, output), target], each), "sum");
        return { sums: meanPerExample(builder, rows) };
      },
    },
  );
}

/** `log(1 + e^a)`, whose derivative is the sigmoid everywhere; neither branch that is taken overflows. */
function softplus(a: Expression): Expression {
  return select(less(0, a), add(a, log1p(exp(negate(a)))), log1p(exp(a)));
}

function unit(where: string, name: string, value: unknown): number {
  return numberThat(where, name, value, "a number from 0 to 1", (part) => part >= 0 && part <= 1);
}

function above0(where: string, name: string, value: unknown): number {
  return numberThat(where, name, value, "a number > 0", (number) => number > 0);
}

function vector(where: string, name: string, value: unknown): readonly number[] {
  return list(where, name, value).map((each, i) => {
    return numberThat(where, `${name}[${i}]`, each, "a number ≥ 0", (number) => number >= 0);
  });
}

function label(where: string, value: unknown): number {
  if (Number.isInteger(value) && (value as number) >= -(2 ** 24) && (value as number) <= 2 ** 24)
    return value as number;
  return wrongOption(where, "ignoreIndex", value, "a whole number from −2²⁴ to 2²⁴");
}
