import { differentiate } from "../autodiff/differentiate.js";
import { checkOptions, fail } from "../core/errors.js";
import { keyOf, uniformAt } from "../core/random.js";
import { type Shape, sizeOf } from "../core/shapes.js";
import type { Dataset } from "../data/dataset.js";
import { GraphBuilder } from "../graph/builder.js";
import type { Graph, Node } from "../graph/types.js";
import { choice, numberThat, trueOrFalse, wholeNumber } from "../model/check.js";
import { emitInputs, emitNetwork } from "../model/emit.js";
import { endsInSoftmax } from "../model/losses.js";
import type { Network } from "../model/network.js";
import { reduceNode } from "../ops/reduce.js";
import { softmaxCrossEntropy } from "../ops/softmax.js";
import type { Program } from "../plan/backend.js";
import { predictedClasses } from "../train/metrics/index.js";
import type { Model } from "../train/model.js";
import { Classifier, checkClassifier, checkedLabels, classNames, softmaxOf } from "./classes.js";
import { checkExamples, overBatches } from "./examples.js";
import { beforeActivation, floats, onlyInput, Probe, type ViewOptions, viewOptionNames } from "./probe.js";
import type { RobustnessCurve } from "./robustness.js";

/** `"fgsm"`: one step along the sign of the gradient. `"pgd"`: several small ones, drawn back into the ball. */
export type AttackMethod = "fgsm" | "pgd";

/** Least and largest value of an image. */
export type Range = readonly [number, number];

export interface AttackOptions extends ViewOptions {
  /** Default: "pgd". */
  readonly method?: AttackMethod;
  /** The class that images shall be taken for. Default: any but their own. */
  readonly target?: number;
  /** Steps of PGD. Default: 10. */
  readonly steps?: number;
  /** Length of PGD's steps as a part of ε. Default: 2.5 / steps. */
  readonly stepSize?: number;
  /** Whether PGD starts at a random place in the ball. Default: false. */
  readonly randomStart?: boolean;
  /** Decides the random start. Default: 0. */
  readonly seed?: number;
  /** Least and largest value of images. Default: [0, 1] for bytes, else those of the data. */
  readonly range?: Range;
}

export interface AdversarialOptions extends AttackOptions {
  /** ε: how far each value may be changed, as a part of the range. Default: 0.1. */
  readonly epsilon?: number;
}

export interface AttackCurveOptions extends AttackOptions {
  /** Several ε, rising. Default: 0 to 0.3 in eight steps that widen. */
  readonly epsilons?: readonly number[];
}

const optionNames = ["method", "target", "steps", "stepSize", "randomStart", "seed", "range", ...viewOptionNames];

/** A class that a model sees in an image. */
export interface Guess {
  readonly class: number;
  readonly name: string;
  readonly probability: number;
}

export interface AdversarialImage {
  /** Position in the data. */
  readonly example: number;
  readonly label: number;
  readonly before: Guess;
  readonly after: Guess;
  readonly original: Float32Array;
  readonly changed: Float32Array;
  /** Whether the image is now taken for another class, or for the target. */
  readonly fooled: boolean;
}

/** Images that were changed, by little, so that a model errs. */
export interface AdversarialImages {
  readonly view: "adversarial";
  readonly method: AttackMethod;
  readonly epsilon: number;
  readonly target?: { readonly class: number; readonly name: string };
  readonly range: Range;
  /** Of one image. */
  readonly shape: Shape;
  readonly images: readonly AdversarialImage[];
}

