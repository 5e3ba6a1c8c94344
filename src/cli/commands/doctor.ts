import { availableParallelism, cpus } from "node:os";
import { platform } from "#platform";
import { detectFeatures, type Features } from "../../backends/wasm/features.js";
import { createWasmBackend } from "../../backends/wasm/index.js";
import type { Engine } from "../../backends/wasm/kernel.js";
import { type ForcedMode, forcedMode } from "../../backends/wasm/mode.js";
import { measurePeak } from "../../backends/wasm/peak.js";
import { computesRightly, smallGraph, type Verdict, widen, winogradGraph } from "../../backends/wasm/selfCheck.js";
import { sharedCache } from "../../backends/wasm/tuning/cache.js";
import { FoveaError } from "../../core/errors.js";
import { dataCache } from "../../data/locate.js";
import { loadPackage, readPackageFile } from "../../inspect/packages.js";
import { exitCodes, type Io, printJson, printLine } from "../io.js";
import { version } from "../version.js";
import { type LocatedSet, locateSets } from "./data.js";

export interface DoctorOptions {
  readonly json?: boolean;
}

interface EngineReport {
  readonly threads: number;
  /** Whether multiplication and addition are fused. */
  readonly relaxedSimd: boolean;
  readonly vectorBits: 128 | 256;
  /** What FOVEA_WASM asks for. */
  readonly forced: ForcedMode | null;
  /** What became of 256-bit vectors: see `widen`. */
  readonly wide: Verdict;
  /** Whether all kinds of kernels agree with naive loops, in the mode that is used. */
  readonly computesRightly: boolean;
  /** Of one core; a multiply-add is two operations. */
  readonly peakGigaflops: number;
}

interface PackageReport {
  readonly name: string;
  readonly purpose: string;
  readonly loads: boolean;
}

/** Something that keeps this machine from training, and what to do about it. */
interface Obstacle {
  readonly problem: string;
  readonly fix: string;
}

interface Report {
  readonly fovea: string;
  readonly node: string;
  readonly v8: string;
  readonly processor: string;
  readonly processors: number;
  readonly features: Features;
  readonly engine?: EngineReport;
  readonly directories: { readonly foveaData: string | null; readonly cache: string | null };
  /** Where times of kernels are kept, and of how many steps there are some: see {@link Autotune}. */
  readonly tuning: { readonly path: string | null; readonly steps: number };
  readonly data: readonly LocatedSet[];
  readonly packages: readonly PackageReport[];
  readonly obstacles: readonly Obstacle[];
}

/** Looks at everything that training needs. Exit code 1, with what to do, where it would not work. */
export async function doctor({ json }: DoctorOptions, io: Io): Promise<number> {
  const report = await examine();
  const healthy = report.obstacles.length === 0;
  if (json === true) printJson(io, { event: "doctor", healthy, ...report });
  else for (const line of describe(report)) printLine(io.stdout, line);
  return healthy ? exitCodes.ok : exitCodes.failure;
}

async function examine(): Promise<Report> {
  const obstacles: Obstacle[] = [];
  const engine = await examineEngine(obstacles);
  return {
    fovea: version,
    node: process.versions.node,
    v8: process.versions.v8,
    processor: cpus()[0]?.model.trim() ?? process.arch,
    processors: availableParallelism(),
    features: detectFeatures(),
    engine,
    directories: { foveaData: platform.env("FOVEA_DATA") ?? null, cache: dataCache() ?? null },
    tuning: await examineTuning(),
    data: await locateSets(),
    packages: await Promise.all(packages.map(examinePackage)),
    obstacles,
  };
}

async function examineTuning(): Promise<Report["tuning"]> {
  const cache = sharedCache();
  await cache.load();
  return { path: cache.path ?? null, steps: cache.size };
}

/** Starts the engine as training does, threads included. */
async function examineEngine(obstacles: Obstacle[]): Promise<EngineReport | undefined> {
  try {
    const backend = await createWasmBackend();
    try {
      const { engine } = backend;
      const right = await agreesWithLoops(engine);
      if (!right) {
        obstacles.push({
          problem: "this engine computes wrongly: its results are not those of naive loops",
          fix: "Use another version of Node, and report this with the output of fovea doctor --json",
        });
      }
      return {
        threads: engine.threads,
        relaxedSimd: engine.relaxedSimd,
        vectorBits: engine.wide ? 256 : 128,
        forced: forcedMode() ?? null,
        wide: engine.relaxedSimd ? await widen(engine) : "none",
        computesRightly: right,
        peakGigaflops: await measurePeak(engine, 0.05),
      };
    } finally {
      await backend.close();
    }
  } catch (error) {
    if (!(error instanceof FoveaError)) throw error;
    obstacles.push({
      problem: `${error.where}: ${error.problem}`,
      fix: error.fix ?? "Use another version of Node",
    });
    return undefined;
  }
}

