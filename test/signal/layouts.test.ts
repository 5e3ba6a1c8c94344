import { conv2d, flatten, input, permute, sequential } from "fovea";
import { hwioToOihw, nchwToNhwc, nhwcToNchw, oihwToHwio } from "fovea/signal";
import { describe, expect, it, test } from "vitest";
import { sizeOf } from "../../src/core/shapes.js";
import { messageOf } from "../data/messages.js";
import { integers } from "./numbers.js";

const numbered = (shape: readonly number[]) => Float32Array.from({ length: sizeOf(shape) }, (_, i) => i);

describe("layouts", () => {
  test("put channels last: sequences, images and volumes", () => {
    const { values, shape } = nchwToNhwc(numbered([2, 3, 4, 5]), [2, 3, 4, 5]);
    expect(shape).toEqual([2, 4, 5, 3]);
    for (let n = 0; n < 2; n++)
      for (let c = 0; c < 3; c++)
        for (let i = 0; i < 4; i++)
          for (let j = 0; j < 5; j++) expect(values[((n * 4 + i) * 5 + j) * 3 + c]).toBe(((n * 3 + c) * 4 + i) * 5 + j);
    expect(nchwToNhwc(Uint8Array.of(1, 2, 3, 4, 5, 6), [1, 2, 3])).toEqual({
      values: Uint8Array.of(1, 4, 2, 5, 3, 6),
      shape: [1, 3, 2],
    });
    expect(nchwToNhwc(numbered([1, 2, 3, 4, 5]), [1, 2, 3, 4, 5]).shape).toEqual([1, 3, 4, 5, 2]);
  });

  test("of filters: [outputs, inputs, …taps] and [… taps, inputs, outputs]", () => {
    const { values, shape } = oihwToHwio(numbered([2, 3, 4, 5]), [2, 3, 4, 5]);
    expect(shape).toEqual([4, 5, 3, 2]);
    expect(values[((1 * 5 + 2) * 3 + 2) * 2 + 1]).toBe(((1 * 3 + 2) * 4 + 1) * 5 + 2);
  });

  test.each([[[2, 3, 4]], [[2, 3, 4, 5]], [[1, 2, 3, 2, 2]]])("come back: %j", (shape) => {
    const there = nchwToNhwc(numbered(shape), shape);
    expect(nhwcToNchw(there.values, there.shape)).toEqual({ values: numbered(shape), shape });
    const filters = oihwToHwio(numbered(shape), shape);
    expect(hwioToOihw(filters.values, filters.shape)).toEqual({ values: numbered(shape), shape });
  });

  it("are accepted at the border of a model either way: converted, or by a first layer", async () => {
    const [images, filters] = [numbered([2, 3, 5, 4]), Float32Array.from(integers(1, [2, 3, 3, 3]).values)];
    const last = sequential(input(5, 4, 3), conv2d(2, 3, { name: "conv" }), flatten());
    const first = sequential(input(3, 5, 4), permute([1, 2, 0]), conv2d(2, 3, { name: "conv" }), flatten());
    for (const net of [last, first]) {
      net.initialize(1).setWeight("conv.kernel", oihwToHwio(filters, [2, 3, 3, 3]).values);
    }
    const converted = await last.predict(nchwToNhwc(images, [2, 3, 5, 4]).values, { threads: 1 });
    expect(await first.predict(images, { threads: 1 })).toEqual(converted);
  });

  test("that fit nothing are refused", async () => {
    expect(await messageOf(async () => nchwToNhwc(numbered([4]), [2, 2]))).toBe(
      "nchwToNhwc: wrong number of axes (expected 3 to 5: two and one to three spatial ones, received [2, 2]).",
    );
    expect(await messageOf(async () => oihwToHwio(numbered([4]), [2, 2, 2]))).toBe(
      "oihwToHwio: the shape [2, 2, 2] does not hold the values (expected 8, received 4).",
    );
  });
});
