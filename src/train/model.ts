import { platform } from "#platform";
import { fail } from "../core/errors.js";
import { formatShape, sizeOf } from "../core/shapes.js";
import type { Dataset } from "../data/dataset.js";
import { decodeModel, encodeModel, type ModelContents } from "../formats/modelFile.js";
import type { Layer } from "../model/layer.js";
import { checkLossName, type LossName } from "../model/losses.js";
import { countParameters, type Network, network, sequentialNetwork } from "../model/network.js";
import type { SymbolicTensor } from "../model/symbolic.js";
import type { ExecutionOptions } from "../runtime/backends.js";
import { checkData } from "./data.js";
import { defaultProgress } from "./defaultProgress.js";
import { type Evaluation, evaluateOn, predictOn } from "./evaluate.js";
import { type FitOptions, fit, type History } from "./fit.js";
import { checkRunOptions } from "./options.js";
import { Weights } from "./weights.js";

export interface EvaluateOptions extends ExecutionOptions {
  /** Default: the loss of the last `fit`, or the one noted in the file; otherwise "crossEntropy". */
  readonly loss?: LossName;
  /** Examples per step. Default: 250. */
  readonly batchSize?: number;
}

export interface PredictOptions extends ExecutionOptions {
  /** Softmax of the outputs, for networks that end in logits. Default: false. */
  readonly probabilities?: boolean;
  /** Examples per step. Default: 250. */
  readonly batchSize?: number;
}

export interface SaveOptions {
  /** Noted in the file; keys that begin with "fovea." are fovea's own. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const lossKey = "fovea.loss";

/**
 * A network with weights: train it, measure it, apply it, save it.
 *
 * @example
 * const net = sequential(input(28, 28, 1), flatten(), dense(10)).initialize(1);
 * console.log(net.parameterCount, net.weightNames); // 7850 [ 'dense.kernel', 'dense.bias' ]
 */
export class Model {
  readonly network: Network;
  /** Names of the classes: those of the data of the last `fit`, or of the file. */
  classes: readonly string[] = [];
  /** What the file's writer noted beside the weights. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly #weights: Weights;
  #loss: LossName | undefined;
  #busy = false;

  /** @param contents weights and notes of a file; without them, weights are drawn at the first use */
  constructor(description: Network, contents?: Omit<ModelContents, "network">) {
    this.network = description;
    this.#weights = new Weights(description, contents?.weights);
    this.classes = contents?.classes ?? [];
    const { [lossKey]: loss, ...metadata } = contents?.metadata ?? {};
    this.metadata = metadata;
    if (loss !== undefined) this.#loss = checkLossName(`metadata "${lossKey}"`, loss);
  }

  /** Number of values in all weights. */
  get parameterCount(): number {
    return countParameters(this.network.weights);
  }

  /** Names of all weights, in the order of the layers: `conv2d.kernel`, `conv2d.bias`, … */
  get weightNames(): readonly string[] {
    return this.network.weights.map(({ name }) => name);
  }

  /** Draws new first weights by seed, forgetting what was learned. `fit` does it for a model that has none yet. */
  initialize(seed = 0): this {
    checkRunOptions("initialize", { seed }, ["seed"]);
    this.#weights.initialize(seed);
    return this;
  }

  /** A copy of a weight's values, row-major. Errors: code "usage" for a name that is not in `weightNames`. */
  weight(name: string): Float32Array {
    this.#spec(name, "weight");
    this.#ensureWeights(0);
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
    this.#ensureWeights(0);
    this.#weights.write(name, values);
  }