/** More than is checked whenever the engine starts: Winograd's kernels, too. */
async function agreesWithLoops(engine: Engine): Promise<boolean> {
  return (await computesRightly(engine, smallGraph())) && (await computesRightly(engine, winogradGraph()));
}

const packages = [
  { name: "sharp", purpose: "reading pictures, writing PNG" },
  { name: "@observablehq/plot", purpose: "learning curves" },
  { name: "linkedom", purpose: "learning curves" },
  { name: "opentype.js", purpose: "text in PNG" },
  { name: "@fontsource/source-sans-3", purpose: "text in PNG", file: "package.json" },
] as const;

/** Whether a package loads, or one without code is there. */
async function examinePackage(wanted: (typeof packages)[number]): Promise<PackageReport> {
  const { name, purpose } = wanted;
  const trial = "file" in wanted ? readPackageFile(name, wanted.file, name) : loadPackage(name, name);
  const loads = await trial.then(
    () => true,
    () => false,
  );
  return { name, purpose, loads };
}

function describe(report: Report): string[] {
  const { features, engine, directories, tuning, data, packages, obstacles } = report;
  const relaxed = engine?.relaxedSimd ?? features.relaxedSimd;
  const missing = packages.filter(({ loads }) => !loads).map(({ name }) => name);
  return [
    ...section(`fovea ${report.fovea}`, [
      ["Node", `${report.node}, V8 ${report.v8}`],
      ["Processor", `${report.processor}, ${count(report.processors, "processor")}`],
    ]),
    ...section("Engine", [
      ["SIMD", features.simd ? "yes" : "no"],
      ["Relaxed SIMD", relaxed ? "yes: fused multiply-add" : "no: multiply and add apart"],
      ["Shared memory", features.threads ? "yes" : "no: one thread only"],
      ...(engine === undefined ? [] : describeEngine(engine)),
    ]),
    ...section("Autotuning", [
      ["Times of kernels", `${tuning.path ?? "in memory"}: ${count(tuning.steps, "step")} measured`],
    ]),
    ...section("Data", [
      ["FOVEA_DATA", directories.foveaData ?? "not set"],
      ["Cache", directories.cache ?? "none"],
      ...data.map(({ name, place }): Row => [name, place]),
    ]),
    ...section(
      "Optional packages",
      packages.map(({ name, purpose, loads }) => [name, `${loads ? "loads" : "missing"} (${purpose})`]),
    ),
    ...(missing.length === 0 ? [] : [`To add what is missing: npm install ${missing.join(" ")}`, ""]),
    ...(obstacles.length === 0 ? ["All is well: this machine can train."] : ["This machine cannot train:"]),
    ...obstacles.flatMap(({ problem, fix }) => [`  ${problem}`, `  ${fix}.`]),
  ];
}

function describeEngine(report: EngineReport): Row[] {
  const { threads, vectorBits, forced, wide, computesRightly, peakGigaflops } = report;
  const why = {
    right: "",
    wrong: ": with 256 bits this engine computes wrongly",
    none: ": 256 need Node 24 or newer on x64",
  }[wide];
  return [
    ...(forced === null ? [] : [["FOVEA_WASM", `${forced}: ${forcedModes[forced]}`] as const]),
    ["Vectors", `${vectorBits} bits${forced === null ? why : ""}`],
    [
      "Self-check",
      computesRightly ? "passed: kernels agree with naive loops" : "FAILED: kernels differ from naive loops",
    ],
    ["Threads", String(threads)],
    ["Peak", `${peakGigaflops.toFixed(0)} GFLOP/s per core, measured (a multiply-add is two operations)`],
  ];
}

const forcedModes = {
  narrow: "128-bit vectors only",
  plain: "128-bit vectors only, multiply and add apart",
} as const satisfies Record<ForcedMode, string>;

type Row = readonly [label: string, text: string];

/** All labels take the same space, so that sections line up. */
const labelWidth = 26;

function section(title: string, rows: readonly Row[]): string[] {
  return [title, ...rows.map(([label, text]) => `  ${label.padEnd(labelWidth)} ${text}`), ""];
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}
