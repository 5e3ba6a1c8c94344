import { describe, expect, it } from "vitest";
import { platform } from "#platform";
import { createWasmBackend } from "../../../src/backends/wasm/index.js";
import { computesRightly } from "../../../src/backends/wasm/selfCheck.js";
import { GraphBuilder } from "../../../src/graph/builder.js";
import type { Graph } from "../../../src/graph/types.js";
import { conv, convFilterGradient, convInputGradient } from "../../../src/ops/conv.js";
import { add, maximum, x } from "../../../src/ops/expression.js";
import { type ConvolutionSpec, convolution } from "../../cases/conv.js";

/** A convolution with bias and rectifier, and its gradients. */
function graphOf(spec: ConvolutionSpec): Graph {
  const { image: imageShape, filter: filterShape, result, attributes } = convolution(spec)!;
  const builder = new GraphBuilder();
  const float = (name: string, shape: readonly number[]) => builder.input(name, shape, "float32");
  const [image, filter, gradient] = [float("image", imageShape), float("filter", filterShape), float("dy", result)];
  const epilogue = maximum(add(x(0), x(1)), 0);
  const bias = float("bias", result.slice(-1));
  builder.output("y", builder.add(conv, [image, filter, bias], { ...attributes, epilogue }));
  builder.output("dx", builder.add(convInputGradient, [gradient, filter], { ...attributes, inputShape: imageShape }));
  builder.output("dw", builder.add(convFilterGradient, [image, gradient], { ...attributes, filterShape }));
  return builder.build();
}

const depthwise = (channels: number) => ({ channels, filters: channels, groups: channels });

/** Sizes at which tiles are full and have rests. The harness runs programs once, as code that joins no vectors. */
const specs: readonly (readonly [string, ConvolutionSpec])[] = [
  ["depthwise", { ...depthwise(16), size: [7, 21] }],
  ["depthwise with rests", { ...depthwise(23), size: [5, 12], kernel: [5, 5] }],
  ["depthwise, strided", { ...depthwise(16), size: [9, 20], strides: [2, 2] }],
  ["depthwise, dilated", { ...depthwise(8), size: [12, 24], dilation: [3, 2] }],
  ["depthwise with a multiplier", { groups: 8, channels: 8, filters: 24, size: [6, 18] }],
  ["depthwise over sequences", { ...depthwise(8), size: [200], kernel: [7] }],
  ["depthwise over volumes", { ...depthwise(8), size: [3, 4, 18], strides: [2, 1, 1] }],
  ...[1, 2, 3, 4].map((filters) => [`${filters} filters`, { channels: 16, filters, size: [6, 20] }] as const),
  ["of 3 channels, strided", { channels: 3, filters: 24, size: [9, 16], strides: [2, 2] }],
  ["along rows", { channels: 3, filters: 42, size: [12, 30], kernel: [5, 5] }],
  ["along rows, strided", { channels: 3, filters: 24, size: [14, 34], kernel: [7, 7], strides: [2, 2] }],
  ["over sequences", { size: [390], channels: 16, filters: 24, kernel: [2], dilation: [64] }],
  ["over long sequences", { size: [1040], channels: 8, filters: 16, strides: [2], batch: 1 }],
  ["over volumes", { size: [5, 6, 9], channels: 8, filters: 24 }],
  ["over volumes, strided", { size: [6, 5, 12], channels: 16, filters: 16, strides: [2, 1, 2] }],
  ["in groups", { size: [5, 9], channels: 32, filters: 48, groups: 2 }],
  ["in small groups", { size: [5, 9], channels: 16, filters: 16, groups: 4 }],
];

describe("convolutions in optimised code", () => {
  it.each(specs)("%s", async (_, spec) => {
    const { engine } = await createWasmBackend({ threads: 1, wide: false });
    for (const wide of [false, true]) {
      if (wide && !platform.widenWasm(true)) continue;
      expect(await computesRightly({ ...engine, wide }, graphOf(spec))).toBe(true);
      platform.widenWasm(false);
    }
  });
});
