import type { WasmBackend } from "../src/backends/wasm/index.js";
import { type PhaseTime, profilePlan } from "../src/backends/wasm/profile.js";
import { WasmStore } from "../src/backends/wasm/store.js";
import type { Network } from "../src/model/network.js";
import type { Context } from "./context.js";
import { forEachWorkload, isProduct } from "./measure.js";
import { graphOf, type Purpose, prepare } from "./prepare.js";
import { milliseconds, percent, round, Table, widest } from "./table.js";
import { medianMilliseconds } from "./timing.js";
import type { Workload } from "./workloads.js";

interface Profile {
  /** Milliseconds of the program as a whole. */
  readonly whole: number;
  /** The longest first. */
  readonly phases: readonly Phase[];
}

interface Phase extends PhaseTime {
  /** Of the convolution or matrix product with all its phases, at the longest of them; undefined elsewhere. */
  readonly gflops?: number;
}

/** Where the time of a training step and of an inference goes, phase by phase of every kernel, on one thread. */
export async function benchProfile(context: Context): Promise<void> {
  const { options, write } = context;
  await forEachWorkload({ ...context, options: { ...options, threads: [1] } }, async (backend, workload, network) => {
    for (const purpose of ["train", "infer"] as const) {
      const profile = await measureProfile(backend, workload, network, purpose, options.seconds);
      if (options.json) for (const phase of profile.phases) write(JSON.stringify(asLine(phase, workload, purpose)));
      else printProfile(profile, workload, purpose, context);
    }
  });
}

async function measureProfile(
  backend: WasmBackend,
  { batchSize }: Workload,
  network: Network,
  purpose: Purpose,
  seconds: number,
): Promise<Profile> {
  const store = new WasmStore(false);
  const { program, ...timed } = await prepare(backend, store, network, () => graphOf(network, batchSize, purpose));
  const whole = await medianMilliseconds(timed, seconds / 2);
  const runs = Math.min(200, Math.max(5, Math.round((500 * seconds) / whole)));
  const phases = withSpeeds(await profilePlan(program.plan, store, backend.engine, runs));
  return { whole, phases: phases.sort((a, b) => b.milliseconds - a.milliseconds) };
}

/** Phases come in order; what is packed once has none, so that a kernel's first may be another than part 0. */
function withSpeeds(phases: readonly PhaseTime[]): Phase[] {
  const kernels: PhaseTime[][] = [];
  for (const phase of phases) {
    const last = kernels.at(-1);
    if (last !== undefined && last[0]!.node === phase.node) last.push(phase);
    else kernels.push([phase]);
  }
  return kernels.flatMap((parts) => {
    const time = parts.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    return parts.map((phase): Phase => {
      const counts = isProduct(phase.op) && phase.multiplyAdds > 0;
      return counts ? { ...phase, gflops: (2 * phase.multiplyAdds) / time / 1e6 } : phase;
    });
  });
}

function asLine({ layer, op, kernel, part, milliseconds, gflops }: Phase, { name }: Workload, purpose: Purpose) {
  const speed = gflops === undefined ? {} : { gflops: round(gflops, 1) };
  return { name, purpose, layer, op, kernel, part, ms: round(milliseconds, 4), ...speed };
}

/** Phases that take less are summed up in one line. */
const least = 0.01;

function printProfile(
  { whole, phases }: Profile,
  { name }: Workload,
  purpose: Purpose,
  { peak, write }: Context,
): void {
  const total = phases.reduce((sum, phase) => sum + phase.milliseconds, 0);
  const shown = phases.filter((phase) => phase.milliseconds >= least * total);
  const rows = shown.map((phase) => [
    phase.layer,
    phase.kernel,
    String(phase.part),
    milliseconds(phase.milliseconds),
    percent(phase.milliseconds / total),
    phase.gflops?.toFixed(1) ?? "",
    phase.gflops === undefined ? "" : percent(phase.gflops / peak),
  ]);
  write(`${name} ${purpose}: ${milliseconds(whole)} ms as a whole, ${milliseconds(total)} ms phase by phase`);
  const table = new Table(
    [
      { title: "layer", width: widest(rows.map(([layer]) => layer!)) },
      { title: "kernel", width: widest(rows.map(([, kernel]) => kernel!)), text: true },
      { title: "phase", width: 0 },
      { title: "ms", width: 6 },
      { title: "share", width: 0 },
      { title: "GFLOP/s", width: 0 },
      { title: "of peak", width: 0 },
    ],
    write,
  );
  for (const row of rows) table.row(row);
  const rest = phases.slice(shown.length);
  const time = rest.reduce((sum, phase) => sum + phase.milliseconds, 0);
  if (rest.length > 0) table.row([`${rest.length} others`, "", "", milliseconds(time), percent(time / total), "", ""]);
  write("");
}