/**
 * Changes images by at most ε per value so that the model errs, with g = ∂(cross-entropy)/∂image of the label, or −g of
 * the target:
 *
 * - FGSM: `clip(x + ε·sign g)`;
 * - PGD: `x ← clip(x + α·sign g)`, each time drawn back to within ε of the image, from the image itself or from a random
 *   place in the ball.
 *
 * `clip` keeps values within the range. The same seed gives the same images.
 *
 * Errors: code "unsupported" for networks that are no classifiers; codes "shape" and "label" for data that do not fit;
 * code "option" for options out of range.
 *
 * Source: Goodfellow, Shlens, Szegedy, "Explaining and harnessing adversarial examples", ICLR 2015; Madry et al.,
 * "Towards deep learning models resistant to adversarial attacks", ICLR 2018.
 *
 * @param data the images to change, with their labels
 * @example const { images } = await adversarialImages(net, digits.test, { method: "fgsm", epsilon: 0.2 });
 */
export async function adversarialImages(
  model: Model,
  data: Dataset,
  options: AdversarialOptions = {},
): Promise<AdversarialImages> {
  const where = "adversarialImages";
  checkOptions(where, options, [...optionNames, "epsilon"]);
  const epsilon = part(where, "epsilon", options.epsilon ?? 0.1);
  const attack = await Attack.of(model, data, where, options);
  const { names, settings } = attack;
  const size = sizeOf(data.shape);
  const images: AdversarialImage[] = [];
  await overBatches(data, attack.batchSize, (inputs, start, count) => {
    const before = attack.guesses(inputs);
    const changed = attack.perturb(inputs, start, epsilon);
    const after = attack.guesses(changed);
    for (let i = 0; i < count; i++) {
      const label = attack.labels[start + i]!;
      images.push({
        example: start + i,
        label,
        before: before[i]!,
        after: after[i]!,
        original: inputs.slice(i * size, (i + 1) * size),
        changed: changed.slice(i * size, (i + 1) * size),
        fooled: settings.target === undefined ? after[i]!.class !== label : after[i]!.class === settings.target,
      });
    }
  });
  const { method, target, range } = settings;
  return {
    view: "adversarial",
    method,
    epsilon,
    ...(target === undefined ? {} : { target: { class: target, name: names[target]! } }),
    range,
    shape: data.shape,
    images,
  };
}

/** ε from what hardly shows to what changes an image for people, too. */
const usualEpsilons = [0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3];

/**
 * Accuracy under attack, and how often the attack succeeds, over ε. Success: of the images that are recognised as they
 * are, the part that no longer is; with a target, of the images of other classes the part that is taken for it.
 *
 * Errors: those of {@link adversarialImages}.
 *
 * @example const { levels, success } = await attackCurve(net, digits.test, { epsilons: [0, 0.1, 0.2], steps: 5 });
 */
export async function attackCurve(
  model: Model,
  data: Dataset,
  options: AttackCurveOptions = {},
): Promise<RobustnessCurve> {
  const where = "attackCurve";
  checkOptions(where, options, [...optionNames, "epsilons"]);
  const epsilons = (options.epsilons ?? usualEpsilons).map((epsilon) => part(where, "epsilons", epsilon));
  if (epsilons.length === 0) fail({ code: "option", where, problem: "wrong epsilons", expected: "one or more" });
  const attack = await Attack.of(model, data, where, options);
  const { names, settings, labels } = attack;
  const { method, target } = settings;
  const sums = epsilons.map(() => ({ right: 0, sure: 0, fooled: 0 }));
  const size = sizeOf(data.shape);
  const samples: Float32Array[] = [];
  let attacked = 0;
  await overBatches(data, attack.batchSize, (inputs, start, count) => {
    const before = attack.guesses(inputs);
    const counts = (i: number) =>
      target === undefined
        ? before[i]!.class === labels[start + i]
        : labels[start + i] !== target && before[i]!.class !== target;
    for (let i = 0; i < count; i++) if (counts(i)) attacked += 1;
    epsilons.forEach((epsilon, level) => {
      const changed = epsilon === 0 ? inputs : attack.perturb(inputs, start, epsilon);
      if (start === 0) samples.push(changed.slice(0, size));
      const sum = sums[level]!;
      attack.guesses(changed).forEach((guess, i) => {
        sum.right += guess.class === labels[start + i] ? 1 : 0;
        sum.sure += guess.probability;
        const isFooled = target === undefined ? guess.class !== labels[start + i] : guess.class === target;
        sum.fooled += isFooled && counts(i) ? 1 : 0;
      });
    });
  });
  return {
    view: "robustnessCurve",
    change: method,
    ...(target === undefined ? {} : { target: names[target]! }),
    levels: epsilons,
    accuracy: sums.map(({ right }) => right / data.length),
    confidence: sums.map(({ sure }) => sure / data.length),
    success: sums.map(({ fooled }) => (attacked === 0 ? 0 : fooled / attacked)),
    examples: data.length,
    shape: data.shape,
    samples,
  };
}

