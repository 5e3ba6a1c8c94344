import { platform } from "#platform";
import type { DataArray } from "../core/dtypes.js";
import { fail } from "../core/errors.js";
import { formatShape, type Shape, sizeOf } from "../core/shapes.js";
import type { Dataset } from "../data/dataset.js";
import { decodeModel, encodeModel, type ModelContents } from "../formats/modelFile.js";
import type { Layer, LayerOptions } from "../model/layer.js";
import { subnetwork } from "../model/layers/index.js";
import {
  countParameters,
  frozenWeights,
  type Network,
  network,
  sequentialNetwork,
  subNetwork,
  tensorName,
  tensorOf,
  withFrozen,
} from "../model/network.js";
import { type LossSpec, type LossWeights, objectivesOf, specFromText, specToText } from "../model/objectives.js";
import { checkPatterns, matches } from "../model/patterns.js";
import type { AsList, ChainOutput, EndShapes, Ends, ShapeOrShapes, SuitableChain } from "../model/shapes/calls.js";
import type { FixedShapes } from "../model/shapes/rule.js";
import type { SymbolicTensor } from "../model/symbolic.js";
import type { ExecutionOptions } from "../runtime/backends.js";
import { arrange } from "./arrange.js";
import { checkData, examplesOf } from "./data.js";
import { defaultProgress } from "./defaultProgress.js";
import { type Evaluation, evaluateOn, predictOn } from "./evaluate.js";
import { type FitOptions, fit, type History } from "./fit.js";
import { findLearningRate, type LearningRateOptions, type LearningRateSearch } from "./learningRateFinder.js";
import { checkRunOptions } from "./options.js";
import { Weights } from "./weights.js";

export interface EvaluateOptions extends ExecutionOptions {
  /** Default: the loss of the last `fit`, or the one noted in the file; otherwise "crossEntropy". */
  readonly loss?: LossSpec;
  /** What each of several losses counts in the sum. Default: 1 each. */
  readonly lossWeights?: LossWeights;
  /** Examples per step. Default: 250. */
  readonly batchSize?: number;
}

export interface PredictOptions extends ExecutionOptions {
  /** Softmax of the outputs, for networks that end in logits. Default: false. */
  readonly probabilities?: boolean;
  /** Examples per step. Default: 250. */
  readonly batchSize?: number;
}

/** Examples one after the other in a flat array, tokens as int32 or uint8; of several inputs, arrays by their names. */
export type PredictInputs = DataArray | Readonly<Record<string, DataArray>>;

/** A layer of a model. */
export interface ModelLayer {
  readonly name: string;
  readonly kind: string;
  /** Every argument and option, defaults filled in. */
  readonly config: object;
  readonly output: SymbolicTensor;
  /** Shape of one example of the output. */
  readonly outputShape: readonly number[];
  /** Full names of its weights, for `weight` and `setWeight`. */
  readonly weightNames: readonly string[];
}

export interface SaveOptions {
  /** Noted in the file; keys that begin with "fovea." are fovea's own. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const lossKey = "fovea.loss";

/**
 * A network with weights: train it, measure it, apply it, save it. Its type carries the shapes of one example at both
 * ends, as far as they are known when the program is compiled; of several inputs or outputs, a list of shapes.
 *
 * @example
 * const net = sequential(input(28, 28, 1), flatten(), dense(10)).initialize(1);
 * console.log(net.parameterCount, net.weightNames); // 7850 [ 'dense.kernel', 'dense.bias' ]
 */
export class Model<Inputs extends ShapeOrShapes = ShapeOrShapes, Outputs extends ShapeOrShapes = ShapeOrShapes> {
  /** Names of the classes: those of the data of the last `fit`, or of the file. */
  classes: readonly string[] = [];
  /** What the file's writer noted beside the weights. */
  readonly metadata: Readonly<Record<string, string>>;
  #weights: Weights;
  #network: Network;
  #loss: LossSpec | undefined;

  /** @param contents weights and notes of a file; without them, weights are drawn at the first use */
  constructor(description: Network, contents?: Omit<ModelContents, "network">) {
    this.#network = description;
    this.#weights = new Weights(description, contents?.weights, learnedWithin(description));
    this.classes = contents?.classes ?? [];
    const { [lossKey]: loss, ...metadata } = contents?.metadata ?? {};
    this.metadata = metadata;
    if (loss !== undefined) this.#loss = specFromText(`metadata "${lossKey}"`, loss);
  }

  /** What the model computes, and which of its weights are frozen. */
  get network(): Network {
    return this.#network;
  }

  /** Shape of one example; of several inputs, a list of shapes. */
  get inputShape(): Readonly<Inputs> {
    return shapeAt(this.network.inputs.map(({ shape }) => shape)) as Readonly<Inputs>;
  }

