import {
  bandPass,
  bandwidth,
  convolve,
  filterCharts,
  frequencyResponse,
  highPass,
  lowPass,
  movingAverage,
  windowWeights,
} from "fovea/signal";
import { describe, expect, test } from "vitest";
import { messageOf } from "../data/messages.js";
import { scipy } from "./numbers.js";

/** Filters of some dozen taps are sums of a dozen terms of at most 1, from functions that are off by an ulp. */
const tolerance = 1e-15;

const expectSame = (actual: ArrayLike<number>, expected: readonly number[]) => {
  expect(actual.length).toBe(expected.length);
  expect(Math.max(...expected.map((value, n) => Math.abs(value - actual[n]!)))).toBeLessThan(tolerance);
};

describe("windows and filters", () => {
  test.each(["hann", "hamming", "blackman"] as const)("%s is NumPy's", (name) => {
    expectSame(windowWeights(name, 9).values, scipy.windows[name]!);
  });

  test.each([
    ["lowPass(0.1, 21)", lowPass(0.1, 21)],
    ["lowPass(0.2, 15, blackman)", lowPass(0.2, 15, { window: "blackman" })],
    ["highPass(0.3, 21)", highPass(0.3, 21)],
    ["bandPass(0.1, 0.25, 31)", bandPass(0.1, 0.25, 31)],
  ])("%s is SciPy's", (name, filter) => expectSame(filter.values, scipy.filters[name]!));

  test("of one tap leave everything as it is", () => {
    expect([...windowWeights("hann", 1).values]).toEqual([1]);
    expect([...lowPass(0.2, 1).values]).toEqual([1]);
    expect([...movingAverage(1).values]).toEqual([1]);
  });
});

describe("frequency responses", () => {
  /** Magnitudes at frequencies within and without the band. */
  const split = (filter: ReturnType<typeof lowPass>, passes: (f: number) => boolean, stops: (f: number) => boolean) => {
    const { frequency, magnitude } = frequencyResponse(filter, { points: 501 });
    const where = (chosen: (f: number) => boolean) => [...magnitude].filter((_, k) => chosen(frequency[k]!));
    return { passed: Math.min(...where(passes)), stopped: Math.max(...where(stops)) };
  };

  // a Hamming window of 61 taps has transitions of 3.3/61 and lets 1/450 through (Oppenheim and Schafer)
  test.each([
    ["low", lowPass(0.2, 61), (f: number) => f < 0.17, (f: number) => f > 0.23],
    ["high", highPass(0.2, 61), (f: number) => f > 0.23, (f: number) => f < 0.17],
    ["band", bandPass(0.15, 0.3, 61), (f: number) => f > 0.18 && f < 0.27, (f: number) => f < 0.12 || f > 0.33],
  ])("of a %s-pass filter: 1 in the band, 0 outside of it", (_, filter, passes, stops) => {
    const { passed, stopped } = split(filter, passes, stops);
    expect(passed).toBeGreaterThan(0.995);
    expect(stopped).toBeLessThan(0.004);
  });

  test("of a moving average: |sin(πfP) / (P·sin(πf))|", () => {
    const taps = 7;
    const { frequency, magnitude, phase, decibels } = frequencyResponse(movingAverage(taps));
    for (let k = 1; k < frequency.length; k++) {
      const angle = Math.PI * frequency[k]!;
      expect(magnitude[k]).toBeCloseTo(Math.abs(Math.sin(taps * angle) / (taps * Math.sin(angle))), 12);
      expect(decibels[k]).toBe(20 * Math.log10(magnitude[k]!));
    }
    expect(magnitude[0]).toBeCloseTo(1, 14);
    // within the main lobe it is moved by the (P − 1)/2 = 3 samples of its centre
    expect(phase[20]).toBeCloseTo(-2 * Math.PI * frequency[20]! * 3, 12);
  });

  test("say what becomes of an oscillation", () => {
    const wave = Array.from({ length: 200 }, (_, n) => Math.cos(2 * Math.PI * 0.05 * n));
    const filter = lowPass(0.1, 31);
    const { magnitude } = frequencyResponse(filter, { points: 11 }); // 0, 0.05, 0.1, …
    const filtered = convolve(wave, filter, { mode: "valid" }).values;
    expect(Math.max(...filtered)).toBeCloseTo(magnitude[1]!, 3);
    const fast = Array.from({ length: 200 }, (_, n) => Math.cos(2 * Math.PI * 0.25 * n));
    expect(Math.max(...convolve(fast, filter, { mode: "valid" }).values)).toBeLessThan(0.003);
  });
});

describe("short in time is wide in frequency", () => {
  test("the width of a moving average, times its length, is that of sin(x)/x: 0.443", () => {
    // sinc(x) = 1/√2 at x = 0.442946…
    for (const taps of [20, 100, 500]) {
      expect(Math.abs(bandwidth(movingAverage(taps)) * taps - 0.442946)).toBeLessThan(0.2 / taps ** 2 + 1e-6);
    }
    expect(bandwidth([0.5, 0.5])).toBeCloseTo(0.25, 12);
  });

  test("and so for every window", () => {
    for (const window of ["hann", "hamming", "blackman"] as const) {
      const widths = [11, 21, 41, 81].map((taps) => bandwidth(windowWeights(window, taps)));
      for (let i = 1; i < widths.length; i++) {
        expect(widths[i]! / widths[i - 1]!).toBeGreaterThan(0.4);
        expect(widths[i]! / widths[i - 1]!).toBeLessThan(0.6);
      }
    }
  });

  test("is data for figures", () => {
    const charts = filterCharts(
      [
        { name: "short", taps: movingAverage(3) },
        { name: "long", taps: movingAverage(9) },
      ],
      { points: 5 },
    );
    expect(charts.time.filter(({ filter }) => filter === "short").map(({ time }) => time)).toEqual([-1, 0, 1]);
    expect(charts.frequency).toHaveLength(10);
    expect(charts.frequency.filter(({ frequency }) => frequency === 0).map(({ filter }) => filter)).toEqual([
      "short",
      "long",
    ]);
    expect(JSON.parse(JSON.stringify(charts))).toEqual(charts);
  });
});

test.each([
  [() => lowPass(0.6, 11), "lowPass: wrong cutoff (expected cycles per sample, above 0 and below 0.5, received 0.6)."],
  [() => highPass(0.2, 10), "highPass: wrong taps (expected an odd whole number ≥ 1, received 10)."],
  [() => bandPass(0.3, 0.2, 11), "bandPass: the band is empty (expected low < high, received 0.3 and 0.2)."],
  [
    () => lowPass(0.1, 11, { window: "haming" as "hamming" }),
    'lowPass: unknown window "haming" (expected one of rectangular, hann, hamming, blackman). Did you mean "hamming".',
  ],
  [() => movingAverage(0), "movingAverage: wrong taps (expected a whole number ≥ 1, received 0)."],
  [() => frequencyResponse([1], { points: 1 }), /^frequencyResponse: wrong points/],
  [() => bandwidth(highPass(0.2, 11)), /^bandwidth: the filter has no width around 0 \(expected a low-pass filter/],
  [() => bandwidth([1]), /^bandwidth: the filter has no width/],
  [() => filterCharts([]), "filterCharts: there are no filters."],
  [
    () => filterCharts([1, 2].map(() => ({ name: "a", taps: [1] }))),
    'filterCharts: two filters are called "a". Give each its own name.',
  ],
])("mistakes %#", async (call, message) => {
  const text = await messageOf(async () => call());
  if (typeof message === "string") expect(text).toBe(message);
  else expect(text).toMatch(message);
});
