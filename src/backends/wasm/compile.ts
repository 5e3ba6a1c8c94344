import { fail } from "../../core/errors.js";
import { exactJson } from "../../core/exactJson.js";
import { contextOf } from "../../plan/plan.js";
import type { NodeContext, Plan, PlanBuffer, PlanStep } from "../../plan/types.js";
import {
  type FunctionBuilder,
  type FunctionReference,
  f32x4,
  type I32,
  i32,
  type Local,
  ModuleBuilder,
  v128,
} from "./assembler/index.js";
import { addBarrier } from "./barrier.js";
import { catalog } from "./catalog.js";
import type { Engine, Phase, WasmKernel } from "./kernel.js";
import { constantsAddress, maximumPages } from "./layout.js";
import { type Access, type PhaseAccess, type Stage, type Sweep, scheduleOf, tasksOf, weightOf } from "./stages.js";

/** Where the store keeps what programs refer to by address. */
export interface Addresses {
  variable(name: string): number;
  /** Offset among the store's constants, if there is room. */
  constant(value: number): number | undefined;
  /** Room for what a program keeps from run to run. */
  keep(bytes: number): number;
}

export interface CompiledModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether there is a function `prepare` to make what the program keeps, and where that lies. */
  readonly kept: { readonly address: number; readonly bytes: number };
  /** Whether any phase is shared: otherwise the first thread can run the program alone. */
  readonly parallel: boolean;
}

/** A phase in its place in the program. */
interface Scheduled extends PhaseAccess {
  readonly step: PlanStep;
  /** Position among the phases of its kernel. */
  readonly part: number;
  readonly target: FunctionReference;
}

/**
 * Plan → module. Every phase of every kernel becomes a function, one for all steps that need the same code; `run`
 * calls them in order, each thread with its share of the tasks, with barriers only where memory is handed over.
 * `prepare`, for one thread, makes what is kept from run to run.
 */
export function compilePlan(plan: Plan, engine: Engine, addresses: Addresses): CompiledModule {
  const module = createModule(engine);
  const threaded = engine.threads > 1 ? addBarrier(module, engine.threads) : undefined;
  const { scheduled, prepared, kept } = emitPhases(module, plan, engine, addresses);
  const schedule = scheduleOf(scheduled, engine);
  const parallel = schedule.flat().some(({ shared }) => shared);
  const barrier = parallel ? threaded : undefined;
  module.function(
    ["i32", "i32"],
    (f) => {
      const thread = f.parameter(0, "i32");
      const arena = f.parameter(1, "i32");
      const part = f.local("i32");
      const run = (sweep: Sweep<Scheduled>, begin: I32, end: I32) => {
        for (const item of sweep) {
          const place = { arena: arena.get, kept, part: part.get };
          callPhase(f, plan, item, begin, end, thread.get, place, addresses);
        }
      };
      f.for(part, 0, plan.parts, 1, () => {
        for (const stages of schedule) {
          for (const stage of stages) {
            const whole = () => {
              for (const sweep of stage.sweeps) run(sweep, i32.constant(0), i32.constant(tasksOf(sweep)));
            };
            if (!parallel) whole();
            else if (stage.shared) shareOut(f, stage, thread, engine, run);
            else f.if(i32.eqz(thread.get), whole);
          }
          if (barrier !== undefined) f.call(barrier, []);
        }
      });
    },
    "run",
  );
  addPreparation(module, plan, prepared, addresses, kept);
  return { bytes: module.encode(), parallel, kept: { address: kept, bytes: plan.keptBytes } };
}

/** `prepare(arena)` runs the phases that make what is kept, on the calling thread alone. */
function addPreparation(
  module: ModuleBuilder,
  plan: Plan,
  prepared: readonly Scheduled[],
  addresses: Addresses,
  kept: number,
): void {
  module.function(
    ["i32"],
    (f) => {
      const arena = f.parameter(0, "i32").get;
      for (const item of prepared) {
        callWhole(f, plan, item, { arena, kept, part: i32.constant(0) }, addresses);
      }
    },
    "prepare",
  );
}