interface Settings extends Required<Pick<AttackOptions, "method" | "steps" | "stepSize" | "randomStart" | "range">> {
  readonly target?: number;
  readonly seed: number;
}

/** A classifier, its gradient with respect to images, and the images' labels. */
class Attack {
  private constructor(
    readonly classifier: Classifier,
    readonly gradients: ClassGradients,
    readonly labels: Int32Array,
    readonly names: readonly string[],
    readonly settings: Settings,
  ) {}

  static async of(model: Model, data: Dataset, where: string, options: AttackOptions): Promise<Attack> {
    const classes = checkClassifier(model.network, where);
    const settings = settingsOf(options, classes, where, () => rangeOf(data, where));
    checkExamples(model, data, where);
    const labels = checkedLabels(data, classes, where);
    const classifier = await Classifier.of(model, where, options);
    const gradients = await ClassGradients.of(model, where, options, classifier.batchSize);
    return new Attack(classifier, gradients, labels, classNames(model, classes, data), settings);
  }

  get batchSize(): number {
    return this.classifier.batchSize;
  }

  guesses(inputs: Float32Array): Guess[] {
    const { classes } = this.classifier;
    const probabilities = this.classifier.probabilities(inputs);
    return [...predictedClasses(probabilities, classes)].map((found, i) => {
      return { class: found, name: this.names[found]!, probability: probabilities[i * classes + found]! };
    });
  }

  /** Images from `start` on, changed by at most ε·(high − low). */
  perturb(inputs: Float32Array, start: number, epsilon: number): Float32Array {
    const { method, steps, stepSize, target, randomStart, seed } = this.settings;
    const [low, high] = this.settings.range;
    const radius = epsilon * (high - low);
    const size = sizeOf(this.gradients.shape);
    const count = inputs.length / size;
    const labels = Int32Array.from({ length: count }, (_, i) => target ?? this.labels[start + i]!);
    const sign = target === undefined ? 1 : -1;
    const length = method === "fgsm" ? radius : stepSize * radius;
    const values = inputs.slice();
    if (method === "pgd" && randomStart) {
      const key = keyOf(seed, "random start");
      values.forEach((value, i) => {
        values[i] = clamp(value + radius * (2 * uniformAt(key, start * size + i) - 1), low, high);
      });
    }
    for (let step = 0; step < (method === "fgsm" ? 1 : steps); step++) {
      const gradient = this.gradients.of(values, labels);
      for (let i = 0; i < values.length; i++) {
        const moved = values[i]! + sign * length * Math.sign(gradient[i]!);
        values[i] = clamp(clamp(moved, inputs[i]! - radius, inputs[i]! + radius), low, high);
      }
    }
    return values;
  }
}

function settingsOf(options: AttackOptions, classes: number, where: string, usual: () => Range): Settings {
  const steps = wholeNumber(where, "steps", options.steps ?? 10);
  const { target } = options;
  if (target !== undefined && !(Number.isInteger(target) && target >= 0 && target < classes)) {
    const expected = `0 … ${classes - 1}`;
    fail({ code: "option", where, problem: "there is no such target", expected, received: String(target) });
  }
  return {
    method: choice<AttackMethod>(where, "method", options.method ?? "pgd", ["fgsm", "pgd"]),
    ...(target === undefined ? {} : { target }),
    steps,
    stepSize: numberThat(where, "stepSize", options.stepSize ?? 2.5 / steps, "a number > 0", (value) => value > 0),
    randomStart: trueOrFalse(where, "randomStart", options.randomStart ?? false),
    seed: wholeNumber(where, "seed", options.seed ?? 0, 0),
    range: options.range === undefined ? usual() : checkRange(options.range, where),
  };
}

