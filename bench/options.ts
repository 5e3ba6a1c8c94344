import { availableParallelism } from "node:os";
import { closest, fail } from "../src/core/errors.js";
import { workloadNames } from "./workloads.js";

export interface Options {
  readonly mode: "workloads" | "vs-torch" | "vs-tfjs" | "profile" | "micro" | "loader" | "help";
  /** One JSON object per line in place of tables. */
  readonly json: boolean;
  /** Thread counts, one run with each. */
  readonly threads: readonly number[];
  /** Names of workloads. */
  readonly only: readonly string[];
  /** Time to measure each median over. */
  readonly seconds: number;
  /** In Chromium, not in this Node. */
  readonly browser: boolean;
  /** Keep to 128-bit vectors, and leave V8's flag for wider ones alone. */
  readonly narrow: boolean;
  /** Command that starts a Python that has PyTorch. */
  readonly python: string;
  /** Directory that TensorFlow.js is installed in, where one is named. */
  readonly tfjs: string | undefined;
}

export const help = `Usage: npm run bench -- [options]

Times a training step and an inference of each workload: ${workloadNames.join(", ")}.

  --only NAMES         these workloads alone, separated by commas
  --threads N          threads; several counts separated by commas run one after the other (default: all processors)
  --seconds S          time to measure each median over (default: 2)
  --narrow             128-bit vectors, as in browsers and older engines
  --browser            in headless Chromium (from PATH or FOVEA_CHROMIUM), also with --vs-torch and --vs-tfjs
  --json               one JSON object per line (npm itself writes two lines before: npm run --silent bench)
  --vs-torch[=PYTHON]  alternate with PyTorch and compare (default: python3)
  --vs-tfjs[=DIRECTORY]
                       alternate with TensorFlow.js's WebAssembly backend, inference alone; DIRECTORY is where it is
                       installed (default: the variable FOVEA_TFJS)
  --profile            where the time goes, kernel by kernel, on one thread
  --loader             a training step with and without augmentation, alternating (default: cifar-64-64-b32 alone)
  --micro              GFLOP/s of single matrix products and convolutions, on one thread
  --node=system        run under the Node that runs npm, not under the newest that is installed here
`;

const flags = [
  "--json",
  "--browser",
  "--narrow",
  "--vs-torch",
  "--vs-tfjs",
  "--profile",
  "--micro",
  "--loader",
  "--help",
];
const valued = ["--only", "--threads", "--seconds"];
/** A browser has 128-bit vectors in any case. */
const nodeOnly = ["--narrow", "--profile", "--micro", "--loader"];
const where = "bench";

/** Reads the command line. Errors: code "usage", with what was probably meant. */
export function parseOptions(args: readonly string[]): Options {
  const given = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const [option, inline] = split(args[i]!);
    if (valued.includes(option)) {
      const value = inline ?? args[++i];
      if (value === undefined || value.startsWith("--"))
        fail({ code: "usage", where, problem: `${option} needs a value` });
      given.set(option, value);
    } else if (flags.includes(option)) {
      if (inline !== undefined && !option.startsWith("--vs-")) {
        fail({ code: "usage", where, problem: `${option} takes no value`, received: inline });
      }
      given.set(option, inline ?? "");
    } else failUnknown("option", option, [...flags, ...valued, "--node"]);
  }
  const modes = (["help", "vs-torch", "vs-tfjs", "profile", "micro", "loader"] as const).filter((mode) =>
    given.has(`--${mode}`),
  );
  if (modes.length > 1 && modes[0] !== "help") {
    fail({ code: "usage", where, problem: `--${modes.join(" and --")} exclude each other` });
  }
  if (given.has("--browser") && !given.has("--help")) {
    for (const option of nodeOnly) {
      if (given.has(option)) fail({ code: "usage", where, problem: `--browser and ${option} exclude each other` });
    }
  }
  const only = list(given.get("--only"));
  for (const name of only ?? []) if (!workloadNames.includes(name)) failUnknown("workload", name, workloadNames);
  return {
    mode: modes[0] ?? "workloads",
    json: given.has("--json"),
    threads: list(given.get("--threads"))?.map(threadCount) ?? [availableParallelism()],
    only: only ?? (given.has("--loader") ? ["cifar-64-64-b32"] : workloadNames),
    seconds: positive("--seconds", given.get("--seconds") ?? "2"),
    browser: given.has("--browser"),
    narrow: given.has("--narrow"),
    python: given.get("--vs-torch") || "python3",
    tfjs: given.get("--vs-tfjs") || undefined,
  };
}

function split(argument: string): [string, string | undefined] {
  const at = argument.indexOf("=");
  return at < 0 ? [argument, undefined] : [argument.slice(0, at), argument.slice(at + 1)];
}

function list(value: string | undefined): string[] | undefined {
  return value?.split(",").map((part) => part.trim());
}

function threadCount(text: string): number {
  if (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 64) return Number(text);
  return fail({ code: "usage", where: "--threads", problem: "wrong count", expected: "1 to 64", received: text });
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value > 0) return value;
  return fail({ code: "usage", where: option, problem: "wrong number", expected: "a number above 0", received: text });
}

function failUnknown(what: string, name: string, known: readonly string[]): never {
  const near = closest(name, known);
  return fail({
    code: "usage",
    where,
    problem: `unknown ${what} "${name}"`,
    expected: `one of ${known.join(", ")}`,
    fix: near === undefined ? undefined : `Did you mean "${near}"`,
  });
}