/**
 * Runs a thread's share of a stage. The tasks of all sweeps lie one after the other on a line, each as long as its
 * weight; thread t has those that begin from ⌊length · t / threads⌋ on and before the next thread's.
 */
function shareOut(
  f: FunctionBuilder,
  { sweeps }: Stage<Scheduled>,
  thread: Local<"i32">,
  { threads }: Engine,
  run: (sweep: Sweep<Scheduled>, begin: I32, end: I32) => void,
): void {
  const weights = sweeps.map((sweep) => (sweeps.length === 1 ? 1 : weightOf(sweep)));
  const length = sweeps.reduce((sum, sweep, i) => sum + weights[i]! * tasksOf(sweep), 0);
  const [from, to] = [0, 1].map((offset) =>
    f.local("i32", i32.divU(i32.mul(i32.add(thread.get, offset), length), threads)),
  );
  let start = 0;
  sweeps.forEach((sweep, i) => {
    const [weight, tasks] = [weights[i]!, tasksOf(sweep)];
    /** First task from a place of the line on. */
    const taskAt = (place: Local<"i32">): I32 => {
      const ahead = i32.select(i32.ltS(place.get, start), 0, i32.sub(place.get, start));
      return i32.min(i32.divU(i32.add(ahead, weight - 1), weight), tasks);
    };
    run(sweep, f.local("i32", taskAt(from!)).get, f.local("i32", taskAt(to!)).get);
    start += weight * tasks;
  });
}

/** One phase of a profile: what it is, and the export that runs it alone, `phase0`, `phase1`, … */
export interface ProfiledPhase {
  readonly step: PlanStep;
  /** Position among the phases of its kernel. */
  readonly part: number;
}

/** The plan as a module that exports each phase by itself, for one thread, so that each can be timed. */
export function compileProfile(plan: Plan, engine: Engine, addresses: Addresses) {
  const module = createModule(engine);
  const { scheduled, prepared, kept } = emitPhases(module, plan, engine, addresses);
  addPreparation(module, plan, prepared, addresses, kept);
  scheduled.forEach((item, index) => {
    module.function(
      ["i32"],
      (f) => {
        const arena = f.parameter(0, "i32").get;
        callWhole(f, plan, item, { arena, kept, part: i32.constant(0) }, addresses);
      },
      `phase${index}`,
    );
  });
  const phases = scheduled.map(({ step, part }): ProfiledPhase => ({ step, part }));
  return { bytes: module.encode(), phases };
}

function createModule({ threads }: Engine): ModuleBuilder {
  const shared = threads > 1 ? { maximumPages } : undefined;
  return new ModuleBuilder({ module: "fovea", name: "memory", initialPages: 1, shared });
}

function emitPhases(module: ModuleBuilder, plan: Plan, engine: Engine, addresses: Addresses) {
  const functions = new Map<string, FunctionReference>();
  const all = plan.steps.flatMap((step) => schedulePhases(plan, step, engine, module, functions, addresses));
  const isKept = ({ step, phase }: Scheduled) => step.packed?.kept === true && phase.packs === true;
  const kept = plan.keptBytes > 0 ? addresses.keep(plan.keptBytes) : 0;
  return { scheduled: all.filter((item) => !isKept(item)), prepared: all.filter(isKept), kept };
}

/** Where a call finds its tensors: the arena, what is kept from run to run, and the part of the batch that is its turn. */
interface CallPlace {
  readonly arena: I32;
  readonly kept: number;
  readonly part: I32;
}

/** All tasks of a phase, on the calling thread. */
function callWhole(f: FunctionBuilder, plan: Plan, item: Scheduled, place: CallPlace, addresses: Addresses): void {
  const none = i32.constant(0);
  callPhase(f, plan, item, none, i32.constant(item.phase.tasks), none, place, addresses);
}

