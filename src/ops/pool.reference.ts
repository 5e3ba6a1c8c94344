import { type Shape, sizeOf } from "../core/shapes.js";
import type { AveragePoolAttributes, AveragePoolGradientAttributes, MaxPoolAttributes } from "./pool.js";
import { type PoolWindows, tapsOf, windowAxes } from "./poolWindows.js";
import type { ReferenceKernel, ReferenceTensor } from "./reference.js";

/** The largest pixel under each window. Padding takes no part; a NaN under the window is passed on. */
export const maxPool: ReferenceKernel<MaxPoolAttributes> = ({ inputs, output, attributes }) => {
  const image = inputs[0]!;
  forEachWindow(image.shape, attributes, (window, pixels) => {
    let largest = -Infinity;
    for (const pixel of pixels) largest = Math.max(largest, image.data[pixel]!);
    output.data[window] = largest;
  });
};

/**
 * Each window's gradient goes to the first pixel, row by row, that equals the maximum. Where windows overlap, a pixel
 * that wins several collects their sum. A maximum of NaN equals no pixel, so that its gradient goes nowhere.
 */
export const maxPoolGradient: ReferenceKernel<MaxPoolAttributes> = ({ inputs, output, attributes }) => {
  const [image, pooled, gradient] = [inputs[0]!, inputs[1]!, inputs[2]!];
  const sums = new Float64Array(output.data.length);
  forEachWinner(image, pooled, attributes, (window, winner) => {
    if (winner !== undefined) sums[winner]! += gradient.data[window]!;
  });
  output.data.set(sums);
};

/** The value at each window's winner, 0 where there is none. */
export const maxPoolPick: ReferenceKernel<MaxPoolAttributes> = ({ inputs, output, attributes }) => {
  const [image, pooled, values] = [inputs[0]!, inputs[1]!, inputs[2]!];
  forEachWinner(image, pooled, attributes, (window, winner) => {
    output.data[window] = winner === undefined ? 0 : values.data[winner]!;
  });
};

/** The place of each window's winner over the spatial axes, −1 where there is none. */
export const maxPoolIndices: ReferenceKernel<MaxPoolAttributes> = ({ inputs, output, attributes }) => {
  const [image, pooled] = [inputs[0]!, inputs[1]!];
  const pixels = sizeOf(image.shape.slice(1, -1));
  const channels = image.shape[image.shape.length - 1]!;
  forEachWinner(image, pooled, attributes, (window, winner) => {
    output.data[window] = winner === undefined ? -1 : Math.floor(winner / channels) % pixels;
  });
};

/** The sum of the pixels under each window, divided by what `divisor` says. */
export const averagePool: ReferenceKernel<AveragePoolAttributes> = ({ inputs, output, attributes }) => {
  const image = inputs[0]!;
  forEachWindow(image.shape, attributes, (window, pixels, taps) => {
    let sum = 0;
    for (const pixel of pixels) sum += image.data[pixel]!;
    output.data[window] = sum / divisorOf(pixels.length, taps, attributes);
  });
};

/** Each pixel under a window takes the same share of the window's gradient. */
export const averagePoolGradient: ReferenceKernel<AveragePoolGradientAttributes> = ({ inputs, output, attributes }) => {
  const gradient = inputs[0]!;
  const sums = new Float64Array(output.data.length);
  forEachWindow(attributes.inputShape, attributes, (window, pixels, taps) => {
    for (const pixel of pixels) sums[pixel]! += gradient.data[window]! / divisorOf(pixels.length, taps, attributes);
  });
  output.data.set(sums);
};

function divisorOf(pixels: number, taps: number, { divisor }: AveragePoolAttributes): number {
  if (typeof divisor === "number") return divisor;
  return divisor === "pixels" ? pixels : taps;
}

/** Visits every window with the first of its pixels, row by row, that equals its maximum. */
function forEachWinner(
  image: ReferenceTensor,
  pooled: ReferenceTensor,
  windows: PoolWindows,
  visit: (window: number, winner: number | undefined) => void,
): void {
  forEachWindow(image.shape, windows, (window, pixels) => {
    visit(
      window,
      pixels.find((pixel) => image.data[pixel] === pooled.data[window]),
    );
  });
}

/**
 * Visits every element of the pooled tensor with the elements of the image that lie under its window, both as linear
 * indices, and the number of taps within the padded input. Taps outside the image are left out.
 */
function forEachWindow(
  image: Shape,
  windows: PoolWindows,
  visit: (window: number, pixels: readonly number[], taps: number) => void,
): void {
  const [batch, channels] = [image[0]!, image[image.length - 1]!];
  const extents = image.slice(1, -1);
  // all windows over the spatial axes, built up axis by axis
  let places: { pixels: number[]; taps: number }[] = [{ pixels: [0], taps: 1 }];
  for (const axis of windowAxes(windows, extents)) {
    const along = Array.from({ length: axis.windows }, (_, index) => tapsOf(axis, index));
    places = places.flatMap((place) =>
      along.map((taps) => {
        const inside = taps.filter((tap) => tap >= 0 && tap < axis.size);
        const counted = taps.filter((tap) => tap < axis.size + axis.after);
        return {
          pixels: place.pixels.flatMap((pixel) => inside.map((tap) => pixel * axis.size + tap)),
          taps: place.taps * counted.length,
        };
      }),
    );
  }
  const size = sizeOf(extents);
  for (let n = 0; n < batch; n++) {
    places.forEach(({ pixels, taps }, index) => {
      for (let c = 0; c < channels; c++) {
        const under = pixels.map((pixel) => (n * size + pixel) * channels + c);
        visit((n * places.length + index) * channels + c, under, taps);
      }
    });
  }
}
