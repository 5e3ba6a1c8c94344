import { sizeOf, stridesOf } from "../core/shapes.js";
import {
  type ConvAttributes,
  type ConvFilterGradientAttributes,
  type ConvGeometry,
  type ConvInputGradientAttributes,
  convGeometry,
} from "./conv.js";
import type { ReferenceKernel } from "./reference.js";
import type { Window } from "./window.js";

/**
 * `y[n, p, o] = Σ_{t, c} x[n, read(p, t), c] · w[t, c, o]`: every output pixel p multiplies the pixels under the filter
 * with its taps t. Pixels outside the image are zero and are left out of the sum.
 */
export const conv: ReferenceKernel<ConvAttributes> = ({ inputs, output, attributes }) => {
  const [x, w] = [inputs[0]!, inputs[1]!];
  const g = convGeometry(x.shape, w.shape, attributes, "conv");
  const { reads, pixels, outputs, taps } = readsOf(g, attributes);
  const groupFilters = g.outputChannels / attributes.groups;

  for (let n = 0; n < g.batch; n++) {
    for (let p = 0; p < outputs; p++) {
      for (let o = 0; o < g.outputChannels; o++) {
        const firstChannel = Math.floor(o / groupFilters) * g.groupChannels;
        let sum = 0;
        for (let t = 0; t < taps; t++) {
          const pixel = reads[p * taps + t]!;
          if (pixel < 0) continue;
          const from = (n * pixels + pixel) * g.inputChannels + firstChannel;
          for (let c = 0; c < g.groupChannels; c++) {
            sum += x.data[from + c]! * w.data[(t * g.groupChannels + c) * g.outputChannels + o]!;
          }
        }
        output.data[(n * outputs + p) * g.outputChannels + o] = sum;
      }
    }
  }
};

/** `dx[n, q, c] = Σ dy[n, p, o] · w[t, c, o]` over the p and t with `read(p, t) = q`: all that have read the pixel. */
export const convInputGradient: ReferenceKernel<ConvInputGradientAttributes> = ({ inputs, output, attributes }) => {
  const [dy, w] = [inputs[0]!, inputs[1]!];
  const g = convGeometry(attributes.inputShape, w.shape, attributes, "convInputGradient");
  const { reads, pixels, outputs, taps } = readsOf(g, attributes);
  const groupFilters = g.outputChannels / attributes.groups;
  const sums = new Float64Array(output.data.length);

  for (let n = 0; n < g.batch; n++) {
    for (let p = 0; p < outputs; p++) {
      for (let t = 0; t < taps; t++) {
        const pixel = reads[p * taps + t]!;
        if (pixel < 0) continue;
        for (let channel = 0; channel < g.inputChannels; channel++) {
          const firstFilter = Math.floor(channel / g.groupChannels) * groupFilters;
          const tap = (t * g.groupChannels + (channel % g.groupChannels)) * g.outputChannels;
          const result = (n * outputs + p) * g.outputChannels;
          let sum = 0;
          for (let o = firstFilter; o < firstFilter + groupFilters; o++) sum += dy.data[result + o]! * w.data[tap + o]!;
          sums[(n * pixels + pixel) * g.inputChannels + channel]! += sum;
        }
      }
    }
  }
  output.data.set(sums);
};

/** `dw[t, c, o] = Σ_{n, p} x[n, read(p, t), c] · dy[n, p, o]`: every tap sums over all pixels what it multiplied there. */
export const convFilterGradient: ReferenceKernel<ConvFilterGradientAttributes> = ({ inputs, output, attributes }) => {
  const [x, dy] = [inputs[0]!, inputs[1]!];
  const g = convGeometry(x.shape, attributes.filterShape, attributes, "convFilterGradient");
  const { reads, pixels, outputs, taps } = readsOf(g, attributes);
  const groupFilters = g.outputChannels / attributes.groups;

  for (let t = 0; t < taps; t++) {
    for (let c = 0; c < g.groupChannels; c++) {
      for (let o = 0; o < g.outputChannels; o++) {
        const channel = Math.floor(o / groupFilters) * g.groupChannels + c;
        let sum = 0;
        for (let n = 0; n < g.batch; n++) {
          for (let p = 0; p < outputs; p++) {
            const pixel = reads[p * taps + t]!;
            if (pixel < 0) continue;
            const result = (n * outputs + p) * g.outputChannels;
            sum += x.data[(n * pixels + pixel) * g.inputChannels + channel]! * dy.data[result + o]!;
          }
        }
        output.data[(t * g.groupChannels + c) * g.outputChannels + o] = sum;
      }
    }
  }
};

/** `reads[p · taps + t]`: number of the pixel `p·s + t·d − before` under tap t of output pixel p; −1 outside the image. */
export function readsOf({ input, kernel, output }: Omit<ConvGeometry, "batch">, window: Window) {
  const [pixels, outputs, taps] = [sizeOf(input), sizeOf(output), sizeOf(kernel)];
  const [inputStrides, outputStrides, kernelStrides] = [input, output, kernel].map(stridesOf);
  const reads = new Int32Array(outputs * taps);
  for (let p = 0; p < outputs; p++) {
    for (let t = 0; t < taps; t++) {
      let pixel = 0;
      for (let axis = 0; axis < input.length; axis++) {
        const position = Math.floor(p / outputStrides![axis]!) % output[axis]!;
        const tap = Math.floor(t / kernelStrides![axis]!) % kernel[axis]!;
        const at = position * window.strides[axis]! + tap * window.dilation[axis]! - window.padding[2 * axis]!;
        if (at < 0 || at >= input[axis]!) {
          pixel = -1;
          break;
        }
        pixel += at * inputStrides![axis]!;
      }
      reads[p * taps + t] = pixel;
    }
  }
  return { reads, pixels, outputs, taps };
}
