import { describe, expect, it } from "vitest";
import { keyOf, RandomStream } from "../../src/core/random.js";
import { type Shape, sizeOf } from "../../src/core/shapes.js";
import { fromArchitecture, toArchitecture } from "../../src/model/architecture.js";
import { defineLayer } from "../../src/model/customLayer.js";
import type { Layer } from "../../src/model/layer.js";
import { conv2d, dense, dropout, maxPool2d, multiply, upSampling2d } from "../../src/model/layers/index.js";
import { math } from "../../src/model/math.js";
import { network } from "../../src/model/network.js";
import { input } from "../../src/model/symbolic.js";
import { distinct } from "../harness/case.js";
import { checkBackends, checkDifferences, checkNetwork, useBackends } from "../harness/check.js";
import { layerExperiment, networkOf } from "../harness/layer.js";

const wrong = <T>(value: unknown) => value as T;

const scale = defineLayer({
  name: "scale",
  options: { shift: 0, mode: "plain" },
  weights: ([shape]) => ({ gain: { shape: shape!.slice(-1), initializer: "ones" } }),
  call: ([x], { weights, options }) => x.multiply(weights.gain).add(options.shift),
});

/** One head of attention over a sequence: softmax(Q·Kᵀ / √d)·V. */
const attention = defineLayer({
  name: "attention",
  options: { size: 4 },
  weights: ([shape], { size }) =>
    Object.fromEntries(["query", "key", "value"].map((name) => [name, { shape: [shape![1]!, size] }])),
  call([x], { weights, options }) {
    const [query, key, value] = ["query", "key", "value"].map((name) => x.matmul(weights[name]!));
    const scores = query!.matmul(key!, { transpose: true }).divide(Math.sqrt(options.size));
    return scores.activation("softmax").matmul(value!);
  },
});

/** Everything else that a tensor can do, in one layer of two inputs. */
const everything = defineLayer({
  name: "everything",
  call([x, y]) {
    const [batch, rows, columns] = x.shape as [number, number, number];
    const flipped = x.slice([0, rows - 1, 0], [batch, rows, columns], [1, -1, 1]);
    const joined = flipped.concatenate(2, y!.transpose([0, 2, 1]));
    const padded = joined
      .pad(
        [
          [0, 0],
          [1, 0],
          [0, 0],
        ],
        { value: 0.5 },
      )
      .pad(
        [
          [0, 0],
          [0, 0],
          [1, 1],
        ],
        { mode: "reflect" },
      );
    const centred = padded
      .subtract(padded.mean([1], { keepDims: true }))
      .maximum(-0.9)
      .minimum(1.1);
    const parts = [centred.sum(), centred.max([2, 1]), centred.min(), x.prod(), y!.mean().stopGradient()];
    const stacked = parts.map((part) => part.reshape([batch, 1])).reduce((a, b) => a.concatenate(1, b));
    return stacked.map(
      (a, b) => math.multiply(a, math.sigmoid(b)),
      parts[0]!.reshape([batch, 1]).broadcastTo([batch, 5]),
    );
  },
});

/** Layers within a layer: every value against the largest of its neighbourhood. */
const contrast = defineLayer({
  name: "contrast",
  call: ([x]) => x.apply(multiply(), x.apply(maxPool2d(2)).apply(upSampling2d(2, { interpolation: "bilinear" }))),
});

const leaves = ["r", "x0", "x1"];
function valuesOf(leaf: string, shape: Shape): Float32Array {
  const index = leaves.indexOf(leaf);
  const values = distinct(sizeOf(shape), new RandomStream(keyOf(5, leaf)), Math.max(0, index));
  return Float32Array.from(values, (value) => (index >= 0 ? value : value / 3));
}