  /** Shape of what comes out for one example; of several outputs, a list of shapes. */
  get outputShape(): Readonly<Outputs> {
    return shapeAt(this.network.outputs.map(({ shape }) => shape)) as Readonly<Outputs>;
  }

  /** Number of values in all weights. */
  get parameterCount(): number {
    return countParameters(this.network.weights);
  }

  /** Names of all weights, in the order of the layers: `conv2d.kernel`, `conv2d.bias`, … */
  get weightNames(): readonly string[] {
    return this.network.weights.map(({ name }) => name);
  }

  /**
   * Draws new first weights by seed, forgetting what was learned, also within networks that are layers. `fit` does it
   * for a model that has none yet.
   */
  initialize(seed = 0): this {
    checkRunOptions("initialize", { seed }, ["seed"]);
    this.#weights.initialize(seed);
    return this;
  }

  /**
   * A layer by its name, and the weights that it has here.
   *
   * Errors: code "usage" for a name that no layer has.
   *
   * @example net.layer("dense").weightNames // [ "dense.kernel", "dense.bias" ]
   */
  layer(name: string): ModelLayer {
    const output = tensorOf(this.#network, name, "layer");
    const call = this.#network.calls.find((each) => each.output === output);
    const weightNames = this.#network.weights.filter(({ layer }) => layer === call?.name).map((weight) => weight.name);
    const { kind, config } = call?.layer ?? { kind: "input", config: {} };
    return { name, kind, config, output, outputShape: output.shape, weightNames };
  }

  /**
   * Freezes weights: training keeps their values. A layer all of whose weights are frozen works in training as in use,
   * so that batch normalisation takes its running averages. Saved with the model.
   *
   * Keras: layer.trainable = False · PyTorch: requires_grad_(False), and eval() for batch normalisation
   *
   * Errors: code "option" for a pattern that no weight's name is of.
   *
   * @param patterns of weights' names; `*` stands for any characters. Default: all weights
   * @example net.freeze("*").unfreeze("dense.*");
   */
  freeze(...patterns: readonly string[]): this {
    return this.#setFrozen("freeze", patterns, true);
  }

  /** Lets weights be trained again: the contrary of `freeze`. */
  unfreeze(...patterns: readonly string[]): this {
    return this.#setFrozen("unfreeze", patterns, false);
  }

  /**
   * A model that gives what inner layers give, with the weights of this one: training either changes both.
   *
   * Keras: Model(inputs, layer.output) · PyTorch: create_feature_extractor
   *
   * Errors: code "usage" for a name that no layer has.
   *
   * @param names of layers (`name@1` for a second use) or inner tensors
   * @example const pooled = await net.features("flatten").predict(image);
   */
  features(...names: readonly (string | SymbolicTensor)[]): Model {
    const where = "features";
    if (names.length === 0) fail({ code: "usage", where, problem: "names no layer", fix: "Name one or more" });
    const outputs = names.map((name) => {
      if (typeof name === "string") return tensorOf(this.#network, name, where);
      if (this.#network.calls.some(({ output }) => output === name)) return name;
      return fail({ code: "usage", where, problem: "the tensor belongs to another network" });
    });
    const part = new Model(subNetwork(this.#network, outputs));
    part.#weights = this.#weights.shareWith(part.#network);
    return part;
  }

  /**
   * The model as a layer for other models, which begin with a copy of its weights as they are now. Called again, the
   * layer shares its weights. Weights that are frozen here are frozen there.
   *
   * Keras: a model is a layer · PyTorch: a module within a module
   *
   * Errors: code "unsupported" for several outputs.
   *
   * @example
   * const backbone = net.features("flatten").freeze().asLayer({ name: "backbone" });
   * const head = sequential(input(28, 28, 1), backbone, dense(2));
   */
  asLayer(options?: LayerOptions): Layer<FixedShapes<AsList<Inputs>, Outputs extends Shape ? Outputs : Shape>> {
    const layer = subnetwork<FixedShapes<AsList<Inputs>, Outputs extends Shape ? Outputs : Shape>>(
      this.#network,
      options,
    );
    if (this.#weights.initialized) learned.set(layer, this.#weights.readAll());
    return layer;
  }

  /** A copy of a weight's values, row-major. Errors: code "usage" for a name that is not in `weightNames`. */
  weight(name: string): Float32Array {
    this.#spec(name, "weight");
    this.#weights.ensure(0);
    return this.#weights.read(name);
  }

  /** Replaces a weight's values. Errors: codes "usage" and "shape". */
  setWeight(name: string, values: ArrayLike<number>): void {
    const { shape } = this.#spec(name, "setWeight");
    if (values.length !== sizeOf(shape)) {
      fail({
        code: "shape",
        where: `setWeight "${name}"`,
        problem: "has another number of values",
        expected: `${sizeOf(shape)} for ${formatShape(shape)}`,
        received: String(values.length),
      });
    }
    this.#weights.ensure(0);
    this.#weights.write(name, values);
  }

  /**
   * Trains on a data set. uint8 inputs are divided by 255, floats are taken as they are. Everything is checked before
   * the first step. Data sets of up to 512 MiB are copied into the model's memory at the start, larger ones batch by
   * batch. The same data, options and seed give the same weights, bit for bit, on any number of threads.
   *
   * Errors: code "option" (unknown or out of range), "shape", "dtype", "label" and "token" (data that does not suit the network), "nan"
   * (the loss is not finite: names step and layer; the weights from before that step are kept), "memory".
   *
   * @example
   * const history = await net.fit(digits.train, {
   *   loss: "crossEntropy",
   *   optimizer: sgd(0.02, { momentum: 0.9, nesterov: true }),
   *   batchSize: 50, epochs: 100, validation: 0.1,
   *   callbacks: [earlyStopping({ patience: 3 })],
   * });
   */
  async fit(data: Dataset, options: FitOptions): Promise<History> {
    return this.#weights.exclusively("fit", async () => {
      const { progress = true, callbacks = [], seed = 0 } = options;
      // progress comes last, so that it can tell what the others decided
      const all = progress ? [...callbacks, ...defaultProgress()] : callbacks;
      checkRunOptions("fit", { seed }, ["seed"]);
      this.#weights.ensure(seed);
      const history = await fit(this.network, this.#weights, data, { ...options, callbacks: all });
      this.#loss = options.loss;
      this.classes = data.classes;
      return history;
    });
  }

  /**
   * Trains with a learning rate that rises evenly on a logarithmic scale, until the loss grows or the rate is at its end,
   * and says where the loss fell the most. Afterwards the weights are those from before. `fovea train --find-lr` draws it.
   *
   * Errors: those of `fit`; code "nan" where the loss is too high from the start.
   *
   * Source: Smith, "Cyclical learning rates for training neural networks", WACV 2017.
   *
   * @example
   * const search = await net.findLearningRate(digits.train, { loss: "crossEntropy", optimizer: sgd(0.1) });
   * console.log(search.suggestion);
   */
  async findLearningRate(data: Dataset, options: LearningRateOptions): Promise<LearningRateSearch> {
    return this.#weights.exclusively("findLearningRate", async () => {
      checkRunOptions("findLearningRate", { seed: options.seed, batchSize: options.batchSize }, ["seed", "batchSize"]);
      this.#weights.ensure(options.seed ?? 0);
      return findLearningRate(this.network, this.#weights, data, options);
    });
  }

  /**
   * Mean loss and accuracy over a data set.
   *
   * @example const { loss, accuracy } = await net.evaluate(digits.test);
   */
  async evaluate(data: Dataset, options: EvaluateOptions = {}): Promise<Evaluation> {
    return this.#weights.exclusively("evaluate", async () => {
      const where = "evaluate";
      checkRunOptions(where, options, ["loss", "lossWeights", "batchSize"]);
      const loss = options.loss ?? this.#loss ?? "crossEntropy";
      const objectives = objectivesOf(this.network, loss, options.lossWeights, where);
      const arranged = arrange(this.network, data, objectives, where);
      checkData(this.network, arranged, objectives, where);
      this.#weights.ensure(0);
      const session = await this.#weights.session(options, where);
      return evaluateOn(session, this.network, arranged, { objectives, batchSize: options.batchSize });
    });
  }

  /**
   * Applies the network to one or more examples, one after the other in a flat array (NHWC). uint8 is divided by 255.
   *
   * @param inputs of several inputs: arrays by their names
   * @returns examples × values of the first output
   * Errors: code "shape" where the array does not hold whole examples; codes "dtype" and "token" for numbers in place of
   * tokens, and tokens that the network does not know.
   * @example const scores = await net.predict(image, { probabilities: true });
   */
  async predict(inputs: PredictInputs, options: PredictOptions = {}): Promise<Float32Array> {
    return this.#weights.exclusively("predict", async () => {
      checkRunOptions("predict", options, ["probabilities", "batchSize"]);
      const { probabilities = false } = options;
      const outputs = await this.#predict(inputs, options, "predict");
      return outputs.get(probabilities ? "probabilities" : "output")!;
    });
  }

