import { platform } from "#platform";
import type { Chosen } from "../../../plan/plan.js";
import type { Kernel, KernelChoice } from "../../../plan/types.js";
import { codeKey } from "../compile.js";
import { type Engine, isKept } from "../kernel.js";
import { sharedCache, type TuningCache } from "./cache.js";
import { type KernelTimes, type MeasureKernels, measureOn } from "./measure.js";

/** The planner's own choice stays unless another saves this part of its time, and so many milliseconds: ties stay. */
const leastPart = 0.02;
const leastMilliseconds = 0.001;

/** Chooses kernels by what they take on this machine. */
export class Tuner {
  /**
   * @param machine what times depend on beside the step: processor, engine, mode, version
   * @param start begins measuring: once for each graph that has something to measure
   */
  constructor(
    readonly cache: TuningCache,
    readonly machine: string,
    readonly start: () => MeasureKernels,
  ) {}

  /** The tuner of an engine on this machine; `again` forgets what was measured before. */
  static async create(engine: Engine, again: boolean): Promise<Tuner> {
    const cache = sharedCache();
    await cache.load();
    const machine = await machineOf(engine);
    if (again) cache.forget(machine);
    return new Tuner(cache, machine, () => measureOn(engine));
  }

  /** Measures what is not known yet: once for all steps that need the same code. */
  tune(choices: readonly KernelChoice[]): Promise<void> {
    return this.cache.exclusively(async () => {
      const unknown = new Map<string, KernelChoice>();
      for (const choice of choices) if (this.#timesOf(choice) === undefined) unknown.set(keyOf(choice), choice);
      if (unknown.size === 0) return;
      const measure = this.start();
      try {
        for (const [key, choice] of unknown) this.cache.add(this.machine, key, await measure(choice));
      } finally {
        await this.cache.save();
      }
    });
  }

  /** The fastest kernel; undefined, for the planner's own choice, where nothing was measured. */
  choose<K extends Kernel>(choice: KernelChoice<K>): Chosen<K> | undefined {
    const times = this.#timesOf(choice);
    if (times === undefined) return undefined;
    const { planned } = choice;
    const sorted = [...choice.candidates].sort((a, b) => times[a.name]! - times[b.name]!);
    const fastest = sorted[0]!;
    if (times[fastest.name] === Number.POSITIVE_INFINITY) return undefined;
    const saved = times[planned.name]! - times[fastest.name]!;
    const kernel = saved >= Math.max(leastMilliseconds, leastPart * times[planned.name]!) ? fastest : planned;
    const measured = sorted.map(({ name }) => `${name} ${milliseconds(times[name]!)}`).join(", ");
    return {
      kernel,
      reason: `measured: ${measured}; ${kernel === planned ? "as" : `not ${planned.name} as`} estimated`,
    };
  }

  /** What is known of a choice: nothing where candidates have come since. */
  #timesOf(choice: KernelChoice): KernelTimes | undefined {
    const times = this.cache.times(this.machine, keyOf(choice));
    return times !== undefined && choice.candidates.every(({ name }) => name in times) ? times : undefined;
  }
}

const milliseconds = (time: number) => (Number.isFinite(time) ? `${Number(time.toPrecision(3))} ms` : "without memory");

/** Steps of one key take the same time: they need the same code, and pack as often. */
function keyOf({ node, candidates }: KernelChoice): string {
  const keeps = candidates.some((kernel) => {
    const pack = kernel.packs?.(node);
    return pack !== undefined && isKept(node, pack);
  });
  return `${node.op}${keeps ? " kept" : ""} ${codeKey(node)}`;
}

async function machineOf({ wide, relaxedSimd, sinks }: Engine): Promise<string> {
  const modes = [wide ? "256 bits" : "128 bits", relaxedSimd ? "fused" : "unfused", ...(sinks ? ["sinking"] : [])];
  return [`fovea ${await versionOf()}`, platform.machine(), ...modes].join(", ");
}

/** The version of the package, as far as it is known: not in a browser, nor where others have bundled it. */
async function versionOf(): Promise<string> {
  const unknown = "of an unknown version";
  if (platform.directories === undefined) return unknown;
  const path = platform.directories.resolve(platform.directories.packageRoot(), "package.json");
  if (!(await platform.files.exists(path))) return unknown;
  return JSON.parse(new TextDecoder().decode(await platform.files.read(path))).version ?? unknown;
}