describe("layers of one's own", () => {
  const backends = useBackends();
  const cases: readonly [string, Layer, readonly Shape[], Shape, boolean][] = [
    ["weights and options", scale({ shift: 0.5 }), [[3, 4]], [3, 4], true],
    ["attention", attention(), [[5, 3]], [5, 4], true],
    ["layers within a layer", contrast(), [[4, 6, 3]], [4, 6, 3], true],
    // what stopGradient hides, finite differences see
    [
      "every operation",
      everything(),
      [
        [2, 3],
        [2, 2],
      ],
      [5],
      false,
    ],
  ];
  it.each(cases)(
    "%s: shape, values on every backend, gradients, file",
    async (_, layer, shapes, output, differences) => {
      const net = networkOf(layer, shapes);
      expect(net.outputs[0]!.shape).toEqual(output);
      expect(toArchitecture(fromArchitecture(JSON.parse(JSON.stringify(toArchitecture(net)))))).toEqual(
        toArchitecture(net),
      );
      const experiment = layerExperiment(layer, shapes, 2, true, valuesOf);
      if (differences) {
        await checkDifferences(experiment, layerExperiment(layer, shapes, 2, true, valuesOf, false).graph);
      }
      // where no winner is certain the bounds say nothing; judged as a whole, then
      if (differences) await checkBackends(experiment, backends());
      else await checkNetwork(experiment, backends());
    },
  );

  it("hold their options, defaults filled in, and their weights", () => {
    expect(scale({ mode: "other", name: "a" }).config).toEqual({ shift: 0, mode: "other" });
    const x = input(3);
    const net = network(x, scale()(dense(4)(x)));
    expect(net.weights.map(({ name, shape }) => [name, shape])).toContainEqual(["scale.gain", [4]]);
  });
});

describe("errors of layers of one's own", () => {
  const x = input(3, 4);
  const forgets = defineLayer({ name: "forgetsBatch", call: ([a]) => a.sum([0]) });
  const fixed = defineLayer({ name: "fixedBatch", call: ([a]) => a.reshape([2, 12]) });
  const learns = defineLayer({ name: "learns", call: ([a]) => a.apply(conv2d(3, 1, { name: "inner" })) });
  const draws = defineLayer({ name: "draws", call: ([a]) => a.apply(dropout(0.5)) });
  const joins = defineLayer({ name: "joins", call: ([a]) => a.apply(multiply()) });
  const nothing = defineLayer({ name: "nothing", call: wrong(() => 3) });
  const wordings: readonly [() => unknown, string][] = [
    [
      () => defineLayer({ name: "dense", call: ([a]) => a }),
      'defineLayer: "dense" is a layer of fovea. Choose another name.',
    ],
    [
      () => defineLayer({ name: "scale", call: ([a]) => a }),
      'defineLayer: "scale" is a layer that is defined already. Choose another name.',
    ],
    [
      () => defineLayer({ name: "a b", call: ([a]) => a }),
      'defineLayer: wrong name (expected letters, digits, "_", "-", "." and "/", received "a b").',
    ],
    [
      () => defineLayer({ name: "odd", options: { f: wrong(() => 1) }, call: ([a]) => a }),
      'defineLayer "odd": wrong f (expected a number, a text, true or false, or a list of these, received a function).',
    ],
    [() => scale({ shift: wrong("1") }), 'scale: wrong shift (expected a finite number, received "1").'],
    [
      () => scale(wrong({ shft: 1 })),
      'scale: unknown option "shft" (expected one of shift, mode, name). Did you mean "shift".',
    ],
    [
      () => forgets()(x),
      'forgetsBatch "forgetsBatch": call does not keep the batch as first axis (expected 2 examples for 2, received [3, 4]).',
    ],
    [
      () => fixed()(x),
      "reshape: the number of elements must stay the same (expected 36 elements of [3, 3, 4], received 24 of [2, 12]).",
    ],
    [
      () => learns()(input(4, 4, 2)),
      'conv2d "inner": cannot be applied to a tensor, since it has weights or draws random numbers. Use it as a layer of the network.',
    ],
    [
      () => draws()(x),
      "dropout: cannot be applied to a tensor, since it has weights or draws random numbers. Use it as a layer of the network.",
    ],
    [() => joins()(x), "multiply: takes several inputs (expected 2 tensors or more, received 1 tensor)."],
    [() => nothing()(x), 'nothing "nothing": wrong result of call (expected a tensor, received 3).'],
  ];
  it.each(wordings.map(([body, message]) => [message, body] as const))("%s", (message, body) => {
    expect(body).toThrow(expect.objectContaining({ name: "FoveaError", message }));
  });

  it("a file with a layer that is not defined", () => {
    const written = JSON.parse(JSON.stringify(toArchitecture(networkOf(scale(), [[3]]))));
    written.layers[0].kind = "neverDefined";
    expect(() => fromArchitecture(written)).toThrow(
      /unknown kind of layer "neverDefined"\. If it is a layer of your own, run defineLayer\(\{ name: "neverDefined", … \}\) before loading\.$/,
    );
  });
});
