import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { strokes } from "../../src/data/index.js";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.js";
import {
  add,
  conv2d,
  dense,
  flatten,
  input,
  loadModel,
  Model,
  model,
  modelFromBytes,
  sequential,
  sgd,
} from "../../src/index.js";
import { messageOf } from "./messages.js";

const folder = await mkdtemp(join(tmpdir(), "fovea-model-"));
const { train } = await strokes({ train: 40, test: 10, seed: 1 });
const small = () => sequential(input(28, 28, 1), conv2d(3, 3, { stride: 2 }), flatten(), dense(10, { name: "head" }));
const fitting = { loss: "crossEntropy", epochs: 1, progress: false, threads: 1 } as const;

describe("save and load", () => {
  test("predictions are the same, bit for bit", async () => {
    const net = small();
    await net.fit(train, { ...fitting, optimizer: sgd(0.1) });
    const path = join(folder, "digits.safetensors");
    await net.save(path, { metadata: { note: "first" } });
    const again = await loadModel(path);
    expect(again.classes).toEqual(train.classes);
    expect(again.metadata).toEqual({ note: "first" });
    expect(again.parameterCount).toBe(net.parameterCount);
    expect(await again.predict(train.inputs)).toEqual(await net.predict(train.inputs));
    expect(Buffer.compare(again.toBytes(), net.toBytes({ metadata: { note: "first" } }))).toBe(0);
  });

  test("a graph with a branch keeps its wiring", async () => {
    const x = input(8, 8, 2);
    const net = model(x, add()(x, conv2d(2, 3)(x))).initialize(4);
    const again = modelFromBytes(net.toBytes());
    const image = Float32Array.from({ length: 128 }, (_, i) => Math.sin(i));
    expect(await again.predict(image)).toEqual(await net.predict(image));
  });

  test("what cannot be written or read says so", async () => {
    const plain = join(folder, "plain");
    await writeFile(plain, "not a directory");
    expect(await messageOf(small().save(join(plain, "model.safetensors")))).toMatch(/^.*model\.safetensors: /);
    expect(await messageOf(loadModel(join(folder, "nothing.safetensors")))).toMatch(/nothing\.safetensors: /);
    expect(await messageOf(loadModel(plain))).toMatch(/plain: /);
  });

  test("files whose parts do not belong together are refused", () => {
    const bytes = small().initialize().toBytes();
    const { tensors, metadata } = readSafetensors(bytes, "m");
    const rebuilt = (names: string[], notes: Record<string, string> = metadata) =>
      writeSafetensors(
        names.map((name) => ({ name, ...(tensors.get(name) ?? tensors.get("head.bias")!) })),
        notes,
      );
    const message = (file: Uint8Array) => {
      try {
        modelFromBytes(file, "m.safetensors");
      } catch (error) {
        return (error as Error).message;
      }
      throw new Error("it did not fail");
    };
    const names = [...tensors.keys()];
    expect(message(rebuilt(names, {}))).toBe(
      'm.safetensors: holds tensors but no fovea architecture (expected metadata "fovea.architecture"). Open files that model.save wrote.',
    );
    expect(message(rebuilt(names.filter((name) => name !== "head.kernel")))).toBe(
      'm.safetensors: weight "head.kernel" is missing (expected F32 [588, 10]).',
    );
    expect(message(rebuilt([...names, "extra"]))).toBe(
      'm.safetensors: tensor "extra" belongs to no layer of the architecture.',
    );
    expect(message(rebuilt(names, { ...metadata, "fovea.architecture": "{" }))).toBe(
      'm.safetensors: metadata "fovea.architecture" is no JSON.',
    );
    expect(message(rebuilt(names, { ...metadata, "fovea.classes": "3" }))).toBe(
      'm.safetensors: metadata "fovea.classes" is no list of names.',
    );
    expect(message(bytes.slice(0, bytes.length - 5))).toMatch(/^m\.safetensors, tensor /);
  });
});

describe("predict", () => {
  test("batches do not change results, and probabilities sum to 1", async () => {
    const net = small().initialize(2);
    const whole = await net.predict(train.inputs, { threads: 1 });
    const pieces = await net.predict(train.inputs, { threads: 1, batchSize: 7 });
    expect(pieces).toEqual(whole);
    const chances = await net.predict(train.inputs, { threads: 1, probabilities: true });
    for (let i = 0; i < 40; i++) {
      const sum = chances.subarray(10 * i, 10 * i + 10).reduce((total, value) => total + value, 0);
      expect(sum).toBeCloseTo(1, 6);
    }
  });

  test("uint8 pixels and their floats / 255 give the same", async () => {
    const net = small().initialize(2);
    const floats = Float32Array.from(train.inputs, (pixel) => pixel / 255);
    const [a, b] = [await net.predict(train.inputs), await net.predict(floats)];
    a.forEach((value, i) => expect(Math.abs(value - b[i]!)).toBeLessThan(1e-5));
  });

  test("refuses arrays that hold no whole examples", async () => {
    expect(await messageOf(small().predict(new Float32Array(783)))).toBe(
      "predict: the array does not hold whole examples (expected a multiple of 784 values, [28, 28, 1] each, received 783).",
    );
  });
});

describe("weights", () => {
  test("are drawn by seed and name, and can be read and set", () => {
    const [a, b, c] = [small().initialize(1), small().initialize(1), small().initialize(2)];
    expect(a.weightNames).toEqual(["conv2d.kernel", "conv2d.bias", "head.kernel", "head.bias"]);
    expect(a.weight("head.kernel")).toEqual(b.weight("head.kernel"));
    expect(a.weight("head.kernel")).not.toEqual(c.weight("head.kernel"));
    a.setWeight("head.bias", new Float32Array(10).fill(2));
    expect(a.weight("head.bias")).toEqual(new Float32Array(10).fill(2));
    expect(a).toBeInstanceOf(Model);
  });

  test("wrong names and sizes are refused", () => {
    expect(() => small().weight("head.weight")).toThrow(
      'weight: there is no weight "head.weight" (expected one of conv2d.kernel, conv2d.bias, head.kernel, head.bias).',
    );
    expect(() => small().setWeight("head.bias", [1, 2])).toThrow(
      'setWeight "head.bias": has another number of values (expected 10 for [10], received 2).',
    );
  });
});
