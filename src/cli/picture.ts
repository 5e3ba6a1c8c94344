import { fail } from "../core/errors.js";
import type { ImageSize } from "../data/images.js";
import type { Model } from "../train/model.js";

/**
 * The size of the pictures that a model takes, and how others are made to fit: as those that it was trained on, or
 * stretched where its file does not say. `where` names it, or the picture, in the error if it takes none.
 */
export function pictureSize(model: Model, where: string): Required<ImageSize> {
  const { shape } = model.network.inputs[0]!;
  const [height, width, channels] = shape;
  if (height === undefined || width === undefined || (channels !== 1 && channels !== 3)) {
    return fail({
      code: "unsupported",
      where,
      problem: "the model does not take pictures",
      expected: "an input of height × width × 1 or 3",
      received: `[${shape.join(", ")}]`,
    });
  }
  return { height, width, channels, fit: model.metadata.imageFit === "cover" ? "cover" : "fill" };
}
