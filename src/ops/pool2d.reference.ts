import type { Shape } from "../core/shapes.js";
import type { AveragePool2dAttributes, AveragePool2dGradientAttributes, Pool2dAttributes } from "./pool2d.js";
import type { ReferenceKernel } from "./reference.js";

/** The largest pixel under each window. Padding takes no part; a NaN under the window is passed on. */
export const maxPool2d: ReferenceKernel<Pool2dAttributes> = ({ inputs, output, attributes }) => {
  const image = inputs[0]!;
  forEachWindow(image.shape, output.shape, attributes, (window, pixels) => {
    let largest = -Infinity;
    for (const pixel of pixels) largest = Math.max(largest, image.data[pixel]!);
    output.data[window] = largest;
  });
};

/**
 * Each window's gradient goes to the first pixel, row by row, that equals the maximum. Where windows overlap, a pixel
 * that wins several collects their sum. A maximum of NaN equals no pixel, so that its gradient goes nowhere.
 */
export const maxPool2dGradient: ReferenceKernel<Pool2dAttributes> = ({ inputs, output, attributes }) => {
  const [image, pooled, gradient] = [inputs[0]!, inputs[1]!, inputs[2]!];
  const sums = new Float64Array(output.data.length);
  forEachWindow(image.shape, pooled.shape, attributes, (window, pixels) => {
    const winner = pixels.find((pixel) => image.data[pixel] === pooled.data[window]);
    if (winner !== undefined) sums[winner]! += gradient.data[window]!;
  });
  output.data.set(sums);
};

/** The sum of the pixels under each window, divided by their number, or by the number of taps with `countPadding`. */
export const averagePool2d: ReferenceKernel<AveragePool2dAttributes> = ({ inputs, output, attributes }) => {
  const image = inputs[0]!;
  forEachWindow(image.shape, output.shape, attributes, (window, pixels) => {
    let sum = 0;
    for (const pixel of pixels) sum += image.data[pixel]!;
    output.data[window] = sum / divisor(pixels, attributes);
  });
};

/** Each pixel under a window takes the same share of the window's gradient. */
export const averagePool2dGradient: ReferenceKernel<AveragePool2dGradientAttributes> = ({
  inputs,
  output,
  attributes,
}) => {
  const gradient = inputs[0]!;
  const sums = new Float64Array(output.data.length);
  forEachWindow(attributes.inputShape, gradient.shape, attributes, (window, pixels) => {
    for (const pixel of pixels) sums[pixel]! += gradient.data[window]! / divisor(pixels, attributes);
  });
  output.data.set(sums);
};

function divisor(pixels: readonly number[], { countPadding, kernel }: AveragePool2dAttributes): number {
  return countPadding ? kernel[0] * kernel[1] : pixels.length;
}

/**
 * Visits every element of the pooled tensor with the elements of the image that lie under its window, both as linear
 * indices. Taps outside the image are left out.
 */
function forEachWindow(
  image: Shape,
  pooled: Shape,
  { kernel, strides, padding, dilation }: Pool2dAttributes,
  visit: (window: number, pixels: readonly number[]) => void,
): void {
  const [batch, height, width, channels] = image as [number, number, number, number];
  const [, pooledHeight, pooledWidth] = pooled as [number, number, number, number];
  const [top, , left] = padding;
  for (let n = 0; n < batch; n++) {
    for (let i = 0; i < pooledHeight; i++) {
      for (let j = 0; j < pooledWidth; j++) {
        for (let c = 0; c < channels; c++) {
          const pixels: number[] = [];
          for (let u = 0; u < kernel[0]; u++) {
            const row = i * strides[0] + u * dilation[0] - top;
            if (row < 0 || row >= height) continue;
            for (let v = 0; v < kernel[1]; v++) {
              const column = j * strides[1] + v * dilation[1] - left;
              if (column < 0 || column >= width) continue;
              pixels.push(((n * height + row) * width + column) * channels + c);
            }
          }
          visit(((n * pooledHeight + i) * pooledWidth + j) * channels + c, pixels);
        }
      }
    }
  }
}
