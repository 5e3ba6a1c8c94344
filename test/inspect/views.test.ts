import { describe, expect, it } from "vitest";
import { type Dataset, dataset } from "../../src/data/dataset.js";
import {
  add,
  type Callback,
  conv1d,
  conv2d,
  convTranspose2d,
  dense,
  depthwiseConv2d,
  dropout,
  flatten,
  globalAveragePool2d,
  input,
  type Model,
  maxPool2d,
  model,
  relu,
  sequential,
  sgd,
  sigmoid,
  softmax,
  stopGradient,
  tanh,
} from "../../src/index.js";
import { gaussLegendre } from "../../src/inspect/attribution.js";
import {
  deconvnet,
  type Filters,
  featureMaps,
  filterEvolution,
  filters,
  gradCam,
  gradientNorms,
  guidedBackpropagation,
  histograms,
  integratedGradients,
  maximizeActivation,
  occlusion,
  saliency,
  topActivations,
  unitReport,
} from "../../src/inspect/index.js";
import { formulaValues } from "../fixtures/formula.js";

const options = { threads: 1 } as const;
const image = formulaValues(0, [9, 7, 2]).map(Math.abs);

function small(): Model {
  return sequential(
    input(9, 7, 2),
    conv2d(3, 3, { activation: "relu", name: "first" }),
    maxPool2d(2),
    conv2d(4, 3, { padding: "valid", activation: "relu", name: "second" }),
    flatten(),
    dense(5, { activation: "sigmoid", name: "hidden" }),
    dense(3, { name: "scores" }),
  ).initialize(3);
}

function images(count: number, net = small()): Dataset {
  const { shape } = net.network.inputs[0]!;
  const inputs = formulaValues(7, [count, ...shape]).map(Math.abs);
  return dataset({ inputs, targets: Int32Array.from({ length: count }, (_, i) => i % 3), shape, classes: 3 });
}

/** Values of a layer, by the model's own means. */
async function valuesOf(net: Model, layer: string, inputs: Float32Array): Promise<Float32Array> {
  return net.features(layer).predict(inputs, options);
}

