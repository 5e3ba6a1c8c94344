import { readFileSync } from "node:fs";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { type Dataset, dataset, lazyDataset, take } from "../../src/data/dataset.js";
import { strokes } from "../../src/data/strokes.js";
import {
  activation,
  conv2d,
  dense,
  flatten,
  globalAveragePool2d,
  input,
  type Model,
  sequential,
  sgd,
  softmax,
} from "../../src/index.js";
import {
  adversarialImages,
  attackCurve,
  calibrationDiagram,
  confusion,
  foolingImages,
  geometryCurve,
  mistakes,
  noiseCurve,
  predictions,
  rejection,
} from "../../src/inspect/index.js";
import { calibration, rejectionCurve, rejectionFor } from "../../src/train/metrics/index.js";
import { formulaValues } from "../fixtures/formula.js";

const options = { threads: 1 } as const;

interface AttackEntry {
  readonly method: "fgsm" | "pgd";
  readonly epsilon: number;
  readonly target?: number;
  readonly stepSize?: number;
  readonly every: number;
  readonly steps: readonly (readonly number[])[];
  readonly predicted: readonly number[];
  readonly probabilities: readonly number[];
}

interface Point {
  readonly threshold: number;
  readonly rejected: number;
  readonly error: number;
}

/** Written by test/fixtures/robustness.py: PyTorch and NumPy. */
const fixture: {
  readonly attacks: readonly AttackEntry[];
  readonly labels: readonly number[];
  readonly calibration: {
    readonly bins: number;
    readonly counts: readonly number[];
    readonly expectedError: number;
    readonly largestError: number;
    readonly accuracy: number;
    readonly confidence: number;
  };
  readonly rejection: Readonly<Record<"confidence" | "margin", readonly Point[]>>;
} = JSON.parse(readFileSync(new URL("../fixtures/robustness.json", import.meta.url), "utf8"));

/** The network of the fixture; with a softmax at its end, attacks must be the same. */
function attacked(...end: Parameters<typeof sequential>[1][]): Model {
  const net = sequential(
    input(10, 9, 3),
    conv2d(6, 3, { padding: 1, activation: "tanh" }),
    conv2d(8, 3, { stride: 2, padding: 1, activation: "tanh" }),
    globalAveragePool2d(),
    dense(5),
    ...end,
  ).initialize(0);
  const scales = [0.5, 0.25, 0.5, 0.25, 2, 0.25];
  net.network.weights.forEach(({ name, shape }, i) => {
    net.setWeight(name, formulaValues(i + 1, shape, scales[i]!));
  });
  return net;
}

const images = dataset({
  inputs: formulaValues(0, [6, 10, 9, 3]).map((value) => (value + 1) / 2),
  targets: Int32Array.of(0, 1, 2, 3, 4, 0),
  shape: [10, 9, 3],
  classes: 5,
});

const flat = (list: readonly { readonly changed: Float32Array }[]) => list.flatMap(({ changed }) => [...changed]);

describe("attacks are PyTorch's", () => {
  it.each(fixture.attacks.map((entry) => [`${entry.method} ${entry.target ?? ""}`, entry] as const))(
    "%s, step by step",
    async (_, entry) => {
      const { method, epsilon, target, stepSize, every, steps } = entry;
      for (const net of [attacked(), attacked(softmax()), attacked(activation("softmax"))]) {
        for (const [i, expected] of steps.entries()) {
          const settings = { method, epsilon, target, stepSize, steps: i + 1, range: [0, 1], ...options } as const;
          const view = await adversarialImages(net, images, settings);
          const found = flat(view.images).filter((_, k) => k % every === 0);
          expect(found).toHaveLength(expected.length);
          // the signs are the same, so that only the rounding of sums of ε is left
          found.forEach((value, k) => {
            expect(Math.abs(value - expected[k]!)).toBeLessThan(1e-6);
          });
          if (i < steps.length - 1) continue;
          expect(view.images.map(({ after }) => after.class)).toEqual(entry.predicted);
          view.images.forEach(({ after }, k) => {
            expect(Math.abs(after.probability - entry.probabilities[k]!)).toBeLessThan(1e-5);
          });
        }
      }
    },
  );
});

