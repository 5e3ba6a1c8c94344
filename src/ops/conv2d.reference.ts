import {
  type Conv2dAttributes,
  type Conv2dFilterGradientAttributes,
  type Conv2dInputGradientAttributes,
  conv2dGeometry,
} from "./conv2d.js";
import type { ReferenceKernel } from "./reference.js";

/**
 * `y[n, i, j, o] = Σ_{u, v, c} x[n, i·s₀ + u·d₀ − top, j·s₁ + v·d₁ − left, c] · w[u, v, c, o]`: every output pixel
 * multiplies the pixels under the filter with its taps. Pixels outside the image are zero and are left out of the sum.
 */
export const conv2d: ReferenceKernel<Conv2dAttributes> = ({ inputs, output, attributes }) => {
  const [x, w] = [inputs[0]!, inputs[1]!];
  const size = conv2dGeometry(x.shape, w.shape, attributes, "conv2d");
  const { strides, dilation, padding, groups } = attributes;
  const [top, , left] = padding;
  const filtersPerGroup = size.outputChannels / groups;

  for (let n = 0; n < size.batch; n++) {
    for (let i = 0; i < size.outputHeight; i++) {
      for (let j = 0; j < size.outputWidth; j++) {
        for (let o = 0; o < size.outputChannels; o++) {
          const firstChannel = Math.floor(o / filtersPerGroup) * size.groupChannels;
          let sum = 0;
          for (let u = 0; u < size.kernelHeight; u++) {
            const row = i * strides[0] + u * dilation[0] - top;
            if (row < 0 || row >= size.inputHeight) continue;
            for (let v = 0; v < size.kernelWidth; v++) {
              const column = j * strides[1] + v * dilation[1] - left;
              if (column < 0 || column >= size.inputWidth) continue;
              const pixel = ((n * size.inputHeight + row) * size.inputWidth + column) * size.inputChannels;
              const tap = (u * size.kernelWidth + v) * size.groupChannels;
              for (let c = 0; c < size.groupChannels; c++) {
                sum += x.data[pixel + firstChannel + c]! * w.data[(tap + c) * size.outputChannels + o]!;
              }
            }
          }
          output.data[((n * size.outputHeight + i) * size.outputWidth + j) * size.outputChannels + o] = sum;
        }
      }
    }
  }
};

/**
 * `dx[n, r, q, c] = Σ_{u, v, o} dy[n, i, j, o] · w[u, v, c, o]` over the i, j with `i·s₀ + u·d₀ − top = r` and
 * `j·s₁ + v·d₁ − left = q`: every image pixel gathers from the outputs that have read it.
 */
export const conv2dInputGradient: ReferenceKernel<Conv2dInputGradientAttributes> = ({ inputs, output, attributes }) => {
  const [dy, w] = [inputs[0]!, inputs[1]!];
  const size = conv2dGeometry(attributes.inputShape, w.shape, attributes, "conv2dInputGradient");
  const { strides, dilation, padding, groups } = attributes;
  const [top, , left] = padding;
  const filtersPerGroup = size.outputChannels / groups;

  for (let n = 0; n < size.batch; n++) {
    for (let row = 0; row < size.inputHeight; row++) {
      for (let column = 0; column < size.inputWidth; column++) {
        for (let channel = 0; channel < size.inputChannels; channel++) {
          const firstFilter = Math.floor(channel / size.groupChannels) * filtersPerGroup;
          const c = channel % size.groupChannels;
          let sum = 0;
          for (let u = 0; u < size.kernelHeight; u++) {
            const i = (row + top - u * dilation[0]) / strides[0];
            if (!Number.isInteger(i) || i < 0 || i >= size.outputHeight) continue;
            for (let v = 0; v < size.kernelWidth; v++) {
              const j = (column + left - v * dilation[1]) / strides[1];
              if (!Number.isInteger(j) || j < 0 || j >= size.outputWidth) continue;
              const result = ((n * size.outputHeight + i) * size.outputWidth + j) * size.outputChannels;
              const tap = ((u * size.kernelWidth + v) * size.groupChannels + c) * size.outputChannels;
              for (let o = firstFilter; o < firstFilter + filtersPerGroup; o++) {
                sum += dy.data[result + o]! * w.data[tap + o]!;
              }
            }
          }
          const pixel = (n * size.inputHeight + row) * size.inputWidth + column;
          output.data[pixel * size.inputChannels + channel] = sum;
        }
      }
    }
  }
};

/**
 * `dw[u, v, c, o] = Σ_{n, i, j} x[n, i·s₀ + u·d₀ − top, j·s₁ + v·d₁ − left, c] · dy[n, i, j, o]`: every tap sums over
 * all output pixels what it has multiplied there. Pixels outside the image are zero and are left out of the sum.
 */
export const conv2dFilterGradient: ReferenceKernel<Conv2dFilterGradientAttributes> = ({
  inputs,
  output,
  attributes,
}) => {
  const [x, dy] = [inputs[0]!, inputs[1]!];
  const size = conv2dGeometry(x.shape, attributes.filterShape, attributes, "conv2dFilterGradient");
  const { strides, dilation, padding, groups } = attributes;
  const [top, , left] = padding;
  const filtersPerGroup = size.outputChannels / groups;

  for (let u = 0; u < size.kernelHeight; u++) {
    for (let v = 0; v < size.kernelWidth; v++) {
      for (let c = 0; c < size.groupChannels; c++) {
        for (let o = 0; o < size.outputChannels; o++) {
          const channel = Math.floor(o / filtersPerGroup) * size.groupChannels + c;
          let sum = 0;
          for (let n = 0; n < size.batch; n++) {
            for (let i = 0; i < size.outputHeight; i++) {
              const row = i * strides[0] + u * dilation[0] - top;
              if (row < 0 || row >= size.inputHeight) continue;
              for (let j = 0; j < size.outputWidth; j++) {
                const column = j * strides[1] + v * dilation[1] - left;
                if (column < 0 || column >= size.inputWidth) continue;
                const pixel = (n * size.inputHeight + row) * size.inputWidth + column;
                const result = (n * size.outputHeight + i) * size.outputWidth + j;
                sum += x.data[pixel * size.inputChannels + channel]! * dy.data[result * size.outputChannels + o]!;
              }
            }
          }
          output.data[((u * size.kernelWidth + v) * size.groupChannels + c) * size.outputChannels + o] = sum;
        }
      }
    }
  }
};