  /**
   * Applies a network with several outputs, or several inputs: as `predict`, by names.
   *
   * @returns examples × values of each output, by the names of outputs: those of the layers that make them
   * Errors: code "shape" where arrays do not hold whole examples, or not the same number; code "option" for names that
   * are no input's.
   * @example const { flatten: features, dense: scores } = await net.features("flatten", "dense").predictAll(image);
   */
  async predictAll(inputs: PredictInputs, options: PredictOptions = {}): Promise<Record<string, Float32Array>> {
    const where = "predictAll";
    return this.#weights.exclusively(where, async () => {
      checkRunOptions(where, options, ["batchSize"]);
      const outputs = await this.#predict(inputs, options, where);
      return Object.fromEntries(
        this.#network.outputs.map((tensor, i) => {
          return [tensorName(this.#network, tensor), outputs.get(i === 0 ? "output" : `output_${i}`)!];
        }),
      );
    });
  }

  /** The model as the bytes of a safetensors file with the architecture in its metadata. */
  toBytes({ metadata = {} }: SaveOptions = {}): Uint8Array<ArrayBuffer> {
    this.#weights.ensure(0);
    const loss = this.#loss && specToText(this.#loss);
    const notes = { ...this.metadata, ...metadata, ...(loss === undefined ? {} : { [lossKey]: loss }) };
    const { network: description, classes } = this;
    return encodeModel({ network: description, classes, metadata: notes, weights: this.#weights.readAll() });
  }

  /**
   * Writes the model to one file: to a temporary name first, so that a model of that name is never half-written.
   * Errors: code "file".
   *
   * @example await net.save("digits.safetensors");
   */
  async save(path: string, options?: SaveOptions): Promise<void> {
    await platform.files.writeAtomic(path, this.toBytes(options));
  }

  #spec(name: string, where: string) {
    const spec = this.network.weights.find((weight) => weight.name === name);
    return (
      spec ??
      fail({
        code: "usage",
        where,
        problem: `there is no weight "${name}"`,
        expected: `one of ${this.weightNames.join(", ")}`,
      })
    );
  }

  async #predict(inputs: PredictInputs, options: PredictOptions, where: string) {
    const data = examplesOf(this.#network, inputs, where);
    this.#weights.ensure(0);
    const session = await this.#weights.session(options, where);
    const { probabilities = false, batchSize } = options;
    return predictOn(session, this.#network, data, { probabilities, batchSize });
  }

  #setFrozen(where: string, patterns: readonly string[], frozen: boolean): this {
    const { weights } = this.#network;
    const names = weights.map(({ name }) => name);
    checkPatterns(where, patterns, names);
    const changed = names.filter((name) => patterns.length === 0 || patterns.some((each) => matches(each, name)));
    const kept = new Set(frozenWeights(this.#network));
    for (const name of changed) frozen ? kept.add(name) : kept.delete(name);
    this.#network = withFrozen(this.#network, kept);
    return this;
  }
}

/** One shape as it is, several as a list. */
const shapeAt = (shapes: readonly Shape[]): ShapeOrShapes => (shapes.length === 1 ? shapes[0]! : shapes);

/** What models have learned that became layers. */
const learned = new WeakMap<Layer, ReadonlyMap<string, Float32Array>>();

/** First values of the weights of layers that were models, by their names in the network. */
function learnedWithin({ calls }: Network): Map<string, Float32Array> {
  return new Map(
    calls.flatMap(({ layer, name }) =>
      [...(learned.get(layer) ?? [])].map(([weight, values]) => [`${name}.${weight}`, values] as const),
    ),
  );
}

/**
 * A model of layers in a chain.
 *
 * @example
 * const net = sequential(input(28, 28, 1), conv2d(10, 5, { stride: 2, activation: "relu" }), flatten(), dense(10));
 */
export function sequential<S extends Shape, const Layers extends readonly Layer[]>(
  input: SymbolicTensor<S>,
  ...layers: SuitableChain<S, Layers>
): Model<S, ChainOutput<S, Layers>> {
  return new Model<S, ChainOutput<S, Layers>>(sequentialNetwork<S, Layers>(input, ...layers));
}

/**
 * A model of any graph of layers, from what `input(…)` returned to what layers returned.
 *
 * @example
 * const x = input(8, 8, 4);
 * const net = model(x, add()(x, conv2d(4, 3)(x)));
 */
export function model<const Inputs extends Ends, const Outputs extends Ends>(
  inputs: Inputs,
  outputs: Outputs,
): Model<EndShapes<Inputs>, EndShapes<Outputs>> {
  return new Model<EndShapes<Inputs>, EndShapes<Outputs>>(network(inputs, outputs));
}

/**
 * Reads a model that `save` wrote. Predictions are those of the saved model, bit for bit (on the same engine).
 * Errors: code "file" where it cannot be read, "format" where it is damaged or newer than this fovea.
 *
 * @example const net = await loadModel("digits.safetensors");
 */
export async function loadModel(path: string): Promise<Model> {
  return modelFromBytes(await platform.files.read(path), path);
}

/**
 * Reads a model from the bytes of a file; `where` is what errors name.
 *
 * @example const copy = modelFromBytes(net.toBytes());
 */
export function modelFromBytes(bytes: Uint8Array, where = "model"): Model {
  const { network: description, ...contents } = decodeModel(bytes, where);
  return new Model(description, contents);
}
