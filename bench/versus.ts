import { spawn } from "node:child_process";
import { fail } from "../src/core/errors.js";
import { type Context, forEachRun } from "./context.js";
import { memoryCells, memoryColumns } from "./memory.js";
import type { Purpose } from "./prepare.js";
import type { Runner } from "./runner.js";
import { milliseconds, round, Table, widest } from "./table.js";
import { median } from "./timing.js";
import type { Workload } from "./workloads.js";

/** What a peer is asked to measure: one workload, in a process of its own. */
export interface Request {
  readonly name: string;
  readonly threads: number;
  readonly seconds: number;
  /** Bits of fovea's vectors. */
  readonly width: 256 | 128;
}

/** The line that a peer's script prints. */
export interface PeerResult {
  readonly peer: string;
  /** Threads that it really used. */
  readonly threads: number;
  readonly train_ms?: number;
  readonly infer_ms: number;
  /** Its inference as users have it, where `infer_ms` is better than that. */
  readonly default_ms?: number;
  readonly default_threads?: number;
}

/** Another implementation that runs the same workloads. */
export interface Peer {
  /** In the table. */
  readonly title: string;
  /** In names of fields of `--json`. */
  readonly key: string;
  readonly purposes: readonly Purpose[];
  /** Whether it tells `default_ms` and `default_threads`, which decide nothing. */
  readonly hasDefault?: boolean;
  /** The most that fovea may take, as a multiple of the peer's time. */
  target(workload: Workload, width: Runner["width"]): number;
  measure(request: Request): Promise<PeerResult>;
  /** The peak memory of its training step in 10⁶ bytes, counted as {@link StepMemory.memory_mb} is. */
  measurePeak?(request: Request): Promise<number>;
}

/** Rounds of fovea, then the peer: what else the machine does meanwhile meets both. */
const rounds = 3;

/** Compares with a peer on the same machine in the same minutes: medians over rounds of medians. */
export async function benchVersus(context: Context, peer: Peer): Promise<void> {
  const { options, workloads, write, note } = context;
  const { title, key, purposes, hasDefault = false } = peer;
  const { seconds } = options;
  const memory = await compareMemory(context, peer);
  const table = options.json
    ? undefined
    : new Table(
        [
          { title: "workload", width: widest(workloads.map(({ name }) => name)) },
          { title: "threads", width: 0 },
          ...purposes.flatMap((purpose) => [
            { title: `${purpose}: fovea ms`, width: 0 },
            { title: `${title} ms`, width: 0 },
            { title: "ratio", width: 5 },
          ]),
          ...(hasDefault
            ? [
                { title: "by default ms", width: 0 },
                { title: "ratio", width: 5 },
              ]
            : []),
          { title: "target", width: 0 },
          { title: "", width: 4, text: true },
        ],
        write,
      );
  const verdicts: boolean[] = [];
  const peers = new Set<string>();
  await forEachRun(context, async (runner, workload) => {
    const { name } = workload;
    const { threads, width } = runner;
    await runner.prepare(name);
    const ours: Record<Purpose, number[]> = { train: [], infer: [] };
    const theirs: PeerResult[] = [];
    for (let round = 0; round < rounds; round++) {
      for (const purpose of purposes) ours[purpose].push(await runner.time(purpose, seconds));
      theirs.push(await peer.measure({ name, threads, seconds, width }));
    }
    const { peer: version, threads: used } = theirs[0]!;
    peers.add(version);
    const times = purposes.map((purpose) => {
      const fovea = median(ours[purpose]);
      const other = median(theirs.map((result) => result[`${purpose}_ms`]!));
      return { purpose, fovea, other, ratio: fovea / other };
    });
    const unaided = median(theirs.map(({ infer_ms, default_ms = infer_ms }) => default_ms));
    const unaidedRatio = median(ours.infer) / unaided;
    const target = peer.target(workload, width);
    const met = times.every(({ ratio }) => ratio <= target);
    verdicts.push(met);
    if (table === undefined) {
      const fields = times.flatMap(({ purpose, fovea, other, ratio }) => [
        [`${purpose}_ms`, round(fovea, 3)],
        [`${purpose}_${key}_ms`, round(other, 3)],
        [`${purpose}_ratio`, round(ratio, 3)],
      ]);
      if (hasDefault) {
        fields.push([`infer_${key}_default_ms`, round(unaided, 3)], ["infer_default_ratio", round(unaidedRatio, 3)]);
        fields.push([`${key}_default_threads`, theirs[0]!.default_threads!]);
      }
      const line = { peer: version, threads, [`${key}_threads`]: used, name, width, ...Object.fromEntries(fields) };
      const verdict = { target: round(target, 3), met, ...memory.get(keyOf(threads, name)) };
      return write(JSON.stringify({ ...line, ...verdict, ...context.host.fields }));
    }
    table.row([
      name,
      String(threads),
      ...times.flatMap(({ fovea, other, ratio }) => [milliseconds(fovea), milliseconds(other), ratio.toFixed(2)]),
      ...(hasDefault ? [milliseconds(unaided), unaidedRatio.toFixed(2)] : []),
      `≤ ${round(target, 2)}`,
      met ? "pass" : "FAIL",
    ]);
  });
  const met = verdicts.filter(Boolean).length;
  if (verdicts.length > 0) note(`${met} of ${verdicts.length} targets met against ${[...peers].join(", ")}`);
}

