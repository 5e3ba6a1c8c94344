import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Dataset, dataset, resized, strokes, take } from "../../src/data/index.js";
import { countParameters } from "../../src/model/network.js";
import { Model } from "../../src/train/model.js";
import { resnet9 } from "../../src/zoo/networks.js";
import { findRecipe, type Recipe, recipeData, recipes } from "../../src/zoo/recipes.js";
import { type RecipeSettings, recipeFit } from "../../src/zoo/training.js";

/** A narrower network in place of one that would take minutes here. */
const narrower: Readonly<Record<string, Partial<Recipe>>> = { "cifar-best": { network: () => resnet9({ width: 16 }) } };

/** Trains as `fovea train` does. */
async function train(recipe: Recipe, settings: Partial<RecipeSettings>, data: { train: Dataset; test: Dataset }) {
  const fit = recipeFit(recipe, { ...recipe.settings, ...settings }, data.train);
  const model = new Model({ ...recipe, ...narrower[recipe.name] }.network());
  await model.fit(fit.data, { ...fit.options, progress: false });
  return (await model.evaluate(data.test, { loss: recipe.loss })).accuracy!;
}

/** Generated digits as coloured images of CIFAR-10's size: a digit and its ground have colours by lot. */
function coloured(digits: Dataset): Dataset {
  const inputs = new Uint8Array(digits.length * 32 * 32 * 3);
  for (let i = 0; i < digits.length; i++) {
    for (let y = 0; y < 28; y++) {
      for (let x = 0; x < 28; x++) {
        const grey = digits.inputs[(i * 28 + y) * 28 + x]!;
        const to = ((i * 32 + y + 2) * 32 + x + 2) * 3;
        for (let channel = 0; channel < 3; channel++) inputs[to + channel] = (i >> channel) & 1 ? grey : grey >> 2;
      }
    }
  }
  return dataset({ inputs, targets: digits.targets, shape: [32, 32, 3], classes: digits.classes });
}

test("names are of one recipe each, and every cycle ends with the last step", async () => {
  expect(new Set(recipes.map(({ name }) => name)).size).toBe(recipes.length);
  const { train: digits } = await strokes({ train: 60, test: 10 });
  const cycling = recipes.filter(({ settings }) => settings.schedule === "oneCycle");
  expect(cycling.length).toBeGreaterThanOrEqual(4);
  for (const recipe of cycling) {
    expect(recipe.settings.patience).toBe(recipe.settings.epochs);
    const { options } = recipeFit(recipe, recipe.settings, digits);
    expect(options.schedule!(1e6)).toBeLessThan(1e-5);
  }
});

test.each([
  ["mnist-6k-best", 193_130, 576],
  ["mnist-best", 193_130, 576],
  ["cifar", 123_338, 0],
  ["cifar-best", 3_699_514, 3_360],
  ["fashion-cnn", 278_890, 832],
  ["all-conv", 153_898, 832],
  ["all-conv-pool", 107_626, 640],
] as const)("%s trains %i parameters beside %i running averages", (name, trained, averages) => {
  const { weights } = findRecipe(name).network();
  expect(countParameters(weights.filter(({ trainable }) => trainable))).toBe(trained);
  expect(countParameters(weights.filter(({ trainable }) => !trainable))).toBe(averages);
});

describe("on generated digits", async () => {
  const digits = await strokes({ train: 600, test: 200, seed: 3 });
  const colours = { train: coloured(digits.train), test: coloured(digits.test) };
  const size = { height: 16, width: 16 };
  const small = { train: resized(digits.train, size), test: resized(digits.test, size) };

  // measured: 0.95, 0.80, 0.92 and 0.60
  test.each([
    ["mnist-6k-best", digits, 3, 0.8],
    ["fashion-cnn", digits, 3, 0.5],
    ["cifar", colours, 5, 0.6],
    ["cifar-best", colours, 3, 0.3],
    ["zip-1989", small, 5, 0.4],
    ["all-conv", colours, 3, 0.2],
    ["pipeline-do2", digits, 5, 0.3],
  ] as const)("%s learns", async (name, data, epochs, least) => {
    const settings = { epochs, train: 600, batchSize: 20, patience: epochs };
    expect(await train(findRecipe(name), settings, data)).toBeGreaterThan(least);
  });
});

/** The whole recipes take minutes: their figures are in docs/systems.md. */
describe("on a part of the real data, for a few epochs,", () => {
  const folders = { digits: "mnist", cifar10: "cifar10", fashionMnist: "fashion-mnist" };
  // measured: 0.96, 0.97, 0.70, 0.36 and 0.34
  test.each([
    ["mnist-6k-best", { epochs: 2, train: 3000 }, 0.9],
    ["mnist-best", { epochs: 2, train: 3000, batchSize: 64 }, 0.9],
    ["fashion-cnn", { epochs: 2, train: 2000, batchSize: 32 }, 0.6],
    ["cifar", { epochs: 4, train: 1500, batchSize: 50 }, 0.25],
    ["cifar-best", { epochs: 3, train: 1000, batchSize: 20 }, 0.25],
    ["zip-1989", { epochs: 3, patience: 3 }, 0.9],
    ["all-conv", { epochs: 3, train: 1000, patience: 3 }, 0.2],
  ] as const)("%s reaches what it must", async (name, settings, least) => {
    const recipe = findRecipe(name);
    const folder = `../shared/data/${folders[recipe.data.name as keyof typeof folders] ?? folders.digits}`;
    if (!existsSync(folder)) {
      console.log(`skipped: ${folder} is not beside the checkout`);
      return;
    }
    const asked = { ...recipe.settings, ...settings };
    const { train: given, test } = await recipeData(recipe, asked);
    const data = { train: given, test: take(test, 500, { seed: 1 }) };
    expect(await train(recipe, asked, data)).toBeGreaterThan(least);
  });
});