  /**
   * Trains on a data set. uint8 inputs are divided by 255, floats are taken as they are. Everything is checked before
   * the first step. Data sets of up to 512 MiB are copied into the model's memory at the start, larger ones batch by
   * batch. The same data, options and seed give the same weights, bit for bit, on any number of threads.
   *
   * Errors: code "option" (unknown or out of range), "shape" and "label" (data that does not suit the network), "nan"
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
    return this.#exclusively("fit", async () => {
      const { progress = true, callbacks = [], seed = 0 } = options;
      // progress comes last, so that it can tell what the others decided
      const all = progress ? [...callbacks, ...defaultProgress()] : callbacks;
      checkRunOptions("fit", { seed }, ["seed"]);
      this.#ensureWeights(seed);
      const history = await fit(this.network, this.#weights, data, { ...options, callbacks: all });
      this.#loss = options.loss;
      this.classes = data.classes;
      return history;
    });
  }

  /**
   * Mean loss and accuracy over a data set.
   *
   * @example const { loss, accuracy } = await net.evaluate(digits.test);
   */
  async evaluate(data: Dataset, options: EvaluateOptions = {}): Promise<Evaluation> {
    return this.#exclusively("evaluate", async () => {
      checkRunOptions("evaluate", options, ["loss", "batchSize"]);
      const loss = checkLossName("evaluate", options.loss ?? this.#loss ?? "crossEntropy");
      checkData(this.network, data, loss, "evaluate");
      this.#ensureWeights(0);
      const session = await this.#weights.session(options, "evaluate");
      return evaluateOn(session, this.network, data, { loss, batchSize: options.batchSize });
    });
  }

  /**
   * Applies the network to one or more examples, one after the other in a flat array (NHWC). uint8 is divided by 255.
   *
   * @returns examples × outputs values
   * Errors: code "shape" where the array does not hold whole examples.
   * @example const scores = await net.predict(image, { probabilities: true });
   */
  async predict(inputs: Uint8Array | Float32Array, options: PredictOptions = {}): Promise<Float32Array> {
    return this.#exclusively("predict", async () => {
      checkRunOptions("predict", options, ["probabilities", "batchSize"]);
      const { shape } = this.network.inputs[0]!;
      const size = sizeOf(shape);
      if (inputs.length === 0 || inputs.length % size !== 0) {
        fail({
          code: "shape",
          where: "predict",
          problem: "the array does not hold whole examples",
          expected: `a multiple of ${size} values, ${formatShape(shape)} each`,
          received: String(inputs.length),
        });
      }
      this.#ensureWeights(0);
      const session = await this.#weights.session(options, "predict");
      const { probabilities = false, batchSize } = options;
      const data = { inputs, shape, length: inputs.length / size };
      return predictOn(session, this.network, data, { probabilities, batchSize });
    });
  }

  /** The model as the bytes of a safetensors file with the architecture in its metadata. */
  toBytes({ metadata = {} }: SaveOptions = {}): Uint8Array<ArrayBuffer> {
    this.#ensureWeights(0);
    const notes = { ...this.metadata, ...metadata, ...(this.#loss === undefined ? {} : { [lossKey]: this.#loss }) };
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

  #ensureWeights(seed: number): void {
    if (!this.#weights.initialized) this.#weights.initialize(seed);
  }

  /** One call at a time: programs of a model share memory. */
  async #exclusively<T>(where: string, body: () => Promise<T>): Promise<T> {
    if (this.#busy) {
      fail({
        code: "usage",
        where,
        problem: "the model is busy",
        fix: "Await the call before, or load a second model",
      });
    }
    this.#busy = true;
    try {
      return await body();
    } finally {
      this.#busy = false;
    }
  }
}

/**
 * A model of layers in a chain.
 *
 * @example
 * const net = sequential(input(28, 28, 1), conv2d(10, 5, { stride: 2, activation: "relu" }), flatten(), dense(10));
 */
export function sequential(input: SymbolicTensor, ...layers: readonly Layer[]): Model {
  return new Model(sequentialNetwork(input, ...layers));
}

/**
 * A model of any graph of layers, from what `input(…)` returned to what layers returned.
 *
 * @example
 * const x = input(8, 8, 4);
 * const net = model(x, add()(x, conv2d(4, 3)(x)));
 */
export function model(
  inputs: SymbolicTensor | readonly SymbolicTensor[],
  outputs: SymbolicTensor | readonly SymbolicTensor[],
): Model {
  return new Model(network(inputs, outputs));
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
