import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { platform } from "#platform";
import { WasmProgram } from "../../src/backends/wasm/program.js";
import { forgetVerdicts } from "../../src/backends/wasm/selfCheck.js";
import { fovea, jsonLines, type Machine, makeMachine } from "./machine.js";

let machine: Machine;
const before = { ...process.env };

beforeAll(async () => {
  machine = await makeMachine(20, 10);
  Object.assign(process.env, machine.environment);
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  forgetVerdicts();
});

afterAll(async () => {
  process.env = before;
  await machine.close();
});

const packageNames = ["sharp", "@observablehq/plot", "linkedom", "opentype.js", "@fontsource/source-sans-3"];

describe("a machine that is well", () => {
  test("is described, and can train", async () => {
    const { code, stdout, stderr } = await fovea("doctor");
    expect([code, stderr]).toEqual([0, ""]);
    for (const title of ["Engine", "Data", "Optional packages"]) expect(stdout).toContain(`\n\n${title}\n`);
    expect(stdout).toContain(`\n  Node                       ${process.versions.node}, V8 ${process.versions.v8}\n`);
    expect(stdout).toContain("\n  SIMD                       yes\n");
    expect(stdout).toContain("\n  Self-check                 passed: kernels agree with naive loops\n");
    expect(stdout).toMatch(/\n {2}Vectors {20}(256 bits|128 bits: 256 need Node 24 or newer on x64)\n/);
    expect(stdout).toMatch(/\n {2}Peak {23}[1-9]\d* GFLOP\/s per core, measured/);
    expect(stdout).toContain(`\n  FOVEA_DATA                 ${machine.data}\n`);
    expect(stdout).toContain(`\n  mnist                      ${machine.data}\n`);
    for (const name of packageNames) expect(stdout).toContain(`\n  ${name.padEnd(26)} loads (`);
    expect(stdout).toMatch(/\n\nAll is well: this machine can train\.\n$/);
  });

  test.each([
    ["narrow", "128-bit vectors only"],
    ["plain", "128-bit vectors only, multiply and add apart"],
  ])("shows the mode that FOVEA_WASM=%s forces", async (mode, meaning) => {
    vi.stubEnv("FOVEA_WASM", mode);
    const { code, stdout } = await fovea("doctor");
    expect(code).toBe(0);
    expect(stdout).toContain(`\n  FOVEA_WASM                 ${mode}: ${meaning}\n`);
    expect(stdout).toContain("\n  Vectors                    128 bits\n");
    const [report] = jsonLines((await fovea("doctor", "--json")).stdout);
    expect(report).toMatchObject({ engine: { forced: mode, vectorBits: 128, computesRightly: true } });
  });

  test("is described as JSON", async () => {
    const { code, stdout, stderr } = await fovea("doctor", "--json");
    expect([code, stderr]).toEqual([0, ""]);
    const [report] = jsonLines(stdout);
    expect(report).toMatchObject({
      event: "doctor",
      healthy: true,
      node: process.versions.node,
      features: { simd: true, threads: true },
      engine: { computesRightly: true, peakGigaflops: expect.any(Number) },
      directories: { foveaData: machine.data, cache: `${machine.environment.FOVEA_CACHE}/data` },
      data: [
        { name: "mnist", found: true },
        { name: "fashion-mnist" },
        { name: "cifar10" },
        { name: "strokes", found: true, place: "generated" },
      ],
      packages: packageNames.map((name) => ({ name, loads: true })),
      obstacles: [],
    });
  });
});

describe("a machine that is not", () => {
  test("is told of a mode that does not exist", async () => {
    vi.stubEnv("FOVEA_WASM", "plian");
    const { code, stdout } = await fovea("doctor");
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /\nThis machine cannot train:\n {2}FOVEA_WASM: asks for an unknown mode of the engine\n {2}Did you mean "plain"\.\n$/,
    );
  });

  test("is told what to do without SIMD", async () => {
    vi.spyOn(WebAssembly, "validate").mockReturnValue(false);
    const { code, stdout } = await fovea("doctor");
    expect(code).toBe(1);
    expect(stdout).toContain("\n  SIMD                       no\n");
    expect(stdout).toContain("\n  Shared memory              no: one thread only\n");
    expect(stdout).not.toContain("Self-check");
    expect(stdout).toMatch(
      /\nThis machine cannot train:\n {2}wasm backend: this engine has no WebAssembly SIMD\n {2}Use Node 20 or newer, or a browser of 2021 or newer\.\n$/,
    );
    const [report] = jsonLines((await fovea("doctor", "--json")).stdout);
    expect(report).toMatchObject({ healthy: false, obstacles: [{ fix: expect.stringContaining("Use Node 20") }] });
  });

  test("is told where its engine computes wrongly, with either width", async () => {
    vi.spyOn(platform, "relaxWasm").mockReturnValue(false);
    vi.spyOn(platform, "widenWasm").mockImplementation((on) => on);
    const warn = vi.spyOn(platform, "warn").mockImplementation(() => {});
    // an engine whose programs write nothing
    vi.spyOn(WasmProgram.prototype, "run").mockImplementation(() => {});
    const { code, stdout } = await fovea("doctor");
    expect(code).toBe(1);
    expect(stdout).toContain("\n  Self-check                 FAILED: kernels differ from naive loops\n");
    expect(stdout).toMatch(
      /\nThis machine cannot train:\n {2}this engine computes wrongly: its results are not those of naive loops\n {2}Use another version of Node, and report this with the output of fovea doctor --json\.\n$/,
    );
    const relaxed = stdout.includes("fused multiply-add");
    expect(warn).toHaveBeenCalledTimes(relaxed ? 1 : 0);
    if (relaxed) expect(stdout).toContain("128 bits: with 256 bits this engine computes wrongly\n");
  });
});
