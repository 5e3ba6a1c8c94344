import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Callback, EpochLog, RunControl, RunEnd, StepLog } from "../../src/train/callbacks.js";
import { type ProgressOptions, progressBar } from "../../src/train/progress.js";
import { mnistShallow } from "../../src/zoo/networks.js";

/** A stream that keeps what is written, and a clock that stands still until it is moved. */
function terminal(options: { isTTY?: boolean; columns?: number } = {}) {
  const stream = {
    isTTY: options.isTTY ?? true,
    columns: options.columns ?? 120,
    text: "",
    write(text: string) {
      stream.text += text;
      return true;
    },
  };
  const clock = { time: 0 };
  return { stream, clock, now: () => clock.time };
}

const csi = "\u001b[";
const plain = (text: string) => text.replaceAll(new RegExp(`${csi.replace("[", "\\[")}[?0-9;]*[A-Za-z]`, "g"), "");

const control: RunControl = { stop() {}, keepWeights() {}, restoreWeights() {}, learningRate: 1, setLearningRate() {} };

const step: StepLog = {
  epoch: 3,
  epochs: 100,
  step: 84,
  steps: 108,
  examples: 4200,
  loss: 0.21337,
  accuracy: 0.93512,
  seconds: 0.34,
};

const epoch: EpochLog = {
  epoch: 3,
  loss: 0.21337,
  accuracy: 0.93512,
  validationLoss: 0.231,
  validationAccuracy: 0.931,
  learningRate: 0.02,
  seconds: 0.437,
  examplesPerSecond: 12345.4,
};

const end: RunEnd = { epochs: 3, stopped: undefined, weightsOfEpoch: 3, seconds: 12.34 };

function start(bar: Callback): void {
  bar.onStart?.({
    network: mnistShallow(),
    epochs: 100,
    stepsPerEpoch: 108,
    examples: 5400,
    validationExamples: 600,
    batchSize: 50,
    threads: 2,
    memoryBytes: 1000,
    history: [],
  });
}

/** The last drawing of the live line. */
function drawn(columns: number, log: Partial<StepLog> = {}, options: ProgressOptions = {}): string {
  const { stream, now } = terminal({ columns });
  const bar = progressBar({ stream, now, unicode: true, color: false, ...options });
  start(bar);
  bar.onStep?.({ ...step, ...log });
  bar.onEnd?.(end, control);
  return plain(stream.text.split("\r")[1]!);
}

describe("the live line", () => {
  test("has everything where there is room", () => {
    expect(drawn(120)).toBe(
      "epoch   3/100 ━━━━━━━━━━━━━━━━━━╸─────  84/108  12,353 img/s  loss 0.2134  acc 93.51 %  ETA 0:01",
    );
  });

  test("loses its least important parts as the terminal gets narrower", () => {
    expect(drawn(80)).toBe("epoch   3/100 ━━━━━━━━━━━━━━━╸────  84/108  loss 0.2134  acc 93.51 %  ETA 0:01");
    expect(drawn(66)).toBe("epoch   3/100 ━━━━━━━━━━━╸─── loss 0.2134  acc 93.51 %  ETA 0:01");
    expect(drawn(50)).toBe("epoch   3/100 ━━━━━━━── loss 0.2134  acc 93.51 %");
    expect(drawn(30)).toBe("epoch   3/100  loss 0.2134");
    expect(drawn(20)).toBe("epoch   3/100  loss");
  });

  test("never fills the last column", () => {
    for (let columns = 1; columns <= 130; columns++) {
      for (const log of [{}, { loss: 1e12 }, { loss: Number.NaN, accuracy: undefined }, { step: 108 }, { step: 0 }]) {
        expect(drawn(columns, log).length, `${columns} columns`).toBeLessThan(Math.max(columns, 1));
      }
    }
  });

  test("does without Unicode", () => {
    expect(drawn(80, {}, { unicode: false })).toBe(
      "epoch   3/100 ================----  84/108  loss 0.2134  acc 93.51 %  ETA 0:01",
    );
  });

  test("tells losses of any size, and long times", () => {
    expect(drawn(120, { loss: 0.0000231 })).toContain("loss 2.31e-5");
    expect(drawn(120, { loss: 123456 })).toContain("loss 1.235e+5");
    expect(drawn(120, { loss: 0 })).toContain("loss 0 ");
    expect(drawn(120, { seconds: 8400, step: 54 })).toContain("ETA 2:20:00");
    expect(drawn(120, { accuracy: undefined })).not.toContain("acc");
  });

  test("is drawn 15 times a second at most", () => {
    const { stream, clock, now } = terminal();
    const bar = progressBar({ stream, now });
    start(bar);
    for (; clock.time < 2000; clock.time++) bar.onStep?.(step);
    expect(stream.text.split("\r").length - 1).toBeGreaterThanOrEqual(28);
    expect(stream.text.split("\r").length - 1).toBeLessThanOrEqual(30);
    bar.onEnd?.(end, control);
  });

  test("goes up to its start where a narrower terminal has wrapped it", () => {
    const { stream, clock, now } = terminal({ columns: 120 });
    const bar = progressBar({ stream, now, color: false });
    start(bar);
    bar.onStep?.(step);
    stream.text = "";
    stream.columns = 60;
    clock.time = 1000;
    bar.onStep?.(step);
    expect(stream.text.startsWith(`${csi}1A\r${csi}J`)).toBe(true);
    bar.onEnd?.(end, control);
  });
});

