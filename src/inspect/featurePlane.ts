import { platform } from "#platform";
import { checkOptions, fail } from "../core/errors.js";
import { sizeOf } from "../core/shapes.js";
import type { Dataset } from "../data/dataset.js";
import { choice, numberThat, wholeNumber } from "../model/check.js";
import { type Network, tensorName, tensorOf } from "../model/network.js";
import type { Model } from "../train/model.js";
import { checkClassifier, checkedLabels, classNames } from "./classes.js";
import { checkExamples, overExamples } from "./examples.js";
import { Probe, type ViewOptions, viewOptionNames } from "./probe.js";
import { principalPlane, tsnePlane } from "./projection.js";

export type FeaturePlaneMethod = "pca" | "tsne";

/** Where images lie to each other in what a layer gives. */
export interface FeaturePlane {
  readonly view: "featurePlane";
  readonly method: FeaturePlaneMethod;
  readonly layer: string;
  /** Numbers that the layer gives for an image. */
  readonly size: number;
  /** examples × 2 */
  readonly points: Float64Array;
  readonly labels: Int32Array;
  readonly classes: readonly string[];
  /** Of PCA: parts of the variance along both axes. */
  readonly explained?: readonly [number, number];
  /** Of t-SNE: what is left of the divergence. */
  readonly divergence?: number;
}

export interface FeaturePlaneOptions extends ViewOptions {
  /** Default: what the last layer with weights reads. */
  readonly layer?: string;
  /** Default: "tsne". */
  readonly method?: FeaturePlaneMethod;
  /** Of t-SNE: how many neighbours a point has, about; less than a third of the examples. Default: 30, or what there can be. */
  readonly perplexity?: number;
  /** Of t-SNE. Default: 600. */
  readonly steps?: number;
}

/** t-SNE looks at every pair. */
const mostExamples = 3000;
const mostValues = 2 ** 27;
const batch = 32;

/**
 * What a layer gives for labelled images, in the plane: by principal components (PCA), which shows distances as far as two
 * directions can, or by t-SNE, which keeps neighbours together and tells nothing of distances between groups. Without
 * chance: the same images give the same plane.
 *
 * Errors: code "unsupported" for networks that are no classifiers; codes "shape" and "label" for data that do not fit;
 * code "option" for a perplexity that there are too few examples for, or too many of these for t-SNE; code "memory" for a
 * layer that gives too many numbers.
 *
 * Source: van der Maaten and Hinton, "Visualizing data using t-SNE", JMLR 2008.
 *
 * @example const { points, explained } = await featurePlane(net, digits.test, { layer: "flatten", method: "pca" });
 */
export async function featurePlane(
  model: Model,
  data: Dataset,
  options: FeaturePlaneOptions = {},
): Promise<FeaturePlane> {
  const where = "featurePlane";
  checkOptions(where, options, ["layer", "method", "perplexity", "steps", ...viewOptionNames]);
  const method = choice<FeaturePlaneMethod>(where, "method", options.method ?? "tsne", ["tsne", "pca"]);
  const steps = wholeNumber(where, "steps", options.steps ?? 600);
  const count = checkClassifier(model.network, where);
  checkExamples(model, data, where);
  const labels = checkedLabels(data, count, where);
  const most = (data.length - 1) / 3;
  const perplexity = numberThat(
    where,
    "perplexity",
    options.perplexity ?? Math.max(1, Math.min(30, most)),
    `a number from 1 to ${Math.max(1, Math.floor(most))}, a third of the examples`,
    (value) => value >= 1 && (value <= most || method === "pca" || value === 1),
  );
  if (method === "tsne" && data.length > mostExamples) {
    const problem = "too many examples for t-SNE, which looks at every pair";
    fail({ code: "option", where, problem, expected: `at most ${mostExamples}`, received: String(data.length) });
  }
  const { network } = model;
  const tensor = options.layer === undefined ? lastFeatures(network) : tensorOf(network, options.layer, where);
  const size = sizeOf(tensor.shape);
  const layer = tensorName(network, tensor);
  if (size * data.length > mostValues) {
    fail({
      code: "memory",
      where: `${where} "${layer}"`,
      problem: "the layer gives too many numbers",
      expected: `at most ${mostValues} over all images`,
      received: `${data.length} × ${size}`,
      fix: "Take fewer images, or another layer",
    });
  }
  // t-SNE holds distances, neighbourhoods and nearness of all pairs, in float64
  const pairs = method === "tsne" ? 3 * 8 * data.length ** 2 : 0;
  options.onMemory?.(pairs + 4 * size * data.length);
  const probe = await Probe.of(model, where, options);
  const values = new Float32Array(data.length * size);
  await overExamples(probe, data, [tensor], batch, ([found], start, examples) => {
    for (let i = 0; i < examples * size; i++) values[start * size + i] = found![i]!;
  });
  const common = {
    view: "featurePlane",
    method,
    layer,
    size,
    labels,
    classes: classNames(model, count, data),
  } as const;
  if (method === "pca") return { ...common, ...principalPlane(values, data.length, size) };
  const pause = () => platform.yield();
  return { ...common, ...(await tsnePlane(values, data.length, size, { perplexity, steps, pause })) };
}

/** What the last layer with weights reads: the features that classes are told apart by. */
function lastFeatures(network: Network) {
  const weighted = new Set(network.weights.map(({ layer }) => layer));
  const last = network.calls.findLast(({ name }) => weighted.has(name));
  return last?.inputs[0] ?? network.outputs[0]!;
}
