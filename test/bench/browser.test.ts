import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { findChromium } from "../../bench/chromium.js";
import { makePeers, run, short as shortInNode } from "./peers.js";

const short = [...shortInNode, "--seconds", "0.02"];

const chromium = findChromium();
if (chromium === undefined) {
  console.warn("The benchmark's tests in a browser are skipped: no Chromium found on PATH, nor by FOVEA_CHROMIUM.");
}

const peers = makePeers("bench-browser");
afterAll(() => peers.remove());

afterEach(() => {
  vi.unstubAllEnvs();
});

describe.skipIf(chromium === undefined)("--browser", { timeout: 120_000 }, () => {
  it("measures in Chromium, on as many threads as it is asked for", async () => {
    const { code, written } = await run(...short, "--threads", "1,2", "--browser");
    expect(code).toBe(0);
    expect(written[0]).toMatch(/, Chromium \d+\./);
    expect(written[1]).toMatch(/^measured peak: \d+ GFLOP\/s per core \(128 bit, /);
    for (const [i, threads] of [1, 2].entries()) {
      expect(written[4 + i]).toMatch(new RegExp(`^mnist-shallow-b50 +${threads} +[\\d.]+ +[\\d.]+$`));
      expect(written[8 + i]).toMatch(
        new RegExp(`^mnist-shallow-b50 +${threads} +[\\d.]+ +[\\d.]+ +[\\d.]+ +\\d+ % +\\d+$`),
      );
    }
    expect(written.length).toBe(10);
  });

  it.skipIf(process.platform === "win32")("alternates with PyTorch, and allows twice its time", async () => {
    const { code, written } = await run(
      ...short,
      "--json",
      "--browser",
      `--vs-torch=${peers.python("t", 1e6, 1e6, 1)}`,
    );
    expect(code).toBe(0);
    expect(written.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ torch_threads: 1, width: 128, train_torch_ms: 1e6, target: 2, met: true }),
    ]);
    expect(JSON.parse(written[0]!)).toMatchObject({
      memory_met: false,
      browser: expect.stringMatching(/^Chromium \d/),
    });
  });

  it("alternates with TensorFlow.js in the same Chromium", async () => {
    const { code, written, noted } = await run(...short, "--json", "--browser", `--vs-tfjs=${peers.tfjs("f", 0.25)}`);
    expect([code, noted]).toEqual([0, [expect.stringContaining("against tfjs-wasm-0.0.0")]]);
    expect(JSON.parse(written[0]!)).toMatchObject({
      tfjs_threads: 1,
      infer_tfjs_ms: 0.25,
      infer_tfjs_default_ms: 0.25,
      tfjs_default_threads: 1,
      width: 128,
      browser: expect.stringMatching(/^Chromium \d/),
    });
  });

  it("says what to do where TensorFlow.js is missing", async () => {
    const { code, written, noted } = await run(...short, "--browser", `--vs-tfjs=${peers.path}`);
    expect([code, written]).toEqual([1, []]);
    expect(noted.at(-1)).toMatch(/^error: TensorFlow\.js .*: cannot be measured .*npm install @tensorflow\/tfjs-core/);
  });
});

describe("--browser without a browser", () => {
  it("refuses a variable that names none", async () => {
    vi.stubEnv("FOVEA_CHROMIUM", "/nowhere/chromium");
    const { code, written, noted } = await run(...short, "--browser");
    expect([code, written]).toEqual([1, []]);
    expect(noted).toEqual([
      expect.stringMatching(/^error: FOVEA_CHROMIUM: there is no such file .*\/nowhere\/chromium/),
    ]);
  });

  it("says what to do, before it does any work", async () => {
    // last, since errors of the modules that are loaded anew are others to those before
    vi.resetModules();
    vi.doMock("../../bench/chromium.js", () => ({ findChromium: () => undefined }));
    const { run } = await import("./peers.js");
    expect(await run(...short, "--browser")).toEqual({
      code: 1,
      written: [],
      noted: [
        "error: --browser: no Chromium found (expected chromium or google-chrome on PATH). Install Chromium or Chrome, or " +
          "name its program in the variable FOVEA_CHROMIUM.",
      ],
    });
  });
});
