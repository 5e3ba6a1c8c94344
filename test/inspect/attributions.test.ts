import { describe, expect, it } from "vitest";
import { readImage } from "../../src/data/images.js";
import {
  deconvnet,
  gradCam,
  guidedBackpropagation,
  integratedGradients,
  occlusion,
  saliency,
} from "../../src/inspect/index.js";
import { gradientGraph } from "../../src/inspect/probe.js";
import type { Model } from "../../src/train/model.js";
import { torchName } from "../../src/zoo/pretrained.js";
import { formulaValues } from "../fixtures/formula.js";
import { loadFixture } from "../fixtures/load.js";
import { relativeErrorOf } from "../harness/bounds.js";
import { expectWithin } from "../harness/compare.js";
import {
  cifarImage,
  pretrained,
  smallResNet,
  smallSqueezeNet,
  standardized,
  trainedResNet20,
  trainedSqueezeNet,
} from "./networks.js";

interface Sampled {
  readonly every: number;
  readonly values: readonly number[];
  readonly norm: number;
  readonly sum: number;
}

interface Entry {
  readonly name: string;
  readonly image?: number | string;
  readonly target: number;
  /** Size and stride. */
  readonly occlusion: readonly [number, number];
  readonly weights?: readonly {
    readonly name: string;
    readonly tensor: number;
    readonly scale: number;
    readonly offset: number;
  }[];
  readonly attributions: Readonly<Record<string, Sampled>>;
}

const { entries } = loadFixture<Entry>("attributions.json");
const entryOf = (name: string, image?: number | string) =>
  entries.find((each) => each.name === name && each.image === image)!;

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  a.forEach((value, i) => {
    ab += (value - ma) * (b[i]! - mb);
    aa += (value - ma) ** 2;
    bb += (b[i]! - mb) ** 2;
  });
  return ab / Math.sqrt(aa * bb);
}

/** Every method of the fixture on a model, by the fixture's names. */
async function attribute(net: Model, image: Float32Array, entry: Entry, layer: string) {
  const [size, stride] = entry.occlusion;
  const wanted = entry.attributions;
  const found: Record<string, Float32Array> = {};
  const methods = {
    saliency: () => saliency(net, image),
    "guided backpropagation": () => guidedBackpropagation(net, image),
    deconvnet: () => deconvnet(net, image),
    "integrated gradients": () => integratedGradients(net, image, { steps: 20 }),
    occlusion: () => occlusion(net, image, { size, stride }),
  };
  for (const [name, run] of Object.entries(methods)) {
    if (!(name in wanted)) continue;
    const { values, target } = await run();
    expect(target.index).toEqual([entry.target]);
    found[name] = values;
  }
  for (const method of ["gradCam", "gradCam++"] as const) {
    const map = await gradCam(net, image, { layer, method });
    found[method] = map.values;
    if (method === "gradCam") found["gradCam enlarged"] = map.enlarged;
  }
  return found;
}

const normOf = (values: ArrayLike<number>) =>
  Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));

/**
 * How far a method may be off, as a part of the norm: the network's bound. Occlusion takes differences of outputs, and
 * errors of these are relative to the outputs' own size.
 *
 * A gradient jumps where a rectifier's argument is 0. Among the millions of arguments that integrated gradients meet in a
 * large network, some are as close to 0 as float32 can tell, and float64 may take the other side: `jumps` is what these
 * few may add.
 */
async function compare(net: Model, image: Float32Array, entry: Entry, layer: string, jumps = 0): Promise<void> {
  const { network } = net;
  const options = { target: network.outputs[0]!, wrt: [network.inputs[0]!.tensor] };
  const relative = relativeErrorOf(gradientGraph(network, options, "test"));
  const scores = await net.predict(image);
  const largest = scores.reduce((most, score) => Math.max(most, Math.abs(score)), 0);
  const found = await attribute(net, image, entry, layer);
  expect(Object.keys(found).sort()).toEqual(Object.keys(entry.attributions).sort());
  for (const [name, { every, values, norm, sum }] of Object.entries(entry.attributions)) {
    const all = found[name]!;
    const picked = [...all.filter((_, i) => i % every === 0)];
    expect(correlation(picked, values), name).toBeGreaterThan(0.9999);
    const kinks = name === "integrated gradients" ? jumps : 0;
    const own = (relative + kinks) * (name === "occlusion" ? 2 * largest * Math.sqrt(all.length) : norm);
    expectWithin(name, [normOf(picked.map((value, i) => value - values[i]!))], [0], () => own);
    expectWithin(`norm of ${name}`, [normOf(all)], [norm], () => own);
    const total = all.reduce((partial, value) => partial + value, 0);
    expectWithin(`sum of ${name}`, [total], [sum], () => own * Math.sqrt(all.length));
  }
}

describe("attributions are Captum's", () => {
  it.each([
    ["resnet", smallResNet, "block2.relu2"],
    ["squeezenet", smallSqueezeNet, "fire2"],
  ] as const)("on a small %s", async (name, make, layer) => {
    const entry = entryOf(name);
    const net = make();
    for (const { name: weight, shape } of net.network.weights) {
      const { tensor, scale, offset } = entry.weights!.find((each) => each.name === torchName(weight))!;
      net.setWeight(
        weight,
        formulaValues(tensor, shape, scale).map((value) => value + offset),
      );
    }
    await compare(net, formulaValues(0, [1, 14, 11, 3]), entry, layer);
  });

  describe.skipIf(pretrained === undefined)("with published weights (skipped without ../shared/data)", () => {
    it.each([0, 6])("on ResNet-20 for CIFAR-10, test image %i", async (index) => {
      const image = standardized(await cifarImage(index));
      await compare(trainedResNet20(), image, entryOf("cifar10_resnet20", index), "layer3.2.relu2", 0.01);
    });

    it("on SqueezeNet 1.1, a butterfly", async () => {
      const entry = entryOf("squeezenet1.1", "n02279972_monarch.png");
      const pixels = await readImage(`${pretrained}/photos/crop224/${entry.image}`, {
        height: 224,
        width: 224,
        channels: 3,
      });
      await compare(trainedSqueezeNet(), standardized(pixels), entry, "fire8", 0.01);
    });
  });
});