describe("filters", () => {
  it("are the weights, filter by filter", () => {
    const net = small();
    const { count, shape, values, weight, isColor } = filters(net, "second");
    expect({ count, shape, weight, isColor }).toEqual({
      count: 4,
      shape: [3, 3, 3],
      weight: "second.kernel",
      isColor: false,
    });
    const kernel = net.weight("second.kernel");
    // HWIO
    expect(values[1 * 27 + (2 * 3 + 1) * 3 + 2]).toBe(kernel[((2 * 3 + 1) * 3 + 2) * 4 + 1]);
    expect(filters(net).layer).toBe("first");
  });

  it("of a dense layer lie where flatten took its inputs from", () => {
    const net = small();
    const { shape, values, count } = filters(net, "hidden");
    expect([count, shape]).toEqual([5, [2, 1, 4]]);
    expect(values[3 * 8 + 5]).toBe(net.weight("hidden.kernel")[5 * 5 + 3]);
  });

  it("of depthwise and transposed convolutions", () => {
    const image = input(6, 6, 3);
    const between = convTranspose2d(2, 3, { name: "up" })(depthwiseConv2d(3, { name: "each" })(image));
    const net = model(image, flatten()(between)).initialize(1);
    expect(filters(net, "each")).toMatchObject({ count: 3, shape: [3, 3, 1], isColor: false });
    const { count, shape, values } = filters(net, "up");
    expect([count, shape]).toEqual([2, [3, 3, 3]]);
    // [rows, columns, filters, channels]
    expect(values[1 * 27 + 4 * 3 + 2]).toBe(net.weight("up.kernel")[(4 * 2 + 1) * 3 + 2]);
  });

  it("that read a colour image directly are in colour", () => {
    const net = sequential(input(8, 8, 3), conv2d(2, 3), conv2d(3, 3), conv2d(1, 3)).initialize(0);
    expect(["conv2d", "conv2d_1", "conv2d_2"].map((layer) => filters(net, layer).isColor)).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe("maps and top activations", () => {
  it("are what the layer gives", async () => {
    const net = small();
    const { shape, values, layer } = await featureMaps(net, image, options);
    expect([layer, shape]).toEqual(["first", [9, 7, 3]]);
    expect(values).toEqual(await valuesOf(net, "first", image));
  });

  it("take bytes as pixels", async () => {
    const net = small();
    const bytes = Uint8Array.from(image, (value) => Math.round(255 * value));
    const { values } = await featureMaps(net, bytes, options);
    expect(values).toEqual(
      await valuesOf(
        net,
        "first",
        Float32Array.from(bytes, (value) => value / 255),
      ),
    );
  });

  it("are the largest of the data set, in order, with the patch that made them", async () => {
    const net = small();
    const data = images(40);
    const { units, shape } = await topActivations(net, data, { ...options, layer: "second", units: [2, 0], count: 5 });
    const values = await valuesOf(net, "second", data.inputs as Float32Array);
    expect(units.map(({ unit }) => unit)).toEqual([2, 0]);
    for (const { unit, activations } of units) {
      const perImage = Array.from({ length: 40 }, (_, i) => Math.max(values[i * 8 + unit]!, values[i * 8 + 4 + unit]!));
      expect(activations.map(({ value }) => value)).toEqual([...perImage].sort((a, b) => b - a).slice(0, 5));
      for (const { example, value, place, field, patch } of activations) {
        expect(value).toBe(perImage[example]);
        expect(value).toBe(values[example * 8 + place[0]! * 4 + unit]);
        expect([field.bottom - field.top, field.right - field.left]).toEqual([8, 8]);
        // nothing outside of the patch changes the value
        const changed = Float32Array.from(data.inputs.subarray(example * 126, (example + 1) * 126), (old, i) => {
          const [row, column] = [Math.floor(i / 14), Math.floor(i / 2) % 7];
          const inside = row >= patch.top && row < patch.bottom && column >= patch.left && column < patch.right;
          return inside ? old : 0.25;
        });
        expect((await valuesOf(net, "second", changed))[place[0]! * 4 + unit]).toBeCloseTo(value, 5);
      }
    }
    expect(shape).toEqual([9, 7, 2]);
  });
});

describe("attributions", () => {
  it("saliency is the slope of the unit", async () => {
    const net = small();
    const { values, target } = await saliency(net, image, { ...options, unit: 1 });
    expect(target).toMatchObject({ layer: "scores", index: [1] });
    const at = (changed: Float32Array) => net.predict(changed, options).then((scores) => scores[1]!);
    for (const i of [0, 31, 64, 125]) {
      const step = 2 ** -9;
      const [up, down] = [image.slice(), image.slice()];
      up[i]! += step;
      down[i]! -= step;
      expect(values[i]).toBeCloseTo(((await at(up)) - (await at(down))) / (2 * step), 3);
    }
  });

  it("are the same on naive loops", async () => {
    for (const view of [saliency, guidedBackpropagation, occlusion]) {
      const fast = await view(small(), image, options);
      const naive = await view(small(), image, { backend: "reference" });
      fast.values.forEach((value, i) => {
        expect(value).toBeCloseTo(naive.values[i]!, 5);
      });
    }
  });

  it("name the predicted class by default, and inner units on demand", async () => {
    const net = small();
    net.classes = ["a", "b", "c"];
    const scores = await net.predict(image, options);
    const best = scores.indexOf(Math.max(...scores));
    const predicted = (await saliency(net, image, options)).target;
    expect(predicted).toEqual({ layer: "scores", index: [best], value: scores[best], name: net.classes[best] });
    const { target } = await deconvnet(net, image, { ...options, layer: "first", unit: 2 });
    const maps = await valuesOf(net, "first", image);
    const own = maps.filter((_, i) => i % 3 === 2);
    expect(target.value).toBe(Math.max(...own));
    const [row, column, channel] = target.index as [number, number, number];
    expect(maps[(row * 7 + column) * 3 + channel]).toBe(target.value);
  });

  it("follow the weights as they are when asked", async () => {
    const net = small();
    const before = await saliency(net, image, options);
    net.setWeight(
      "scores.kernel",
      net.weight("scores.kernel").map((value) => 2 * value),
    );
    const after = await saliency(net, image, { ...options, unit: before.target.index });
    expect(after.values).toEqual(before.values.map((value) => 2 * value));
  });

  it("guided backpropagation and deconvnet change rectifiers alone, whatever the layer that has them", async () => {
    const build = (kind: "layer" | "option") => {
      const rectified = (filters: number) =>
        kind === "option" ? [conv2d(filters, 3, { activation: "relu" })] : [conv2d(filters, 3), relu()];
      return sequential(input(9, 7, 2), ...rectified(4), ...rectified(3), flatten(), dense(3)).initialize(5);
    };
    for (const view of [guidedBackpropagation, deconvnet]) {
      const [layers, activations] = await Promise.all([view(build("layer"), image), view(build("option"), image)]);
      expect(layers.values).toEqual(activations.values);
      expect(layers.values).not.toEqual((await saliency(build("layer"), image)).values);
    }
    const smooth = sequential(input(9, 7, 2), conv2d(4, 3, { activation: "tanh" }), flatten(), dense(3)).initialize(5);
    expect((await guidedBackpropagation(smooth, image)).values).toEqual((await saliency(smooth, image)).values);
  });

  it("guided backpropagation and deconvnet by hand, through ReLU6", async () => {
    const net = sequential(input(1, 1, 1), conv2d(1, 1, { activation: "relu6" }), flatten(), dense(2)).initialize(0);
    net.setWeight("conv2d.kernel", [2]);
    net.setWeight("conv2d.bias", [1]);
    net.setWeight("dense.kernel", [1, -1]);
    const at = async (x: number, unit: number) => {
      const views = [saliency, guidedBackpropagation, deconvnet];
      const found = await Promise.all(views.map((view) => view(net, Float32Array.of(x), { ...options, unit })));
      return found.map(({ values }) => values[0]);
    };
    // 0 < 2x + 1 < 6, above, below; and what speaks against a unit
    expect(await at(1, 0)).toEqual([2, 2, 2]);
    expect(await at(5, 0)).toEqual([0, 0, 2]);
    expect(await at(-5, 0)).toEqual([0, 0, 2]);
    expect(await at(1, 1)).toEqual([-2, 0, 0]);
  });

  it("integrated gradients add up to the change", async () => {
    const net = small();
    const baseline = formulaValues(3, [9, 7, 2]);
    const view = await integratedGradients(net, image, { ...options, baseline, steps: 200 });
    const [unit] = view.target.index;
    expect(view.baselineValue).toBe((await net.predict(baseline, options))[unit!]);
    const total = view.values.reduce((sum, value) => sum + value, 0);
    expect(total).toBeCloseTo(view.target.value - view.baselineValue, 2);
    expect(view.completenessError).toBeCloseTo(0, 2);
    // a linear network needs one point
    const linear = sequential(input(9, 7, 2), flatten(), dense(3)).initialize(2);
    const exact = await integratedGradients(linear, image, { ...options, steps: 1 });
    expect(exact.completenessError).toBeCloseTo(0, 5);
  });

  it("Gauss–Legendre points integrate polynomials of degree 2n − 1 exactly", () => {
    for (const count of [1, 2, 5, 20, 50]) {
      const { nodes, weights } = gaussLegendre(count);
      for (const degree of [0, 1, Math.min(9, 2 * count - 1), 2 * count - 1]) {
        const sum = nodes.reduce((total, node, i) => total + weights[i]! * node ** degree, 0);
        expect(sum).toBeCloseTo(1 / (degree + 1), 13);
      }
    }
  });

  it("occlusion is the fall of the unit, patch by patch, cut at the edges", async () => {
    const net = small();
    const view = await occlusion(net, image, { ...options, size: [4, 3], stride: [4, 3], baseline: 0.5, unit: 2 });
    for (const [top, left] of [
      [0, 0],
      [4, 3],
      [8, 6],
    ] as const) {
      const covered = image.map((value, i) => {
        const [row, column] = [Math.floor(i / 14), Math.floor(i / 2) % 7];
        return row >= top && row < top + 4 && column >= left && column < left + 3 ? 0.5 : value;
      });
      const fall = view.target.value - (await net.predict(covered, options))[2]!;
      expect(view.values[(top * 7 + left) * 2]).toBeCloseTo(fall, 5);
      expect(view.values[(top * 7 + left) * 2 + 1]).toBe(view.values[(top * 7 + left) * 2]);
    }
  });

  it("Grad-CAM of a network of global averages is its class map", async () => {
    const net = sequential(
      input(9, 7, 2),
      conv2d(4, 3, { activation: "relu", name: "maps" }),
      globalAveragePool2d(),
      dense(3, { name: "scores" }),
    ).initialize(4);
    const view = await gradCam(net, image, { ...options, unit: 1 });
    expect([view.layer, view.shape]).toEqual(["maps", [9, 7]]);
    const [maps, kernel] = [await valuesOf(net, "maps", image), net.weight("scores.kernel")];
    for (let pixel = 0; pixel < 63; pixel++) {
      let sum = 0;
      for (let c = 0; c < 4; c++) sum += (kernel[c * 3 + 1]! / 63) * maps[pixel * 4 + c]!;
      expect(view.values[pixel]).toBeCloseTo(Math.max(0, sum), 6);
    }
    // the layer has the image's size
    expect(view.enlarged).toEqual(view.values);
  });
});

describe("activation maximisation", () => {
  it("raises the unit, within the range, and the same way for the same seed", async () => {
    const net = small();
    const view = await maximizeActivation(net, { ...options, unit: 2, steps: 40, seed: 1 });
    expect(view.history).toHaveLength(41);
    expect(view.history.at(-1)).toBeGreaterThan(view.history[0]! + 0.1);
    expect(view.target).toEqual({ layer: "scores", index: [2], value: view.history.at(-1) });
    expect((await net.predict(view.values, options))[2]).toBeCloseTo(view.target.value, 5);
    expect(view.values.every((value) => value >= 0 && value <= 1)).toBe(true);
    const again = await maximizeActivation(net, { ...options, unit: 2, steps: 40, seed: 1 });
    expect(again.values).toEqual(view.values);
    const other = await maximizeActivation(net, { ...options, unit: 2, steps: 40, seed: 2 });
    expect(other.values).not.toEqual(view.values);
  });

  it("of a channel takes the middle of its map", async () => {
    const { target } = await maximizeActivation(small(), { ...options, layer: "first", unit: 1, steps: 2 });
    expect(target.index).toEqual([4, 3, 1]);
  });
});

describe("statistics", () => {
  it("histograms count every value once, between the least and the largest", async () => {
    const net = small();
    const data = images(37);
    const { weights, activations, examples } = await histograms(net, data, { ...options, bins: 7 });
    expect(examples).toBe(37);
    expect(weights.map(({ name }) => name)).toEqual(net.weightNames);
    expect(activations.map(({ name }) => name)).toEqual(["first", "maxPool2d", "second", "hidden", "scores"]);
    for (const { name, values, low, high, counts, mean, deviation } of activations) {
      const all = [...(await valuesOf(net, name, data.inputs as Float32Array))];
      expect([values, low, high]).toEqual([all.length, Math.min(...all), Math.max(...all)]);
      const expected = new Array<number>(7).fill(0);
      for (const value of all) expected[Math.min(6, Math.floor((value - low) * (7 / (high - low))))]! += 1;
      expect(counts).toEqual(expected);
      expect(mean).toBeCloseTo(all.reduce((a, b) => a + b, 0) / all.length, 6);
      expect(deviation).toBeCloseTo(Math.sqrt(all.reduce((a, b) => a + (b - mean) ** 2, 0) / all.length), 6);
    }
    expect((await histograms(net)).activations).toEqual([]);
  });

  it("dead units are those that no example wakes; saturated values lie at an end", async () => {
    const net = small();
    net.setWeight("first.bias", [0, -100, 0]);
    net.setWeight("hidden.bias", [50, -50, 0, 0, 0]);
    const { layers } = await unitReport(net, images(20), options);
    expect(layers.map(({ layer, activation, units }) => [layer, activation, units])).toEqual([
      ["first", "relu", 3],
      ["second", "relu", 4],
      ["hidden", "sigmoid", 5],
    ]);
    expect(layers[0]!.dead).toEqual([1]);
    const values = await valuesOf(net, "first", images(20).inputs as Float32Array);
    expect(layers[0]!.zeros).toBe(values.filter((value) => value === 0).length / values.length);
    expect(layers[0]!.saturated).toBeUndefined();
    expect(layers[2]).toMatchObject({ dead: [], saturated: 0.4 });
    expect(layers[2]!.zeros).toBeUndefined();
  });

  it("knows activations that are layers", async () => {
    const net = sequential(input(4), dense(3), relu(), dense(2), tanh(), dense(2), sigmoid()).initialize(0);
    const data = dataset({ inputs: formulaValues(0, [5, 4]), targets: new Int32Array(5), shape: [4], classes: 2 });
    const { layers } = await unitReport(net, data, options);
    expect(layers.map(({ layer }) => layer)).toEqual(["relu", "tanh", "sigmoid"]);
  });

  it("gradient norms are those of the loss's slope", async () => {
    const net = small();
    const data = images(6);
    const { weights, loss, examples } = await gradientNorms(net, data, options);
    expect(examples).toBe(6);
    expect(loss).toBeCloseTo((await net.evaluate(data, options)).loss, 5);
    expect(weights.map(({ weight }) => weight)).toEqual(net.weightNames);
    for (const name of ["scores.bias", "hidden.bias"]) {
      const values = net.weight(name);
      let squares = 0;
      for (let i = 0; i < values.length; i++) {
        const at = async (step: number) => {
          net.setWeight(
            name,
            values.map((value, k) => (k === i ? value + step : value)),
          );
          return (await net.evaluate(data, options)).loss;
        };
        squares += (((await at(2 ** -7)) - (await at(-(2 ** -7)))) / 2 ** -6) ** 2;
      }
      net.setWeight(name, values);
      const found = weights.find(({ weight }) => weight === name)!;
      expect(found.gradient).toBeCloseTo(Math.sqrt(squares), 3);
      expect(found.norm).toBeCloseTo(Math.sqrt(values.reduce((sum, value) => sum + value * value, 0)), 5);
    }
  });

  it("gradient norms of a network with dropout depend on the seed alone", async () => {
    const net = sequential(input(9, 7, 2), flatten(), dropout(0.5), dense(3)).initialize(1);
    const norms = async (seed: number) =>
      (await gradientNorms(net, images(6), { ...options, seed })).weights[0]!.gradient;
    expect(await norms(1)).toBe(await norms(1));
    expect(await norms(1)).not.toBe(await norms(2));
  });
});

describe("every view", () => {
  it("can be used in callbacks of training, which it does not disturb", async () => {
    const train = async (callbacks: (net: Model) => readonly Callback[]) => {
      const net = small();
      const fit = { loss: "crossEntropy", optimizer: sgd(0.1), batchSize: 8, epochs: 3, progress: false } as const;
      await net.fit(images(24), { ...fit, ...options, callbacks: callbacks(net) });
      return net;
    };
    const seen: Filters[] = [];
    const slopes: Float32Array[] = [];
    const watched = await train((net) => [
      {
        async onEpoch() {
          seen.push(filters(net));
          slopes.push((await saliency(net, image, { ...options, unit: 0 })).values);
          await histograms(net, images(8), options);
        },
      },
    ]);
    const alone = await train(() => []);
    for (const name of alone.weightNames) expect(watched.weight(name)).toEqual(alone.weight(name));
    expect(seen[2]).toEqual(filters(alone));
    expect(seen[1]).not.toEqual(seen[2]);
    expect(slopes[2]).toEqual((await saliency(alone, image, { ...options, unit: 0 })).values);
    expect(slopes[1]).not.toEqual(slopes[2]);
  });

  it("says beforehand what memory it needs", async () => {
    const told: number[] = [];
    const view = { ...options, onMemory: (bytes: number) => told.push(bytes) };
    const [net, data] = [small(), images(8)];
    const runs = [
      () => featureMaps(net, image, view),
      () => saliency(net, image, view),
      () => integratedGradients(net, image, view),
      () => occlusion(net, image, view),
      () => gradCam(net, image, view),
      () => topActivations(net, data, view),
      () => maximizeActivation(net, { ...view, unit: 0, steps: 1 }),
      () => histograms(net, data, view),
      () => unitReport(net, data, view),
      () => gradientNorms(net, data, view),
    ];
    for (const run of runs) {
      told.length = 0;
      await run();
      expect(told).toHaveLength(1);
      expect(told[0]).toBeGreaterThan(126 * 4);
    }
  });

  const twoInputs = () => {
    const [a, b] = [input([4], { name: "a" }), input([4], { name: "b" })];
    return model([a, b], dense(2)(add()(a, b)));
  };
  const wordings: readonly (readonly [() => unknown, string])[] = [
    [
      () => filters(small(), "scores"),
      'filters "scores": has no filters that are pictures: it is of kind dense, and its weights are [5, 3], [3] (expected a convolution of images, or a dense layer behind flatten). Layers with filters are first, second, hidden.',
    ],
    [
      () => filters(sequential(input(8, 2), conv1d(4, 3), flatten(), dense(2))),
      "filters: the network has no layer with filters.",
    ],
    [
      () => filters(small(), "maxPool2d"),
      'filters "maxPool2d": has no filters that are pictures: it is of kind maxPool2d, and it has no weights (expected a convolution of images, or a dense layer behind flatten). Layers with filters are first, second, hidden.',
    ],
    [
      () => filters(small(), "frist"),
      'filters: there is no layer "frist" (expected one of input, first, maxPool2d, second, flatten, hidden, scores). Did you mean "first".',
    ],
    [
      () => featureMaps(small(), image, { layer: "hidden" }),
      'featureMaps "hidden": has no maps: it is a layer of kind dense whose output has no height and width (expected an output of [height, width, channels], received [5]). Layers with maps are first, maxPool2d, second.',
    ],
    [
      () => featureMaps(small(), image.subarray(1)),
      "featureMaps: the image does not fit the network's input (expected 126 values for [9, 7, 2], received 125).",
    ],
    [() => saliency(small(), image, { unit: 3 }), "saliency: there is no such unit (expected 0 … 2, received 3)."],
    [
      () => saliency(small(), image, { layer: "first", unit: [9, 0, 0] }),
      "saliency: there is no such unit (expected 0 … 2, or a place in [9, 7, 3], received [9,0,0]).",
    ],
    [() => saliency(twoInputs(), image), "saliency: looks at networks with one input (received a, b)."],
    [
      () => saliency(sequential(input(9, 7, 2), flatten(), stopGradient(), dense(2)), image),
      'saliency: "dense" does not depend on "input". Choose a layer that lies before it.',
    ],
    [
      () => gradCam(sequential(input(4), dense(2)), image),
      "gradCam: the network has no layer with maps of more than one pixel.",
    ],
    [
      () => gradCam(small(), image, { method: "gradcam" as "gradCam" }),
      'gradCam: unknown method "gradcam" (expected one of gradCam, gradCam++). Did you mean "gradCam".',
    ],
    [
      () => occlusion(sequential(input(4), dense(2)), new Float32Array(4)),
      "occlusion: needs a network that takes images (expected [height, width, channels], received [4]).",
    ],
    [
      () => occlusion(small(), image, { stride: 0 }),
      "occlusion: wrong stride (expected a whole number ≥ 1 or two of them, [vertical, horizontal], received 0).",
    ],
    [
      () => integratedGradients(small(), image, { baseline: new Float32Array(3) }),
      "integrated gradients: baseline: the image does not fit the network's input (expected 126 values for [9, 7, 2], received 3).",
    ],
    [
      () => topActivations(small(), images(2), { units: [3] }),
      "topActivations: there is no such unit (expected 0 … 2, received 3).",
    ],
    [
      () => unitReport(sequential(input(9, 7, 2), flatten(), dense(3)), images(2)),
      "unitReport: the network has no activation that can die or saturate (expected one of relu, relu6, sigmoid, hardSigmoid, tanh, hardTanh, softsign).",
    ],
    [
      () => unitReport(sequential(input(4), dense(2, { activation: "relu" })), images(2)),
      'unitReport: examples of "data" do not fit the network\'s input (expected [4], received [9, 7, 2]).',
    ],
    [
      () => gradientNorms(small(), images(2), { loss: "meanSquaredError" }),
      'gradientNorms: targets of "data" do not suit the loss "meanSquaredError" (expected numbers, 3 for each example, received labels, 1).',
    ],
    [
      () => maximizeActivation(small(), { unit: 0, range: [1, 0] }),
      "maximizeActivation: wrong range (expected two numbers, the lower first, received -1).",
    ],
    [() => filterEvolution({}), "filterEvolution: got no models. Give one or more."],
    [
      () => filterEvolution({ one: small(), other: sequential(input(9, 7, 2), conv2d(5, 3), flatten(), dense(2)) }),
      'filterEvolution "other": is a model of another network (expected 3 filters [3, 3, 2], received 5 filters [3, 3, 2]).',
    ],
  ];
  it.each(wordings.map(([body, message]) => [message, body] as const))("refuses: %s", async (message, body) => {
    const outcome = (async () => body())();
    await expect(outcome).rejects.toThrow(expect.objectContaining({ name: "FoveaError", message }));
  });
});

describe("a unit before its activation", () => {
  it("of a network that ends in a softmax is the class's logit, unless its probability is asked for", async () => {
    const logits = small();
    const net = model(logits.network.inputs[0]!.tensor, softmax()(logits.network.outputs[0]!));
    for (const name of logits.weightNames) net.setWeight(name, logits.weight(name));
    const same = await saliency(logits, image, { unit: 1, ...options });
    const own = await saliency(net, image, { unit: 1, ...options });
    expect(own.values).toEqual(same.values);
    expect(own.target).toMatchObject({ value: same.target.value, preActivation: true });
    expect(same.target.preActivation).toBeUndefined();
    const after = await saliency(net, image, { unit: 1, preActivation: false, ...options });
    const [probability] = (await net.predict(image, options)).subarray(1);
    expect(after.target.value).toBe(probability);
    expect(after.values).not.toEqual(own.values);
    const [covered, cam, made] = [
      await occlusion(net, image, { unit: 1, ...options }),
      await gradCam(net, image, { unit: 1, ...options }),
      await maximizeActivation(net, { unit: 1, steps: 3, ...options }),
    ];
    expect(covered.values).toEqual((await occlusion(logits, image, { unit: 1, ...options })).values);
    expect(cam.values).toEqual((await gradCam(logits, image, { unit: 1, ...options })).values);
    expect(made.history).toEqual((await maximizeActivation(logits, { unit: 1, steps: 3, ...options })).history);
  });

  it("of a layer with an activation is what that is taken of", async () => {
    const net = small();
    const given = { layer: "second", unit: [0, 0, 1], ...options } as const;
    const [after, before] = [
      await saliency(net, image, given),
      await saliency(net, image, { ...given, preActivation: true }),
    ];
    expect(Math.max(0, before.target.value)).toBeCloseTo(after.target.value, 6);
    const sigmoid = (value: number) => 1 / (1 + Math.exp(-value));
    const hidden = { layer: "hidden", unit: 2, ...options } as const;
    const pair = [await saliency(net, image, hidden), await saliency(net, image, { ...hidden, preActivation: true })];
    expect(sigmoid(pair[1]!.target.value)).toBeCloseTo(pair[0]!.target.value, 6);
    // a layer without one has nothing before it
    const scores = await saliency(net, image, { layer: "scores", unit: 2, preActivation: true, ...options });
    expect(scores.values).toEqual((await saliency(net, image, { layer: "scores", unit: 2, ...options })).values);
    await expect(saliency(net, image, { preActivation: 1 as never })).rejects.toThrow(/wrong preActivation/);
  });
});
