import { spawn } from "node:child_process";
import { join } from "node:path";
import { fail } from "../src/core/errors.js";
import type { Context } from "./context.js";
import { forEachWorkload, prepareWorkload } from "./measure.js";
import { milliseconds, round, Table, widest } from "./table.js";
import { median } from "./timing.js";

/** A line of `torch_bench.py`. */
interface TorchResult {
  readonly peer: string;
  readonly train_ms: number;
  readonly infer_ms: number;
}

interface Request {
  readonly python: string;
  readonly name: string;
  readonly threads: number;
  readonly seconds: number;
}

/** Rounds of fovea, then PyTorch: what else the machine does meanwhile meets both. */
const rounds = 3;

const sides = ["train", "infer"] as const;

/** Compares with PyTorch on the same machine in the same minutes: medians over rounds of medians. */
export async function benchVersusTorch(context: Context): Promise<void> {
  const { options, workloads, write, note } = context;
  const { python, seconds, json } = options;
  const table = json
    ? undefined
    : new Table(
        [
          { title: "workload", width: widest(workloads.map(({ name }) => name)) },
          { title: "threads", width: 0 },
          ...sides.flatMap((side) => [
            { title: `${side}: fovea ms`, width: 0 },
            { title: "PyTorch ms", width: 0 },
            { title: "ratio", width: 5 },
          ]),
          { title: "target", width: 0 },
          { title: "", width: 4 },
        ],
        write,
      );
  let peer = "";
  let met = 0;
  let measured = 0;
  await forEachWorkload(context, async (backend, workload, network) => {
    const { name, target } = workload;
    const { threads } = backend.engine;
    const prepared = await prepareWorkload(backend, network, workload);
    const ours: { train: number; infer: number }[] = [];
    const theirs: TorchResult[] = [];
    for (let round = 0; round < rounds; round++) {
      ours.push(await prepared.measure(seconds));
      theirs.push(await runTorch({ python, name, threads, seconds }));
    }
    peer = theirs[0]!.peer;
    const times = sides.map((side) => {
      const fovea = median(ours.map((times) => times[side]));
      const torch = median(theirs.map((times) => times[`${side}_ms`]));
      return { side, fovea, torch, ratio: fovea / torch };
    });
    const passed = times.every(({ ratio }) => ratio <= target);
    measured++;
    if (passed) met++;
    if (table === undefined) {
      const sided = times.map(({ side, fovea, torch, ratio }) => [
        [`${side}_ms`, round(fovea, 3)],
        [`${side}_torch_ms`, round(torch, 3)],
        [`${side}_ratio`, round(ratio, 3)],
      ]);
      return write(JSON.stringify({ peer, threads, name, ...Object.fromEntries(sided.flat()), target, met: passed }));
    }
    table.row([
      name,
      String(threads),
      ...times.flatMap(({ fovea, torch, ratio }) => [milliseconds(fovea), milliseconds(torch), ratio.toFixed(2)]),
      `≤ ${target.toFixed(1)}`,
      passed ? "pass" : "FAIL",
    ]);
  });
  if (measured > 0) note(`${met} of ${measured} targets met against ${peer}`);
}

/** The script beside this file's source; the launcher starts us in the checkout. */
const script = join("bench", "torch_bench.py");

async function runTorch({ python, name, threads, seconds }: Request): Promise<TorchResult> {
  const args = [script, "--only", name, "--threads", String(threads), "--seconds", String(seconds)];
  const where = `PyTorch (${python})`;
  const fix = "Install PyTorch (pip install torch), or name a Python that has it: --vs-torch=PYTHON";
  const { code, stdout, stderr } = await runChild(python, args);
  const complaint = stderr.trim().split("\n").at(-1) ?? "";
  if (code !== 0) fail({ code: "unsupported", where, problem: "cannot be measured", received: complaint, fix });
  const line = stdout.trim().split("\n").at(-1) ?? "";
  const result = JSON.parse(line) as TorchResult;
  if (result.train_ms > 0 && result.infer_ms > 0) return result;
  return fail({ code: "format", where, problem: "printed no times", received: line });
}

function runChild(command: string, args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", (error) => resolve({ code: 1, stdout, stderr: error.message }));
    child.on("close", (code) => resolve({ code: code ?? 1, stdout, stderr }));
  });
}