/** A part, 0 … 1. */
export function part(where: string, name: string, value: unknown): number {
  return numberThat(where, name, value, "a number from 0 to 1", (v) => v >= 0 && v <= 1);
}

export function checkRange(range: Range, where: string): Range {
  const [low, high] = range;
  numberThat(where, "range", high - low, "two numbers, the lower first", (value) => value > 0);
  return [low, high];
}

/** [0, 1] of bytes, which are divided by 255; else the least and the largest value of the data. */
export function rangeOf({ name, inputs, reader }: Dataset, where: string): Range {
  if (inputs instanceof Uint8Array) return [0, 1];
  if (reader !== undefined) {
    const problem = `the range of "${name}" is not known, since its examples are read one by one`;
    fail({ code: "option", where, problem, fix: "Give range: [least, largest]" });
  }
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of inputs) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low < high ? [low, high] : [low, low + 1];
}

const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));

const labelName = "class of the gradient";

/** Gradients of the cross-entropy of classes with respect to images; of a network that ends in a softmax, too. */
export class ClassGradients {
  private constructor(
    private readonly program: Program,
    private readonly inputName: string,
    readonly shape: Shape,
    readonly classes: number,
  ) {}

  static async of(model: Model, where: string, options: ViewOptions, batchSize: number): Promise<ClassGradients> {
    const classes = checkClassifier(model.network, where);
    const { name, shape } = onlyInput(model.network, where);
    const probe = await Probe.of(model, where, options);
    const graph = (count: number) => crossEntropyGraph(model.network, count, where);
    const program = await probe.program("gradient of the cross-entropy", graph, batchSize);
    return new ClassGradients(program, name, shape, classes);
  }

  /** Of each image's own cross-entropy; images do not mix. A batch may be smaller than the program's. */
  of(inputs: Float32Array, labels: Int32Array): Float32Array {
    this.program.input(this.inputName).set(inputs);
    this.program.input(labelName).set(labels);
    this.program.run();
    return floats(this.program.output("gradient").subarray(0, inputs.length));
  }

  /** Probabilities of the images that gradients were last taken of. */
  lastProbabilities(count: number): Float64Array {
    return softmaxOf(this.program.output("logits").subarray(0, count * this.classes), this.classes);
  }
}

/** Inputs: images, and a class for each. Outputs: `logits`, and `gradient`, that of Σ cross-entropy. */
export function crossEntropyGraph(network: Network, batchSize: number, where: string): Graph {
  const builder = new GraphBuilder();
  const inputs = emitInputs(network, builder, batchSize, "float32");
  const emitted = emitNetwork(network, builder, inputs, { training: false });
  const [output] = network.outputs;
  const last = network.calls.find((call) => call.output === output);
  const isSoftmax = last !== undefined && endsInSoftmax(last);
  const logits = isSoftmax ? beforeActivation(network, builder, emitted, output!) : emitted.nodes.get(output!)!;
  const labels = builder.input(labelName, [batchSize], "int32");
  const losses: Node = builder.add(softmaxCrossEntropy, [logits, labels], {});
  const [gradient] = differentiate(builder, reduceNode(builder, losses, "sum", [0]), [inputs[0]!]);
  if (gradient === undefined) {
    fail({ code: "unsupported", where, problem: "the network's output does not depend on its input" });
  }
  builder.output("logits", logits);
  builder.output("gradient", gradient);
  return builder.build();
}

