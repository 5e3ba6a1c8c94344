import { availableParallelism } from "node:os";
import { afterAll, describe, expect, it } from "vitest";
import { parseOptions } from "../../bench/options.js";
import { Table } from "../../bench/table.js";
import { median, runsTogether } from "../../bench/timing.js";
import { workloadNames } from "../../bench/workloads.js";
import { makePeers, run, short } from "./peers.js";

const peers = makePeers("bench");
afterAll(() => peers.remove());

describe("arguments", () => {
  it("have defaults", () => {
    expect(parseOptions([])).toEqual({
      mode: "workloads",
      json: false,
      threads: [availableParallelism()],
      only: workloadNames,
      seconds: 2,
      browser: false,
      narrow: false,
      python: "python3",
    });
  });

  it("come apart or joined with =", () => {
    const expected = { json: true, threads: [1, 2], only: ["mnist-deep-b50", "cifar-64-64-b32"], seconds: 0.5 };
    expect(
      parseOptions(["--json", "--threads", "1,2", "--only", "mnist-deep-b50,cifar-64-64-b32", "--seconds", "0.5"]),
    ).toMatchObject(expected);
    expect(
      parseOptions(["--seconds=0.5", "--only=mnist-deep-b50, cifar-64-64-b32", "--threads=1,2", "--json"]),
    ).toMatchObject(expected);
  });

  it("choose what is measured", () => {
    expect(parseOptions(["--vs-torch"])).toMatchObject({ mode: "vs-torch", python: "python3" });
    expect(parseOptions(["--vs-torch=/opt/python"])).toMatchObject({ mode: "vs-torch", python: "/opt/python" });
    expect(parseOptions(["--vs-tfjs"])).toMatchObject({ mode: "vs-tfjs", tfjs: undefined });
    expect(parseOptions(["--vs-tfjs=/opt/tfjs"])).toMatchObject({ mode: "vs-tfjs", tfjs: "/opt/tfjs" });
    expect(parseOptions(["--browser", "--vs-torch"])).toMatchObject({ mode: "vs-torch", browser: true });
    expect(parseOptions(["--profile", "--narrow"])).toMatchObject({ mode: "profile", narrow: true });
    expect(parseOptions(["--micro"]).mode).toBe("micro");
    expect(parseOptions(["--loader"])).toMatchObject({ mode: "loader", only: ["cifar-64-64-b32"] });
    expect(parseOptions(["--loader", "--only", "mnist-deep-b50"]).only).toEqual(["mnist-deep-b50"]);
    expect(parseOptions(["--help", "--micro"]).mode).toBe("help");
  });

  it.each([
    [["--only", "mnist-shalow-b50"], /unknown workload "mnist-shalow-b50" .*Did you mean "mnist-shallow-b50"\.$/],
    [["--micor"], /unknown option "--micor" .*Did you mean "--micro"\.$/],
    [["resnet"], /unknown option "resnet"/],
    [["--only"], /--only needs a value/],
    [["--only", "--json"], /--only needs a value/],
    [["--json=yes"], /--json takes no value \(received yes\)/],
    [["--threads", "0"], /--threads: wrong count \(expected 1 to 64, received 0\)/],
    [["--threads", "1,two"], /received two/],
    [["--seconds", "-1"], /--seconds: wrong number \(expected a number above 0, received -1\)/],
    [["--micro", "--profile"], /--profile and --micro exclude each other/],
    [["--micro", "--browser"], /--browser and --micro exclude each other/],
    [["--browser", "--narrow"], /--browser and --narrow exclude each other/],
  ])("%j: a mistake", (args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
  });

  it("with mistakes end with exit code 2, and nothing is measured", async () => {
    const { code, written, noted } = await run("--only", "mnist-shallow-b5");
    expect(code).toBe(2);
    expect(written).toEqual([]);
    expect(noted).toEqual([
      expect.stringMatching(/^error: bench: unknown workload .*Did you mean "mnist-shallow-b50"/),
    ]);
  });

  it("--help shows every workload", async () => {
    const { code, written } = await run("--help");
    expect(code).toBe(0);
    for (const name of workloadNames) expect(written.join("\n")).toContain(name);
  });
});