describe("calibration and rejection are NumPy's", () => {
  const scores = formulaValues(7, [200, 5], 4);
  const probabilities = new Float64Array(1000);
  for (let i = 0; i < 200; i++) {
    const powers = [...scores.subarray(5 * i, 5 * i + 5)].map(Math.exp);
    const sum = powers.reduce((a, b) => a + b, 0);
    powers.forEach((power, c) => {
      probabilities[5 * i + c] = power / sum;
    });
  }

  it("calibration", () => {
    const { bins, counts, ...numbers } = fixture.calibration;
    const found = calibration(fixture.labels, probabilities, 5, { bins });
    expect(found.bins.map(({ count }) => count)).toEqual(counts);
    for (const [name, value] of Object.entries(numbers)) {
      expect(found[name as keyof typeof numbers], name).toBeCloseTo(value, 12);
    }
  });

  it.each(["confidence", "margin"] as const)("rejection by %s", (by) => {
    const found = rejectionCurve(fixture.labels, probabilities, 5, { by });
    const expected = fixture.rejection[by];
    expect(found).toHaveLength(expected.length);
    found.forEach(({ threshold, rejected, error }, i) => {
      expect(threshold).toBeCloseTo(expected[i]!.threshold, 12);
      expect(rejected).toBeCloseTo(expected[i]!.rejected, 12);
      expect(error).toBeCloseTo(expected[i]!.error, 12);
    });
  });

  /** Examples of three classes with labels, in tenths so that scores are often equal. */
  const judged = fc.array(
    fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 10 }), fc.integer({ min: 0, max: 10 })),
    { minLength: 1, maxLength: 40 },
  );

  it("hold for any scores", () => {
    fc.assert(
      fc.property(judged, fc.integer({ min: 1, max: 12 }), (rows, bins) => {
        const labels = rows.map(([label]) => label);
        const values = rows.flatMap(([, a, b]) => {
          const [first, second] = [a / 10, ((1 - a / 10) * b) / 10];
          return [first, second, Math.max(0, 1 - first - second)];
        });
        const found = calibration(labels, values, 3, { bins });
        expect(found.bins.reduce((sum, { count }) => sum + count, 0)).toBe(rows.length);
        expect(found.expectedError).toBeGreaterThanOrEqual(Math.abs(found.accuracy - found.confidence) - 1e-12);
        expect(found.largestError).toBeGreaterThanOrEqual(found.expectedError - 1e-12);
        const curve = rejectionCurve(labels, values, 3);
        expect(curve[0]!.rejected).toBe(0);
        expect(curve[0]!.error).toBeCloseTo(1 - found.accuracy, 12);
        curve.forEach((point, i) => {
          if (i === 0) return;
          expect(point.rejected).toBeGreaterThan(curve[i - 1]!.rejected);
          expect(point.threshold).toBeGreaterThan(curve[i - 1]!.threshold);
          // naively: those that are left
          const left = rows.flatMap((_, k) => {
            const own = values.slice(3 * k, 3 * k + 3);
            const sure = Math.max(...own);
            return sure >= point.threshold ? [own.indexOf(sure) === labels[k]] : [];
          });
          expect(point.rejected).toBeCloseTo(1 - left.length / rows.length, 12);
          expect(point.error).toBeCloseTo(left.filter((isRight) => !isRight).length / left.length, 12);
        });
        const wanted = rejectionFor(curve, 0.2);
        if (wanted === undefined) expect(curve.every(({ error }) => error > 0.2)).toBe(true);
        else expect(curve.every(({ rejected, error }) => rejected >= wanted.rejected || error > 0.2)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    [() => calibration([0], [0.5, 0.5], 2, { bins: 0 }), /^calibration: wrong bins \(expected a whole number ≥ 1/],
    [() => calibration([0], [3, 1], 2), /^calibration: scores of example 0 are no probabilities/],
    [() => calibration([2], [0.5, 0.5], 2), /^calibration: example 0 is of no class/],
    [() => rejectionCurve([0], [1], 1), /^rejectionCurve: wrong classes/],
    [() => rejectionFor([], 2), /^rejectionFor: wrong error \(expected a number from 0 to 1, received 2\)/],
  ])("refuse %#", (run, message) => {
    expect(run).toThrow(message);
  });
});

describe("on digits", () => {
  let net: Model;
  let test: Dataset;

  beforeAll(async () => {
    const digits = await strokes({ train: 400, test: 120 });
    test = digits.test;
    net = sequential(
      input(28, 28, 1),
      conv2d(6, 5, { stride: 2, activation: "relu" }),
      flatten(),
      dense(10),
    ).initialize(1);
    await net.fit(digits.train, { loss: "crossEntropy", optimizer: sgd(0.05), epochs: 6, progress: false, ...options });
  });

  it("nothing changes at level 0, and everything is the same for the same seed", async () => {
    const { accuracy } = await net.evaluate(test, options);
    const curves = async (seed: number) => [
      await noiseCurve(net, test, { levels: [0, 0.3], seed, ...options }),
      await geometryCurve(net, test, "rotation", { levels: [0, 40], seed, ...options }),
      await geometryCurve(net, test, "shift", { levels: [0, 4], seed, ...options }),
      await geometryCurve(net, test, "scale", { levels: [1, 0.6], seed, ...options }),
      await attackCurve(net, test, { epsilons: [0, 0.1], method: "fgsm", seed, ...options }),
      await attackCurve(net, test, { epsilons: [0, 0.1], steps: 3, randomStart: true, seed, ...options }),
    ];
    const [first, second, other] = [await curves(0), await curves(0), await curves(1)];
    for (const curve of first) expect(curve.accuracy[0]).toBeCloseTo(accuracy!, 12);
    expect(second).toEqual(first);
    expect(other[0]!.samples[1]).not.toEqual(first[0]!.samples[1]);
    expect(other[5]!.samples[1]).not.toEqual(first[5]!.samples[1]);
    // what is measured at a level does not depend on the other levels
    const alone = await noiseCurve(net, test, { levels: [0.3], ...options });
    expect(alone.accuracy[0]).toBe(first[0]!.accuracy[1]);
  });

  it("movements are where they should be", async () => {
    const { samples } = await geometryCurve(net, test, "shift", { levels: [0, 3], ...options });
    const [at, moved] = [samples[0]!, samples[1]!];
    const sides = [3, -3].flatMap((d) => [
      [0, d],
      [d, 0],
    ]);
    const fits = sides.filter(([dy, dx]) =>
      moved.every((value, i) => {
        const [y, x] = [Math.floor(i / 28) + dy!, (i % 28) + dx!];
        const inside = y >= 0 && y < 28 && x >= 0 && x < 28;
        return value === (inside ? at[y * 28 + x]! : 0);
      }),
    );
    expect(fits).toHaveLength(1);
    const turned = await geometryCurve(net, test, "rotation", { levels: [180], ...options });
    // up to the rounding of interpolated bytes
    at.forEach((value, i) => {
      expect(Math.abs(turned.samples[0]![783 - i]! - value)).toBeLessThan(1.5 / 255);
    });
  });

  it("attacks stay within their limits, and PGD is at least as strong as FGSM", async () => {
    for (const settings of [
      { method: "fgsm" },
      { method: "pgd", steps: 8 },
      { target: 3, randomStart: true },
    ] as const) {
      const { images: found } = await adversarialImages(net, take(test, 30), {
        epsilon: 0.07,
        ...settings,
        ...options,
      });
      for (const { original, changed } of found) {
        changed.forEach((value, i) => {
          expect(value).toBeGreaterThanOrEqual(0);
          expect(value).toBeLessThanOrEqual(1);
          expect(Math.abs(value - original[i]!)).toBeLessThan(0.07 + 1e-6);
        });
      }
    }
    const curve = (method: "fgsm" | "pgd") =>
      attackCurve(net, test, { method, epsilons: [0, 0.05, 0.1, 0.2], ...options });
    const [fgsm, pgd] = [await curve("fgsm"), await curve("pgd")];
    expect(fgsm.success![0]).toBe(0);
    expect(fgsm.success!.at(-1)).toBeGreaterThan(0.5);
    pgd.success!.forEach((success, i) => {
      expect(success).toBeGreaterThanOrEqual(fgsm.success![i]! - 0.03);
    });
    const aimed = await attackCurve(net, test, { target: 8, epsilons: [0, 0.3], ...options });
    expect(aimed.target).toBe("8");
    expect(aimed.success![1]).toBeGreaterThan(0.5);
  });

  it("noise is made to fool it", async () => {
    const { images: found } = await foolingImages(net, { classes: [2, 5], ...options });
    for (const { class: label, values, probability, reached, history, steps } of found) {
      expect(reached).toBe(true);
      expect(probability).toBeGreaterThanOrEqual(0.99);
      expect(history).toHaveLength(steps + 1);
      expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...values)).toBeLessThanOrEqual(1);
      const scores = await net.predict(values, { probabilities: true, ...options });
      expect(scores[label]).toBeCloseTo(probability, 5);
    }
    const few = await foolingImages(net, { classes: [2], steps: 1, ...options });
    expect(few.images[0]).toMatchObject({ reached: false, steps: 1 });
  });

  it("predictions, mistakes, confusion, calibration and rejection tell of the same examples", async () => {
    const scores = await net.predict(test.inputs, { probabilities: true, ...options });
    const all = await predictions(net, test, { count: 120, ...options });
    const worst = await mistakes(net, test, { count: 120, ...options });
    const { matrix, accuracy } = await confusion(net, test, options);
    expect(all.wrong).toBe(worst.predictions.length);
    expect(all.wrong).toBe(Math.round((1 - accuracy) * 120));
    expect(all.wrong).toBeGreaterThan(0);
    for (const { example, label, predicted, probability } of all.predictions) {
      expect(label).toBe(test.targets[example]);
      expect(scores[example * 10 + predicted]).toBeCloseTo(probability, 5);
    }
    const sure = worst.predictions.map(({ probability }) => probability);
    expect(sure).toEqual([...sure].sort((a, b) => b - a));
    expect(worst.predictions.every(({ label, predicted }) => label !== predicted)).toBe(true);
    expect(matrix.flat().reduce((a, b) => a + b)).toBe(120);
    const diagram = await calibrationDiagram(net, test, options);
    expect(diagram.accuracy).toBeCloseTo(accuracy, 12);
    const { curves } = await rejection(net, test, { error: 0, ...options });
    for (const { points, chosen } of curves) {
      expect(points[0]!.error).toBeCloseTo(1 - accuracy, 12);
      expect(chosen?.error).toBe(0);
    }
  });

  it("examples that are read one by one give the same", async () => {
    const lazy = lazyDataset({
      length: test.length,
      shape: test.shape,
      inputType: "uint8",
      targets: test.targets as Int32Array,
      classes: test.classes,
      read: (index, inputs) => inputs.set(test.inputs.subarray(784 * index, 784 * (index + 1))),
    });
    const settings = { levels: [0.2], ...options };
    expect((await noiseCurve(net, lazy, settings)).accuracy).toEqual((await noiseCurve(net, test, settings)).accuracy);
    expect((await mistakes(net, lazy, options)).images).toEqual((await mistakes(net, test, options)).images);
  });

  it("bad options are refused", async () => {
    const flatNet = sequential(input(4), dense(1)).initialize(0);
    const line = dataset({ inputs: new Float32Array(8), targets: new Float32Array(2), shape: [4] });
    const cases: [() => Promise<unknown>, RegExp][] = [
      [
        () => noiseCurve(net, test, { levels: [-1] }),
        /^noiseCurve: wrong levels \(expected levels that the change can have, received -1\)/,
      ],
      [() => noiseCurve(net, test, { levels: [] }), /^noiseCurve: wrong levels/],
      [() => noiseCurve(net, test, { range: [1, 0] }), /^noiseCurve: wrong range/],
      [() => geometryCurve(net, test, "turn" as never), /^geometryCurve: unknown change "turn"/],
      [() => geometryCurve(net, test, "scale", { levels: [0] }), /^geometryCurve: wrong levels/],
      [
        () => geometryCurve(attacked(), images, "shift"),
        /^geometryCurve: images of "data" cannot be moved .*expected bytes/,
      ],
      [() => attackCurve(net, test, { epsilons: [2] }), /^attackCurve: wrong epsilons/],
      [
        () => attackCurve(net, test, { target: 10 }),
        /^attackCurve: there is no such target \(expected 0 … 9, received 10\)/,
      ],
      [() => adversarialImages(net, test, { method: "cw" as never }), /^adversarialImages: unknown method "cw"/],
      [
        () => foolingImages(net, { classes: [11] }),
        /^foolingImages: wrong classes \(expected some of 0 … 9, received 11\)/,
      ],
      [() => foolingImages(net, { confidence: 1.2 }), /^foolingImages: wrong confidence/],
      [() => predictions(flatNet, line), /^predictions: needs a classifier \(expected an output of one score for each/],
      [() => rejection(net, test, { error: -1 }), /^rejection: wrong error/],
      [() => calibrationDiagram(net, images), /^calibrationDiagram: examples of "data" do not fit the network's input/],
      [() => mistakes(net, test, { count: 0 }), /^mistakes: wrong count/],
    ];
    for (const [run, message] of cases) await expect(run()).rejects.toThrow(message);
  });
});
