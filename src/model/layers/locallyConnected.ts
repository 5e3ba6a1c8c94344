import { sizeOf } from "../../core/shapes.js";
import { batchMatmulNode } from "../../ops/batchMatmul.js";
import { concatenateNode } from "../../ops/concatenate.js";
import { padNode } from "../../ops/pad.js";
import { reshapeNode } from "../../ops/reshape.js";
import { sliceNode } from "../../ops/slice.js";
import { transposeNode } from "../../ops/transpose.js";
import { emitActivation } from "../activations.js";
import { wholeNumber } from "../check.js";
import type { LayerKind } from "../layer.js";
import {
  bordersOf,
  type ConvolutionConfig,
  configureConvolution,
  convolutionOptions,
  outputOver,
  product,
} from "./conv.js";
import { checkSpatial, type Dimensions } from "./spatial.js";
import { windowOver } from "./window.js";

export interface LocallyConnectedConfig extends ConvolutionConfig {
  readonly filters: number;
}

/** The layer of a convolution's windows with filters of their own, over `axes` axes. */
export function locallyConnectedKind(kind: string, axes: Dimensions): LayerKind<LocallyConnectedConfig> {
  const outputShape: LayerKind<LocallyConnectedConfig>["outputShape"] = (config, [input], where) => {
    checkSpatial(input!, axes, where);
    return outputOver({ ...config, paddingMode: "zeros" }, input!, config.filters, where);
  };
  return {
    kind,
    arguments: ["filters", "kernelSize"],
    options: convolutionOptions,
    arity: "one",
    configure: (given, where) => ({
      filters: wholeNumber(where, "filters", given.filters),
      ...configureConvolution(given, axes, where),
    }),
    outputShape,
    weights(config, inputs) {
      const { filters, kernelSize, kernelInitializer, biasInitializer, useBias } = config;
      const output = outputShape(config, inputs, kind);
      const values = product(kernelSize) * inputs[0]!.at(-1)!;
      const kernel = {
        name: "kernel",
        shape: [sizeOf(output.slice(0, -1)), values, filters],
        initializer: kernelInitializer,
        fanIn: values,
        fanOut: product(kernelSize) * filters,
        trainable: true,
      };
      const fans = { fanIn: filters, fanOut: filters };
      const bias = { name: "bias", shape: output, initializer: biasInitializer, ...fans, trainable: true };
      return useBias ? [kernel, bias] : [kernel];
    },
    emit({ builder, config, inputs, weights }) {
      const { kernelSize, strides, dilation, activation } = config;
      const image = inputs[0]!;
      const [batch, ...shape] = image.shape;
      const channels = shape.at(-1)!;
      const output = outputShape(config, [shape], kind);
      const extents = output.slice(0, -1);
      const padded = padNode(builder, image, bordersOf(windowOver(shape, kernelSize, config)));
      // what lies under one tap, for all windows
      const under = tapsOf(kernelSize).map((tap) =>
        sliceNode(
          builder,
          padded,
          [0, ...tap.map((place, axis) => place * dilation[axis]!), 0],
          [batch!, ...extents, channels],
          [1, ...strides, 1],
        ),
      );
      const values = under.length * channels;
      const windows = concatenateNode(builder, under, axes + 1);
      const flat = reshapeNode(builder, windows, [batch!, sizeOf(extents), values]);
      const products = batchMatmulNode(builder, transposeNode(builder, flat, [1, 0, 2]), weights.kernel!);
      const sums = reshapeNode(builder, transposeNode(builder, products, [1, 0, 2]), [batch!, ...output]);
      return emitActivation(builder, sums, activation, weights.bias);
    },
    reach: (config, [input]) => ({ ...windowOver(input!, config.kernelSize, config), kernel: config.kernelSize }),
  };
}

/** Places of all taps, in row-major order. */
function tapsOf([size, ...rest]: readonly number[]): number[][] {
  if (size === undefined) return [[]];
  return Array.from({ length: size }, (_, place) => tapsOf(rest).map((others) => [place, ...others])).flat();
}
