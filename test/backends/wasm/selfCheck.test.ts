import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { platform } from "#platform";
import { catalog } from "../../../src/backends/wasm/catalog.js";
import { createWasmBackend, type WasmBackend } from "../../../src/backends/wasm/index.js";
import { bindCatalog } from "../../../src/backends/wasm/kernel.js";
import { WasmProgram } from "../../../src/backends/wasm/program.js";
import {
  computesRightly,
  type Distortion,
  forgetVerdicts,
  fuse,
  smallGraph,
  widen,
  winogradGraph,
} from "../../../src/backends/wasm/selfCheck.js";
import { planGraph } from "../../../src/plan/plan.js";
import { platform as browser } from "../../../src/platform/browser.js";
import { buildInto, makeGenerated } from "../../harness/generated.js";

const canWiden = process.arch === "x64" && Number.parseInt(process.versions.v8, 10) >= 13;

let narrow: WasmBackend;

beforeEach(async () => {
  narrow = await createWasmBackend({ threads: 1, wide: false });
  forgetVerdicts();
});

afterEach(() => {
  vi.restoreAllMocks();
  forgetVerdicts();
});

/** An engine that could be widened, wherever the test runs: wide tiles are right without wide vectors, too. */
function pretendToWiden() {
  const widenWasm = vi.spyOn(platform, "widenWasm").mockImplementation((on) => on);
  const warn = vi.spyOn(platform, "warn").mockImplementation(() => {});
  return { widenWasm, warn };
}

describe("256-bit vectors", () => {
  it("are right on this engine, or not to be had", async () => {
    const warn = vi.spyOn(platform, "warn");
    expect(await widen(narrow.engine)).toBe(canWiden ? "right" : "none");
    const { engine } = await createWasmBackend({ threads: 1 });
    expect(engine.wide).toBe(canWiden);
    expect(warn).not.toHaveBeenCalled();
  });

  it("are checked once in a process, and not where nobody wants them", async () => {
    const { widenWasm } = pretendToWiden();
    vi.spyOn(platform, "relaxWasm").mockReturnValue(false);
    const optimizing = vi.spyOn(platform, "optimizingWasm");
    await createWasmBackend({ threads: 1, wide: false });
    await createWasmBackend({ threads: 1, relaxedSimd: false });
    expect(widenWasm).not.toHaveBeenCalled();
    await Promise.all([widen(narrow.engine), widen(narrow.engine)]);
    await createWasmBackend({ threads: 1 });
    await createWasmBackend({ threads: 1 });
    expect(widenWasm.mock.calls).toEqual([[true]]);
    expect(optimizing).toHaveBeenCalledTimes(1);
  });

  /** Changes the output of one op. */
  const change =
    (op: string, edit: (values: Float32Array) => void): Distortion =>
    (outputs) => {
      const name = Object.keys(outputs).find((key) => key.startsWith(`${op} `));
      edit(outputs[name!]!);
    };
  const distortions: readonly (readonly [string, Distortion])[] = [
    ["lanes change places", change("conv", (values) => values.set([...values].reverse()))],
    ["the upper half is lost", change("matmul", (values) => values.fill(0, 4, 8))],
    ["one value is off by a little", change("convFilterGradient", (values) => values.set([values[37]! + 0.01], 37))],
    ["one value is no number", change("map", (values) => values.set([Number.NaN], 3))],
    ["one value is infinite", change("reduce", (values) => values.set([Number.POSITIVE_INFINITY]))],
  ];
  it.each(distortions)("are given up, and the user told once, where %s", async (_, distort) => {
    const { widenWasm, warn } = pretendToWiden();
    expect(await widen(narrow.engine, distort)).toBe("wrong");
    for (let i = 0; i < 2; i++) {
      const { engine } = await createWasmBackend({ threads: 1 });
      expect(engine.wide).toBe(false);
    }
    expect(widenWasm.mock.calls).toEqual([[true], [false]]);
    expect(warn.mock.calls).toEqual([["fovea: 256-bit vectors give wrong results on this engine; using 128-bit ones"]]);
  });
});

describe("fused multiply-add", () => {
  const behindFlag = process.arch === "x64" && process.versions.v8.startsWith("11.");

  it("is right on this engine, behind a flag or not", async () => {
    const warn = vi.spyOn(platform, "warn");
    const { engine } = await createWasmBackend({ threads: 1, wide: false });
    expect(await fuse(engine)).toBe(behindFlag ? "right" : "none");
    expect(engine.relaxedSimd).toBe(true);
    expect((await createWasmBackend({ threads: 1, relaxedSimd: false })).engine.relaxedSimd).toBe(false);
    expect(warn).not.toHaveBeenCalled();
  });

  it("is given up where it computes wrongly, and the user told once", async () => {
    const relaxWasm = vi.spyOn(platform, "relaxWasm").mockImplementation((on) => on);
    const warn = vi.spyOn(platform, "warn").mockImplementation(() => {});
    const wrong: Distortion = (outputs) => Object.values(outputs)[0]!.fill(Number.NaN);
    expect(await fuse(narrow.engine, wrong)).toBe("wrong");
    await createWasmBackend({ threads: 1, wide: false });
    expect(relaxWasm.mock.calls).toEqual([[true], [false]]);
    expect(warn.mock.calls).toEqual([
      ["fovea: fused multiply-add gives wrong results on this engine; using two steps"],
    ]);
  });
});