const keyOf = (threads: number, name: string) => `${name} ${threads}`;

/**
 * Compares the memory of training steps with the peer's peak, before any workload runs. Fields for `--json` by
 * {@link keyOf}; none where the peer has no peak.
 */
async function compareMemory(context: Context, { title, key, measurePeak }: Peer): Promise<Map<string, object>> {
  const { options, workloads, write, note } = context;
  const fields = new Map<string, object>();
  if (measurePeak === undefined) return fields;
  const table = options.json
    ? undefined
    : new Table(
        [
          { title: "workload", width: widest(workloads.map(({ name }) => name)) },
          { title: "threads", width: 0 },
          ...memoryColumns,
          { title: `${title}'s peak MB`, width: 0 },
          { title: "ratio", width: 5 },
          { title: "", width: 4, text: true },
        ],
        write,
      );
  const verdicts: boolean[] = [];
  await forEachRun(context, async (runner, { name }) => {
    const { threads, width } = runner;
    const memory = await runner.planMemory(name);
    const peak = await measurePeak({ name, threads, seconds: options.seconds, width });
    const met = memory.memory_mb <= peak;
    verdicts.push(met);
    fields.set(keyOf(threads, name), { ...memory, [`${key}_peak_mb`]: peak, memory_met: met });
    const ratio = (memory.memory_mb / peak).toFixed(2);
    table?.row([name, String(threads), ...memoryCells(memory), peak.toFixed(1), ratio, met ? "pass" : "FAIL"]);
  });
  if (table !== undefined) write("");
  note(`${verdicts.filter(Boolean).length} of ${verdicts.length} training steps need no more memory than ${title}'s`);
  return fields;
}

export interface Script {
  /** In errors. */
  readonly where: string;
  /** What to do where it cannot be run. */
  readonly fix: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Fields of the line that must be numbers above 0. */
  readonly fields: readonly string[];
}

/** Runs a peer's script, which prints one JSON object. Errors: "unsupported" if it ends in failure, "format". */
export async function runScript<T>({ where, fix, command, args, fields }: Script): Promise<T> {
  const { code, stdout, stderr } = await runChild(command, args);
  const complaint = stderr.trim().split("\n").at(-1) ?? "";
  if (code !== 0) fail({ code: "unsupported", where, problem: "cannot be measured", received: complaint, fix });
  const line = stdout.trim().split("\n").at(-1) ?? "";
  const result = parseObject(line);
  if (fields.every((field) => Number(result[field]) > 0)) return result as T;
  return fail({ code: "format", where, problem: `printed no ${fields.join(", ")}`, received: line });
}

function parseObject(line: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(line));
  } catch {
    return {};
  }
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
