import { describe, test } from "vitest";
import { decodeCheckpoint, encodeCheckpoint } from "../../src/formats/checkpointFile.js";
import { decodeModel, encodeModel } from "../../src/formats/modelFile.js";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.js";
import { batchNorm, conv2d, dense, flatten } from "../../src/model/layers/index.js";
import { sequentialNetwork } from "../../src/model/network.js";
import { input } from "../../src/model/symbolic.js";
import { expectReadOrRefused, type FileKind, fileName, fuzzTimeout } from "../harness/damaged.js";

const network = sequentialNetwork(
  input(4, 4, 1),
  conv2d(2, 3, { activation: "relu" }),
  batchNorm(),
  flatten(),
  dense(3),
);
const sizes = network.weights.map(({ name, shape }) => [name, shape.reduce((size, n) => size * n, 1)] as const);
const weights = new Map(sizes.map(([name, size]) => [name, Float32Array.from({ length: size }, (_, i) => i / 8)]));
const model = { network, weights, classes: ["a", "b", "c"], metadata: { note: "of a test" } };
const state = { step: 7, epochs: [{ loss: Number.NaN, accuracy: 0.5 }], random: { seed: 3 } };

const kinds: readonly FileKind[] = [
  {
    name: "safetensors",
    files: [
      writeSafetensors(
        [
          { name: "half", dtype: "F16", shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
          { name: "bytes", dtype: "U8", shape: [5], data: Uint8Array.of(1, 2, 3, 4, 5) },
          { name: "empty", dtype: "F32", shape: [0, 4], data: new Float32Array(0) },
        ],
        { key: "value" },
      ),
    ],
    read: (bytes) => readSafetensors(bytes, fileName),
    // halves are widened; texts of the header come as UTF-16
    factor: 4,
  },
  {
    name: "a model",
    files: [encodeModel(model)],
    read: (bytes) => decodeModel(bytes, fileName).weights,
    factor: 1,
    codes: ["format", "option", "shape", "usage"],
  },
  {
    name: "a checkpoint",
    files: [encodeCheckpoint({ ...model, slots: new Map(weights), kept: new Map(weights), state })],
    read(bytes) {
      const { weights, slots, kept } = decodeCheckpoint(bytes, fileName);
      return { weights, slots, kept };
    },
    factor: 1,
    codes: ["format", "option", "shape", "usage"],
  },
];

describe("damaged files are read or refused", () => {
  test.each(kinds.map((kind) => [kind.name, kind] as const))("%s", (_, kind) => expectReadOrRefused(kind), fuzzTimeout);
});