/** Images made for classes. */
export interface FoolingImages {
  readonly view: "fooling";
  readonly shape: Shape;
  /** What was wanted. */
  readonly confidence: number;
  readonly images: readonly FoolingImage[];
}

export interface FoolingImage extends Guess {
  readonly values: Float32Array;
  /** Steps until the confidence was reached, or all of them. */
  readonly steps: number;
  readonly reached: boolean;
  /** The class's probability at the beginning, after each step. */
  readonly history: readonly number[];
}

export interface FoolingOptions extends ViewOptions {
  /** Default: all, sixteen at most. */
  readonly classes?: readonly number[];
  /** The probability to reach. Default: 0.99. */
  readonly confidence?: number;
  /** At most. Default: 500. */
  readonly steps?: number;
  /** Root mean square of the change of all values in a step, as a part of the range. Default: 0.02. */
  readonly stepSize?: number;
  /** Least and largest value of images. Default: [0, 1]. */
  readonly range?: Range;
  /** Decides the noise that they begin with. Default: 0. */
  readonly seed?: number;
}

/**
 * Images of noise that a model is sure of: from uniform noise by gradient ascent on the logarithm of a class's
 * probability, `x ← clip(x − stepSize · g / rms(g))` with g the gradient of its cross-entropy, until the class has the
 * confidence that was asked for. The same seed gives the same images.
 *
 * Errors: code "unsupported" for networks that are no classifiers; code "option" for options out of range.
 *
 * Source: Nguyen, Yosinski, Clune, "Deep neural networks are easily fooled", CVPR 2015.
 *
 * @example const { images } = await foolingImages(net, { classes: [3], steps: 50 });
 */
export async function foolingImages(model: Model, options: FoolingOptions = {}): Promise<FoolingImages> {
  const where = "foolingImages";
  checkOptions(where, options, ["classes", "confidence", "steps", "stepSize", "range", "seed", ...viewOptionNames]);
  const count = checkClassifier(model.network, where);
  const all = options.classes ?? Array.from({ length: Math.min(16, count) }, (_, i) => i);
  const wrong = all.find((each) => !(Number.isInteger(each) && each >= 0 && each < count));
  if (wrong !== undefined || all.length === 0) {
    const expected = `some of 0 … ${count - 1}`;
    fail({ code: "option", where, problem: "wrong classes", expected, received: String(wrong ?? "none") });
  }
  const wanted = part(where, "confidence", options.confidence ?? 0.99);
  const steps = wholeNumber(where, "steps", options.steps ?? 500, 0);
  const stepSize = numberThat(where, "stepSize", options.stepSize ?? 0.02, "a number > 0", (value) => value > 0);
  const [low, high] = options.range === undefined ? [0, 1] : checkRange(options.range, where);
  const key = keyOf(wholeNumber(where, "seed", options.seed ?? 0, 0), where);
  const names = classNames(model, count);
  const gradients = await ClassGradients.of(model, where, options, 1);
  const size = sizeOf(gradients.shape);
  const images = all.map((label): FoolingImage => {
    const values = Float32Array.from({ length: size }, (_, i) => low + (high - low) * uniformAt(key, label * size + i));
    const history: number[] = [];
    for (let step = 0; ; step++) {
      const gradient = gradients.of(values, Int32Array.of(label));
      const probability = gradients.lastProbabilities(1)[label]!;
      history.push(probability);
      const reached = probability >= wanted;
      if (reached || step === steps) {
        return { class: label, name: names[label]!, probability, values, steps: step, reached, history };
      }
      const length = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0) / size);
      // where the class is out of the question, the gradient is too small for float32: nothing leads there
      const scale = length === 0 ? 0 : (stepSize * (high - low)) / length;
      for (let i = 0; i < size; i++) values[i] = clamp(values[i]! - scale * gradient[i]!, low, high);
    }
  });
  return { view: "fooling", shape: gradients.shape, confidence: wanted, images };
}
