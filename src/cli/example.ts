import { platform } from "#platform";
import type { Dataset } from "../data/dataset.js";
import { loadPackage } from "../inspect/packages.js";
import type { RunDirectory } from "./run.js";

/**
 * Writes the first test image into the run directory, enlarged eight times, so that there is a picture to predict.
 *
 * @returns its path, or undefined for data that is no picture
 */
export async function writeExample(run: RunDirectory, { inputs, targets, shape, classes }: Dataset) {
  const [height, width, channels] = shape;
  const isPicture = inputs instanceof Uint8Array && shape.length === 3 && (channels === 1 || channels === 3);
  if (!isPicture || height === undefined || width === undefined) return undefined;
  const { default: sharp } = await loadPackage<typeof import("sharp")>("sharp", "example image");
  const pixels = inputs.subarray(0, height * width * channels);
  const png = await sharp(pixels, { raw: { width, height, channels } })
    .resize(width * 8, height * 8, { kernel: "nearest" })
    .png()
    .toBuffer();
  const label = (classes[targets[0] ?? 0] ?? "image").toLowerCase().replace(/[^a-z0-9]+/g, "-");
  const path = run.file(`test-image-${label}.png`);
  await platform.files.writeAtomic(path, png);
  return path;
}
