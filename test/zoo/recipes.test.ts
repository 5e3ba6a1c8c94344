import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Dataset, dataset, strokes } from "../../src/data/index.js";
import { countParameters } from "../../src/model/network.js";
import { Model } from "../../src/train/model.js";
import { findRecipe, type Recipe, recipeData, recipes } from "../../src/zoo/recipes.js";
import { type RecipeSettings, recipeFit } from "../../src/zoo/training.js";

/** Trains as `fovea train` does. */
async function train(recipe: Recipe, settings: Partial<RecipeSettings>, data: { train: Dataset; test: Dataset }) {
  const fit = recipeFit(recipe, { ...recipe.settings, ...settings }, data.train);
  const model = new Model(recipe.network());
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

test("every recipe has a name and a row of its own table, and data that fit its network", async () => {
  expect(new Set(recipes.map(({ name }) => name)).size).toBe(recipes.length);
  const { train: digits } = await strokes({ train: 60, test: 10 });
  for (const recipe of recipes) {
    const { inputs, outputs } = recipe.network();
    expect(outputs.map(({ shape }) => shape)).toEqual([[10]]);
    const data = inputs[0]!.shape.length === 3 && inputs[0]!.shape[2] === 3 ? coloured(digits) : digits;
    expect(inputs[0]!.shape).toEqual(data.shape);
    const { options } = recipeFit(recipe, recipe.settings, data);
    // one cycle ends with the last step
    if (recipe.settings.schedule === "oneCycle") expect(options.schedule!(1e6)).toBeLessThan(1e-5);
    expect(recipe.settings.patience).toBeLessThanOrEqual(recipe.settings.epochs);
  }
});

test.each([
  ["mnist-6k-best", 193_130, 576],
  ["mnist-best", 193_130, 576],
  ["cifar", 123_338, 0],
  ["cifar-best", 1_646_122, 2_240],
  ["fashion-cnn", 278_890, 832],
] as const)("%s trains %i parameters beside %i running averages", (name, trained, averages) => {
  const { weights } = findRecipe(name).network();
  expect(countParameters(weights.filter(({ trainable }) => trainable))).toBe(trained);
  expect(countParameters(weights.filter(({ trainable }) => !trainable))).toBe(averages);
});

describe("on generated digits", async () => {
  const digits = await strokes({ train: 600, test: 200, seed: 3 });
  const colours = { train: coloured(digits.train), test: coloured(digits.test) };

  // half of what was measured with these numbers, and twice the lot at least
  test.each([
    ["mnist-6k-best", digits, 3, 0.5],
    ["fashion-cnn", digits, 3, 0.3],
    ["cifar", colours, 5, 0.3],
    ["cifar-best", colours, 3, 0.2],
  ] as const)("%s learns", async (name, data, epochs, least) => {
    const recipe = findRecipe(name);
    const accuracy = await train(recipe, { epochs, train: 600, batchSize: 20, patience: epochs }, data);
    console.log(name, accuracy);
    expect(accuracy).toBeGreaterThan(least);
  });
});

/** The whole recipes take minutes: their figures are in docs/systems.md. */
describe("a part of the real data, for a few epochs,", () => {
  test.each([
    ["mnist-6k-best", { epochs: 2, train: 3000 }, 0.9],
    ["mnist-best", { epochs: 2, train: 3000 }, 0.9],
    ["fashion-cnn", { epochs: 2, train: 2000 }, 0.6],
    ["cifar", { epochs: 4, train: 2000 }, 0.3],
    ["cifar-best", { epochs: 2, train: 1000 }, 0.2],
  ] as const)("%s reaches what it must", async (name, settings, least) => {
    const recipe = findRecipe(name);
    const folder = { digits: "mnist", cifar10: "cifar10", fashionMnist: "fashion-mnist" }[recipe.data.name];
    if (!existsSync(`../shared/data/${folder}`)) {
      console.log(`skipped: ../shared/data/${folder} is not beside the checkout`);
      return;
    }
    const asked = { ...recipe.settings, ...settings };
    const accuracy = await train(recipe, asked, await recipeData(recipe, asked));
    console.log(name, accuracy);
    expect(accuracy).toBeGreaterThan(least);
  });
});
