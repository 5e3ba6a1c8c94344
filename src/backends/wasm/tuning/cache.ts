import { platform } from "#platform";
import { FoveaError } from "../../../core/errors.js";
import { cachePath } from "../../../platform/cache.js";
import type { KernelTimes } from "./measure.js";

const format = "fovea kernel times 1";

/** What was measured, by machine and by step. */
type Machines = Record<string, Record<string, KernelTimes>>;

/**
 * Times of kernels, in memory and, where there is one, in a file, which processes share. A file that cannot be read is
 * left out of account and replaced; one that cannot be written, given up. Both are said once.
 */
export class TuningCache {
  readonly #known: Machines = {};
  #loading: Promise<void> | undefined;
  #working: Promise<unknown> = Promise.resolve();
  #warned = false;

  /** @param path of the file; undefined for none */
  constructor(readonly path: string | undefined) {}

  /** Reads the file, the first time; what was measured meanwhile counts more. */
  load(): Promise<void> {
    this.#loading ??= this.#readFile().then((machines) => {
      for (const [machine, steps] of Object.entries(machines)) {
        this.#known[machine] = { ...steps, ...this.#known[machine] };
      }
    });
    return this.#loading;
  }

  times(machine: string, step: string): KernelTimes | undefined {
    return this.#known[machine]?.[step];
  }

  /** Keeps times as the file will have them, so that they decide alike in this process and the next. */
  add(machine: string, step: string, times: KernelTimes): void {
    this.#known[machine] ??= {};
    this.#known[machine][step] = Object.fromEntries(
      Object.entries(times).map(([kernel, milliseconds]) => [kernel, Number(milliseconds.toPrecision(4))]),
    );
  }

  /** Forgets what is known of a machine, so that it is measured again. */
  forget(machine: string): void {
    delete this.#known[machine];
  }

  /** Number of steps whose kernels were measured, on any machine. */
  get size(): number {
    return Object.values(this.#known).reduce((sum, steps) => sum + Object.keys(steps).length, 0);
  }

  /** Writes what is known to the file, with what others have written meanwhile. */
  async save(): Promise<void> {
    if (this.path === undefined) return;
    const machines = await this.#readFile();
    for (const [machine, steps] of Object.entries(this.#known)) {
      const complete = Object.entries(steps).filter(([, times]) => Object.values(times).every(Number.isFinite));
      machines[machine] = { ...machines[machine], ...Object.fromEntries(complete) };
    }
    try {
      await platform.files.makeDirectory(platform.directories!.resolve(this.path, ".."));
      await platform.files.writeAtomic(this.path, `${JSON.stringify({ format, machines }, null, 1)}\n`);
    } catch (error) {
      if (!(error instanceof FoveaError)) throw error;
      this.#warn(`times of kernels are not kept: ${error.message}`);
    }
  }

  /** One at a time: two that measure at once would measure each other. */
  exclusively<T>(body: () => Promise<T>): Promise<T> {
    const done = this.#working.then(body);
    this.#working = done.catch(() => {});
    return done;
  }

  async #readFile(): Promise<Machines> {
    if (this.path === undefined || !(await platform.files.exists(this.path))) return {};
    try {
      const content: unknown = JSON.parse(new TextDecoder().decode(await platform.files.read(this.path)));
      if (isTuningFile(content)) return content.machines;
      this.#warn(`${this.path} does not hold times of kernels; measuring anew, and replacing it`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#warn(`${this.path} cannot be read (${reason}); measuring anew, and replacing it`);
    }
    return {};
  }

  #warn(text: string): void {
    if (!this.#warned) platform.warn(`fovea: ${text}`);
    this.#warned = true;
  }
}

function isTuningFile(content: unknown): content is { machines: Machines } {
  if (!isRecord(content) || content.format !== format || !isRecord(content.machines)) return false;
  const isTimes = (times: unknown) => isRecord(times) && Object.values(times).every((time) => Number.isFinite(time));
  return Object.values(content.machines).every((steps) => isRecord(steps) && Object.values(steps).every(isTimes));
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const caches = new Map<string | undefined, TuningCache>();

/** The cache of this process: all backends choose by the same measurements, also where there is no file. */
export function sharedCache(): TuningCache {
  const path = cachePath("kernels.json");
  const cache = caches.get(path) ?? new TuningCache(path);
  caches.set(path, cache);
  return cache;
}