describe("on a terminal", () => {
  test("an epoch ends as a line that stays, and the cursor comes back", () => {
    const { stream, now } = terminal();
    const bar = progressBar({ stream, now, unicode: true, color: false });
    const before = process.listenerCount("SIGINT");
    start(bar);
    expect(stream.text).toBe(`${csi}?25l`);
    expect(process.listenerCount("SIGINT")).toBe(before + 1);
    stream.text = "";
    bar.onEpoch?.(epoch, control);
    expect(stream.text).toBe(
      `\r${csi}Jepoch   3/100  loss 0.2134  acc 93.51 %  val loss 0.2310  val acc 93.10 %  0.44 s  12,345 img/s\n`,
    );
    stream.text = "";
    bar.onEnd?.(end, control);
    expect(stream.text).toBe(`\r${csi}Jfinished 3 epochs in 12.3 s; kept the weights of the last epoch\n${csi}?25h`);
    expect(process.listenerCount("SIGINT")).toBe(before);
  });

  test("lines that stay are cut to the terminal as well", () => {
    const { stream, now } = terminal({ columns: 60 });
    const bar = progressBar({ stream, now, color: false });
    start(bar);
    stream.text = "";
    bar.onEpoch?.(epoch, control);
    expect(plain(stream.text).trim()).toBe("epoch   3/100  loss 0.2134  val loss 0.2310  val acc 93.10 %");
    bar.onEnd?.(end, control);
  });

  test("colours are shown unless NO_COLOR is set", () => {
    const colored = (): boolean => {
      const { stream, now } = terminal();
      const bar = progressBar({ stream, now });
      start(bar);
      bar.onStep?.(step);
      bar.onEnd?.(end, control);
      return stream.text.includes(`${csi}32m`);
    };
    const before = process.env.NO_COLOR;
    delete process.env.NO_COLOR;
    expect(colored()).toBe(true);
    process.env.NO_COLOR = "1";
    expect(colored()).toBe(false);
    if (before === undefined) delete process.env.NO_COLOR;
    else process.env.NO_COLOR = before;
  });
});

describe("elsewhere", () => {
  test("there is one plain line per epoch", () => {
    const { stream, now } = terminal({ isTTY: false, columns: 20 });
    const bar = progressBar({ stream, now });
    start(bar);
    bar.onStep?.(step);
    bar.onEpoch?.(epoch, control);
    bar.onEpoch?.({ epoch: 4, loss: 0.5, learningRate: 0.1, seconds: 75, examplesPerSecond: 10 }, control);
    bar.onEnd?.(
      { epochs: 4, stopped: "validationLoss has not improved for 1 epoch", weightsOfEpoch: 3, seconds: 4000 },
      control,
    );
    expect(stream.text).toBe(
      [
        "epoch   3/100  loss 0.2134  acc 93.51 %  val loss 0.2310  val acc 93.10 %  0.44 s  12,345 img/s",
        "epoch   4/100  loss 0.5000  1 min 15 s  10 img/s",
        "stopped after epoch 4 of 100 (1 h 6 min): validationLoss has not improved for 1 epoch; " +
          "kept the weights of epoch 3, the best",
        "",
      ].join("\n"),
    );
  });
});

describe("the locale decides about Unicode", () => {
  const names = ["LC_ALL", "LC_CTYPE", "LANG"] as const;
  let before: (string | undefined)[];
  beforeEach(() => {
    before = names.map((name) => process.env[name]);
    for (const name of names) delete process.env[name];
  });
  afterEach(() => {
    names.forEach((name, i) => {
      const value = before[i];
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    });
  });

  test.runIf(process.platform !== "win32")("in the order of POSIX", () => {
    const unicode = () => drawn(80, {}, { unicode: undefined }).includes("━");
    expect(unicode()).toBe(false);
    process.env.LANG = "de_DE.UTF-8";
    expect(unicode()).toBe(true);
    process.env.LC_ALL = "C";
    expect(unicode()).toBe(false);
    process.env.LC_ALL = "C.utf8";
    expect(unicode()).toBe(true);
  });
});

test("unknown options are refused", () => {
  expect(() => progressBar({ steam: process.stderr } as object)).toThrow(
    'progressBar: unknown option "steam" (expected one of stream, now, columns, unicode, color). Did you mean "stream".',
  );
});