describe("results", () => {
  it("are one JSON object per workload and thread count", async () => {
    const { code, written, noted } = await run(...short, "--threads", "1,2", "--json");
    expect([code, noted]).toEqual([0, []]);
    const lines = written.map((line) => JSON.parse(line));
    expect(lines.map(({ threads }) => threads)).toEqual([1, 2]);
    for (const line of lines) {
      expect(line).toEqual({
        peer: "fovea",
        threads: expect.any(Number),
        name: "mnist-shallow-b50",
        train_ms: expect.any(Number),
        infer_ms: expect.any(Number),
        width: expect.any(Number),
        gflops: expect.any(Number),
        peak_fraction: expect.any(Number),
        arena_mb: expect.any(Number),
        memory_mb: expect.any(Number),
        compile_ms: expect.any(Number),
      });
      for (const value of [line.train_ms, line.infer_ms, line.arena_mb]) expect(value).toBeGreaterThan(0);
      // weights and Nesterov's momentum, each padded to cache lines
      expect(line.memory_mb - line.arena_mb).toBeCloseTo((2 * 4 * 98_820) / 1e6, 2);
    }
  });

  it("are a table under the measured peak, of 128-bit vectors with --narrow", async () => {
    const { written } = await run(...short, "--narrow");
    expect(written[1]).toMatch(/^measured peak: \d+ GFLOP\/s per core \(128 bit, /);
    expect(written[3]).toMatch(/^workload +threads +arena MB +with variables$/);
    expect(written[4]).toMatch(/^mnist-shallow-b50 +1 +[\d.]+ +[\d.]+$/);
    expect(written[6]).toMatch(/^workload +threads +train ms +infer ms +GFLOP\/s +of peak +compile ms$/);
    expect(written[7]).toMatch(/^mnist-shallow-b50 +1 +[\d.]+ +[\d.]+ +[\d.]+ +\d+ % +\d+$/);
    expect(written.length).toBe(8);
  });

  it("of --loader are a step's times with and without augmentation, and what that takes by itself", async () => {
    const { code, written } = await run("--loader", ...short, "--json");
    expect(code).toBe(0);
    const { name, threads, still_ms, varied_ms, ratio, augment_ms } = JSON.parse(written[0]!);
    expect([written.length, name, threads]).toEqual([1, "mnist-shallow-b50", 1]);
    for (const time of [still_ms, varied_ms, ratio, augment_ms]) expect(time).toBeGreaterThan(0);
    const table = await run("--loader", ...short);
    expect(table.written).toContainEqual("augmentation: randomCrop, flip, rotate, brightness, saturation");
    expect(table.written.at(-1)).toMatch(/^mnist-shallow-b50 +1( +[\d.]+){4}$/);
  });

  it("of --profile are a line per phase, the longest first, with the speed of products", async () => {
    const { code, written } = await run(...short, "--profile", "--json");
    expect(code).toBe(0);
    const lines = written.map((line) => JSON.parse(line));
    expect(lines.find(({ op }) => op === "convFilterGradient")).toMatchObject({
      name: "mnist-shallow-b50",
      purpose: "train",
      layer: "conv2d",
    });
    expect(lines.filter(({ gflops }) => gflops > 0).every(({ op }) => /^(conv|matmul)/.test(op))).toBe(true);
    const training = lines.filter(({ purpose }) => purpose === "train").map(({ ms }) => ms);
    expect(training).toEqual([...training].sort((a, b) => b - a));
    expect(lines.some(({ purpose }) => purpose === "infer")).toBe(true);
  });
});

describe.skipIf(process.platform === "win32")("--vs-torch", () => {
  it("gives ratios, and whether the target is met", async () => {
    const slow = await run(...short, "--json", `--vs-torch=${peers.python("slow", 1e6, 1e6, 1e6)}`);
    expect(slow.code).toBe(0);
    const line = JSON.parse(slow.written[0]!);
    expect(line).toEqual({
      peer: "bench/torch_bench.py --only mnist-shallow-b50 --threads 1 --seconds 0.05",
      threads: 1,
      torch_threads: 1,
      name: "mnist-shallow-b50",
      width: expect.any(Number),
      train_ms: expect.any(Number),
      train_torch_ms: 1e6,
      train_ratio: expect.any(Number),
      infer_ms: expect.any(Number),
      infer_torch_ms: 1e6,
      infer_ratio: expect.any(Number),
      target: line.width === 256 ? 0.5 : 2,
      met: true,
      arena_mb: expect.any(Number),
      memory_mb: expect.any(Number),
      torch_peak_mb: 1e6,
      memory_met: true,
    });
    expect(slow.noted).toEqual([
      "1 of 1 training steps need no more memory than PyTorch's",
      expect.stringMatching(/^1 of 1 targets met/),
    ]);
    const fast = await run(...short, `--vs-torch=${peers.python("fast", 1e6, 1e-6, 1e-6)}`);
    expect(fast.written[4]).toMatch(/^mnist-shallow-b50 +1 +[\d.]+ +[\d.]+ +0\.0 +\d+\.\d\d +FAIL$/);
    expect(fast.written.at(-1)).toMatch(/^mnist-shallow-b50 .* ≤ (0\.5|2) +FAIL$/);
  });

  it("says what to do where PyTorch is missing", async () => {
    const { code, noted } = await run(...short, "--vs-torch=/nowhere/python");
    expect(code).toBe(1);
    expect(noted.at(-1)).toMatch(
      /^error: PyTorch \(\/nowhere\/python\): cannot be measured .*ENOENT.*pip install torch/,
    );
  });
});

describe("--vs-tfjs", () => {
  it("compares inference, and wants a third of the time", async () => {
    const slow = await run(...short, "--json", `--vs-tfjs=${peers.tfjs("slow", 1e6)}`);
    expect([slow.code, slow.noted]).toEqual([0, ["1 of 1 targets met against tfjs-wasm-0.0.0"]]);
    expect(JSON.parse(slow.written[0]!)).toEqual({
      peer: "tfjs-wasm-0.0.0",
      threads: 1,
      tfjs_threads: 1,
      name: "mnist-shallow-b50",
      width: expect.any(Number),
      infer_ms: expect.any(Number),
      infer_tfjs_ms: 1e6,
      infer_ratio: expect.any(Number),
      infer_tfjs_default_ms: 1e6,
      infer_default_ratio: expect.any(Number),
      tfjs_default_threads: 1,
      target: 0.333,
      met: true,
    });
    const fast = await run(...short, `--vs-tfjs=${peers.tfjs("fast", 0.01)}`);
    expect(fast.written.at(-1)).toMatch(/^mnist-shallow-b50 +1 .* ≤ 0\.33 +FAIL$/);
  });

  it("leaves out what TensorFlow.js's side does not have", async () => {
    const only = ["--only", "volume-32-b4", "--seconds", "0.05", "--threads", "1"];
    const { code, written, noted } = await run(...only, "--json", `--vs-tfjs=${peers.tfjs("none", 1)}`);
    expect([code, written, noted]).toEqual([0, [], ["not on TensorFlow.js's side: volume-32-b4"]]);
  });

  it("says what to do where TensorFlow.js is missing", async () => {
    const { code, noted } = await run(...short, `--vs-tfjs=${peers.path}`);
    expect(code).toBe(1);
    expect(noted.at(-1)).toMatch(/^error: TensorFlow\.js .*: cannot be measured .*npm install @tensorflow\/tfjs-core/);
  });
});

describe("helpers", () => {
  it("the median is the middle, or the mean of the middle two", () => {
    expect(median([9, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 9])).toBe(3);
  });

  it("a browser's runs are timed together until they take a millisecond", () => {
    expect([0, 0.06, 0.5, 1, 300].map(runsTogether)).toEqual([200, 17, 2, 1, 1]);
  });

  it("tables align text left and numbers right", () => {
    const lines: string[] = [];
    const columns = [
      { title: "a", width: 3 },
      { title: "number", width: 0 },
      { title: "text", width: 5, text: true },
    ];
    const table = new Table([...columns, { title: "b", width: 2 }], (line) => lines.push(line));
    table.row(["one", "1", "x", "22"]);
    expect(lines).toEqual(["a    number  text    b", "one       1  x      22"]);
  });
});