describe("the program that is checked", () => {
  it("is wrong where it traps, and other failures are passed on", async () => {
    const run = vi.spyOn(WasmProgram.prototype, "run");
    run.mockImplementation(() => {
      throw new WebAssembly.RuntimeError("memory access out of bounds");
    });
    expect(await computesRightly(narrow.engine, smallGraph())).toBe(false);
    run.mockImplementation(() => {
      throw new Error("a mistake of ours");
    });
    await expect(computesRightly(narrow.engine, smallGraph())).rejects.toThrow("a mistake of ours");
  });

  it("takes rounding for rounding, on tiles of both widths", async () => {
    for (const wide of [false, true]) {
      expect(await computesRightly({ ...narrow.engine, wide }, smallGraph())).toBe(true);
    }
  });

  it("has every kernel that tiles, and Winograd's for those who wait longer", () => {
    const kernels = (backend: WasmBackend, graph: Parameters<WasmBackend["plan"]>[0]) =>
      backend.plan(graph).steps.map(({ kernel }) => kernel);
    expect(kernels(narrow, smallGraph())).toEqual([
      "f32_conv2d_implicit_simd128",
      "f32_conv2d_input_gradient_residues_simd128",
      "f32_conv2d_filter_gradient_blocked_simd128",
      "f32_conv2d_implicit_simd128",
      "f32_conv2d_filter_gradient_blocked_simd128",
      "f32_conv_depthwise_simd128",
      "f32_conv_depthwise_filter_gradient_simd128",
      "f32_conv_depthwise_input_gradient_simd128",
      "f32_conv_few_filters_simd128",
      "f32_conv_filter_gradient_few_filters_simd128",
      "f32_conv_input_gradient_few_filters_simd128",
      "f32_matmul_tiled_simd128",
      "f32_matmul_tiled_simd128",
      "f32_matmul_tiled_simd128",
      "f32_map_simd128",
      "f32_reduce_leading_simd128",
      "f32_reduce_trailing_simd128",
    ]);
    const wide = planGraph(smallGraph(), "wasm", bindCatalog(catalog, { ...narrow.engine, wide: true }));
    expect(wide.steps.map(({ kernel }) => kernel).filter((name) => name.includes("narrow"))).toEqual([
      "f32_conv2d_narrow_simd128",
      "f32_conv2d_filter_gradient_narrow_simd128",
    ]);
    expect(kernels(narrow, winogradGraph()).filter((name) => !name.includes("winograd"))).toEqual([]);
  });

  it("is right with Winograd's kernels, too", async () => {
    const { engine } = await createWasmBackend({ threads: 1 });
    expect(await computesRightly(engine, winogradGraph())).toBe(true);
  });
});

describe.skipIf(!canWiden)("what is compared", () => {
  // made where the test runs: what is skipped is not cleaned up either
  let generated: ReturnType<typeof makeGenerated>;
  beforeAll(() => {
    generated = makeGenerated("self-check");
  });
  afterAll(() => generated.remove());

  it("comes from optimised code, which V8 has joined", () => {
    expect(buildInto(generated.path, ["backends/wasm/index.ts"])).toBe("");
    const script = `${generated.path}/check.mjs`;
    writeFileSync(
      script,
      `import { createWasmBackend } from "./dist/backends/wasm/index.js";
       const { engine } = await createWasmBackend({ threads: 1 });
       console.log("wide", engine.wide);`,
    );
    const { stdout, status } = spawnSync(process.execPath, ["--trace-wasm-compilation-times", script], {
      encoding: "utf8",
    });
    expect(status).toBe(0);
    expect(stdout).toContain("wide true");
    const functionsBy = (compiler: string) =>
      new Set([...stdout.matchAll(RegExp(`(#\\d+) using ${compiler},`, "g"))].map(([, name]) => name));
    expect(functionsBy("Liftoff").size).toBeGreaterThan(7);
    expect(functionsBy("TurboFan")).toEqual(functionsBy("Liftoff"));
  });
});

describe("the platform", () => {
  it("puts V8's flags back, also after a failure", () => {
    expect(platform.optimizingWasm(() => 7)).toBe(7);
    expect(() =>
      platform.optimizingWasm(() => {
        throw new Error("trap");
      }),
    ).toThrow("trap");
  });

  it("writes warnings to stderr", () => {
    const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    platform.warn("careful");
    expect(write.mock.calls).toEqual([["careful\n"]]);
  });

  it("of a browser has nothing to switch", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    expect([
      browser.relaxWasm(true),
      browser.widenWasm(true),
      browser.widenWasm(false),
      browser.optimizingWasm(() => 7),
    ]).toEqual([false, false, false, 7]);
    browser.warn("careful");
    expect(warn.mock.calls).toEqual([["careful"]]);
  });
});
