import { expect, it } from "vitest";
import type { Layer } from "../../src/model/layer.js";
import { conv2d, dense, flatten, locallyConnected2d } from "../../src/model/layers/index.js";
import { countParameters, sequentialNetwork } from "../../src/model/network.js";
import { input } from "../../src/model/symbolic.js";

const shared = { useBias: false } as const;

/** Counted from descriptions: no memory is taken. */
const count = (size: number, ...layers: Layer[]) =>
  countParameters(sequentialNetwork(input(size, size, 1), ...layers).weights);

it("sharing weights saves parameters: the lectures' examples", () => {
  // a 1000 × 1000 image and 10⁶ hidden units
  expect(count(1000, flatten(), dense(1e6, shared))).toBe(1e12);
  expect(count(1000, locallyConnected2d(1, 10, shared))).toBe(1e8);
  expect(count(1000, conv2d(100, 10, shared))).toBe(1e4);
  // 5 × 5 patches of a 256 × 256 image
  expect(count(256, locallyConnected2d(1, 5, shared))).toBe(1_638_400);
  expect(count(256, conv2d(1, 5, shared))).toBe(25);
});
