import { fail } from "../core/errors.js";
import { formatShape, sameShape } from "../core/shapes.js";
import type { Model } from "../train/model.js";
import { type Filters, filters } from "./filters.js";

/** The filters of a layer at several times of training. */
export interface FilterEvolution {
  readonly view: "filterEvolution";
  readonly layer: string;
  readonly steps: readonly { readonly label: string; readonly filters: Filters }[];
}

/**
 * How the filters of a layer came about: those of several models of one network, one row each, on one scale.
 *
 * Errors: those of `filters`; code "shape" where models differ.
 *
 * @param checkpoints models in the order of training, by what to call them
 * @param layer default: the first layer that has filters
 * @example const { steps } = filterEvolution({ "first weights": before, "epoch 2": net }, "conv2d");
 */
export function filterEvolution(checkpoints: Readonly<Record<string, Model>>, layer?: string): FilterEvolution {
  const where = "filterEvolution";
  const steps = Object.entries(checkpoints).map(([label, model]) => ({ label, filters: filters(model, layer) }));
  const [first] = steps;
  if (first === undefined) fail({ code: "usage", where, problem: "got no models", fix: "Give one or more" });
  const { count, shape } = first.filters;
  for (const { label, filters: found } of steps) {
    if (found.count === count && sameShape(found.shape, shape)) continue;
    fail({
      code: "shape",
      where: `${where} "${label}"`,
      problem: "is a model of another network",
      expected: `${count} filters ${formatShape(shape)}`,
      received: `${found.count} filters ${formatShape(found.shape)}`,
    });
  }
  return { view: "filterEvolution", layer: first.filters.layer, steps };
}