function callPhase(
  f: FunctionBuilder,
  plan: Plan,
  { step, target }: Scheduled,
  begin: I32,
  end: I32,
  thread: I32,
  { arena, kept, part }: CallPlace,
  addresses: Addresses,
): void {
  const { packed } = step;
  const address = ({ kind, name, offset, bytes }: PlanBuffer): I32 => {
    if (kind === "variable") return i32.constant(addresses.variable(name));
    const start = i32.add(arena, offset);
    const hasParts = plan.parts > 1 && (kind === "input" || kind === "output");
    return hasParts ? i32.add(start, i32.mul(part, bytes / plan.parts)) : start;
  };
  f.call(target, [
    begin,
    end,
    ...step.inputs.map((id) => address(plan.buffers[id]!)),
    address(plan.buffers[step.output]!),
    i32.add(arena, step.scratchOffset),
    packed?.kept ? i32.constant(kept + packed.offset) : i32.add(arena, packed?.offset ?? 0),
    i32.constant(constantsAddress),
    thread,
  ]);
}

function schedulePhases(
  plan: Plan,
  step: PlanStep,
  engine: Engine,
  module: ModuleBuilder,
  functions: Map<string, FunctionReference>,
  addresses: Addresses,
): Scheduled[] {
  const node = contextOf(plan.graph.nodes[step.node]!, plan.graph);
  const kernel = kernelNamed(node, step.kernel);
  const access = (id: number): Access => accessOf(plan.buffers[id]!, addresses);
  const inputs = step.inputs.map(access);
  const output = access(step.output);
  const scratch: Access = {
    space: "arena",
    from: step.scratchOffset,
    to: step.scratchOffset + step.scratchBytes,
  };
  const { packed } = step;
  const packedAccess: Access[] =
    packed === undefined || packed.kept
      ? []
      : [{ space: "arena", from: packed.offset, to: packed.offset + packed.bytes }];
  return kernel.phases(node, engine).map((phase, part): Scheduled => {
    const key = `${kernel.name}/${part} ${node.fixed} ${codeKey(node)}`;
    const known = functions.get(key);
    const target = known ?? emitPhase(module, phase, engine, node.inputs.length, addresses);
    functions.set(key, target);
    if (phase.packs) return { step, part, phase, target, reads: inputs, writes: packedAccess };
    const extra = phase.usesScratch === false || step.scratchBytes === 0 ? [] : [scratch];
    return {
      step,
      part,
      phase,
      target,
      reads: [...inputs, ...extra, ...packedAccess],
      writes: [output, ...extra],
    };
  });
}

function kernelNamed(node: NodeContext, name: string): WasmKernel {
  const kernel = catalog[node.op as keyof typeof catalog].find((candidate) => candidate.name === name);
  return kernel ?? fail({ code: "graph", where: `plan of "${node.name}"`, problem: `there is no kernel ${name}` });
}

/** What a kernel may look at, less the layer's name and what is fixed. */
export function codeKey({ attributes, inputs, output }: NodeContext): string {
  const types = [...inputs, output].map(({ shape, dtype }) => `${dtype}[${shape.join("x")}]`);
  return `${types.join(" ")} ${exactJson(attributes)}`;
}

function emitPhase(
  module: ModuleBuilder,
  phase: Phase,
  engine: Engine,
  inputCount: number,
  addresses: Addresses,
): FunctionReference {
  const parameters = new Array<"i32">(inputCount + 7).fill("i32");
  return module.function(parameters, (f) => {
    const parameter = (index: number) => f.parameter(index, "i32").get;
    phase.emit({
      f,
      engine,
      begin: parameter(0),
      end: parameter(1),
      inputs: Array.from({ length: inputCount }, (_, i) => parameter(2 + i)),
      output: parameter(2 + inputCount),
      scratch: parameter(3 + inputCount),
      packed: parameter(4 + inputCount),
      thread: parameter(6 + inputCount),
      constant(value) {
        const offset = addresses.constant(value);
        return offset === undefined ? f32x4.constant(value) : v128.load32Splat(parameter(5 + inputCount), offset);
      },
    });
  });
}

function accessOf(buffer: PlanBuffer, addresses: Addresses): Access {
  const from = buffer.kind === "variable" ? addresses.variable(buffer.name) : buffer.offset;
  return { space: buffer.kind === "variable" ? "variables" : "arena", from, to: from + buffer.bytes };
}
