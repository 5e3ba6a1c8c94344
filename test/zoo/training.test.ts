import { describe, expect, test } from "vitest";
import { strokes } from "../../src/data/index.js";
import { recipes } from "../../src/zoo/recipes.js";
import { type RecipeSettings, recipeFit, recipeObjective } from "../../src/zoo/training.js";
import { messageOf } from "../data/messages.js";

const { train } = await strokes({ train: 103, test: 10, seed: 1 });
const recipe = recipes[0]!;
const settings: RecipeSettings = { ...recipe.settings, batchSize: 10, epochs: 4, validation: 0.1 };
const rates = (asked: Partial<RecipeSettings>, steps: readonly number[]) => {
  const { schedule } = recipeFit(recipe, { ...settings, ...asked }, train).options;
  return schedule && steps.map((step) => Number(schedule(step).toFixed(6)));
};

describe("the settings of a recipe", () => {
  test("without more than the lectures' are those of stochastic gradient descent", () => {
    const { data, options } = recipeFit(recipe, settings, train);
    expect(data).toBe(train);
    expect(options).toMatchObject({ loss: "crossEntropy", batchSize: 10, epochs: 4 });
    expect(options).not.toHaveProperty("schedule");
    expect(options).not.toHaveProperty("augment");
    expect(JSON.parse(JSON.stringify(options.optimizer))).toEqual({
      kind: "sgd",
      learningRate: 0.02,
      momentum: 0.9,
      nesterov: true,
    });
  });

  // 93 examples to train on: 10 steps an epoch, 40 in all
  test("name schedules, which end with the last epoch", () => {
    expect(rates({ schedule: "cosine" }, [0, 20, 40])).toEqual([1, 0.5, 0]);
    expect(rates({ schedule: "linear", warmUp: 0.25 }, [0, 5, 10, 25, 40])).toEqual([0, 0.5, 1, 0.5, 0]);
    expect(rates({ warmUp: 0.25 }, [0, 5, 10, 39])).toEqual([0, 0.5, 1, 1]);
    expect(rates({ schedule: "oneCycle", warmUp: 0.25 }, [0, 9, 39])).toEqual([0.04, 1, 0.000004]);
    // an update for every second step
    expect(rates({ schedule: "cosine", accumulationSteps: 2 }, [0, 10, 20])).toEqual([1, 0.5, 0]);
    const { callbacks } = recipeFit(recipe, { ...settings, schedule: "plateau" }, train).options;
    expect(callbacks?.map(({ name }) => name)).toContain("reduceOnPlateau");
  });

  test("decay kernels alone", () => {
    for (const optimizer of ["sgd", "adamW", "lion"] as const) {
      const made = recipeObjective(recipe, { ...settings, optimizer, weightDecay: 0.1 }).optimizer;
      expect(made.groupOf("conv2d.kernel").weightDecay).toBe(0.1);
      expect(made.groupOf("separableConv2d.pointwiseKernel").weightDecay).toBe(0.1);
      expect(made.groupOf("conv2d.bias").weightDecay).toBe(0);
      expect(made.groupOf("batchNorm.gamma").weightDecay).toBe(0);
    }
  });

  test("make probabilities of labels where examples are mixed", () => {
    const { data, options } = recipeFit(recipe, { ...settings, augment: "flip,cutMix:1" }, train);
    expect(data.targetShape).toEqual([10]);
    expect(JSON.parse(JSON.stringify(options.loss))).toEqual({ kind: "crossEntropy", targets: "probabilities" });
  });

  test("balance classes by the training data", () => {
    const { loss } = recipeFit(recipe, { ...settings, balance: true }, train).options;
    const { classWeights } = JSON.parse(JSON.stringify(loss)) as { classWeights: number[] };
    expect(classWeights).toHaveLength(10);
    const labels = train.targets as Int32Array;
    expect(labels.reduce((sum, label) => sum + classWeights[label]!, 0)).toBeCloseTo(103, 4);
  });

  test("of labels do not go with other losses", async () => {
    const other = { loss: "meanSquaredError" } as const;
    expect(await messageOf(() => recipeFit(other, { ...settings, labelSmoothing: 0.1 }, train))).toBe(
      "settings: labelSmoothing, balance, mixUp and cutMix are for labels (expected the loss crossEntropy, received meanSquaredError).",
    );
  });
});
