import { platform } from "#platform";
import { FoveaError, fail } from "../core/errors.js";
import { type Shape, sizeOf } from "../core/shapes.js";
import { type Dataset, lazyDataset } from "./dataset.js";

/** A file that was left out of a data set, and why. */
export interface SkippedFile {
  readonly file: string;
  readonly reason: string;
}

/** A data set of files. */
export interface FileDataset extends Dataset {
  /** Files that are damaged, where `damaged: "skip"` was asked for. */
  readonly skipped: readonly SkippedFile[];
}

/** What all data sets of files have in common. */
export interface FileOptions {
  /** Default: the folder's name. */
  name?: string;
  /** Damaged files: an error that names the first one, or left out and listed as `skipped`. Default: "fail". */
  damaged?: "fail" | "skip";
  /**
   * Whether all examples are decoded once and kept, or each one whenever it is needed. Default: kept if they have at most
   * 512 MiB.
   */
  inMemory?: boolean;
  /** Told how many files have been decoded, where they are decoded now: to be kept, or to see which are damaged. */
  onProgress?: (done: number, total: number) => void;
}

export const fileOptionNames = ["name", "damaged", "inMemory", "onProgress"] as const;

/** Data sets up to this size are decoded once and kept: 512 MiB. */
const mostKeptBytes = 2 ** 29;

/** Files that are decoded at once. */
const mostAtOnce = 8;

/** One example to be decoded. */
export interface FileExample {
  /** What errors and lists call it. */
  readonly name: string;
  /** Label or number, where targets do not come from files. */
  readonly target?: number;
  decode(inputs: Uint8Array | Float32Array, targets: Int32Array | Float32Array): Promise<void>;
}

export interface FileLayout {
  readonly source: string;
  readonly shape: Shape;
  readonly inputType: "uint8" | "float32";
  readonly targetShape: Shape;
  readonly targetType: "int32" | "float32";
  /** Whether `decode` writes targets. */
  readonly readsTargets: boolean;
  readonly classes: readonly string[];
}

/** A data set of files: decoded now, or as they are needed. */
export async function fileDataset(
  where: string,
  examples: readonly FileExample[],
  layout: FileLayout,
  { name = "data", damaged = "fail", inMemory, onProgress = () => {} }: FileOptions,
): Promise<FileDataset> {
  checkFileOptions(where, { damaged, inMemory });
  if (examples.length === 0) fail({ code: "data", where, problem: "there are no examples" });
  const { shape, inputType, targetShape, targetType, readsTargets, classes, source } = layout;
  const [size, targetSize] = [sizeOf(shape), readsTargets ? sizeOf(targetShape) : 0];
  const bytes = examples.length * (size * (inputType === "uint8" ? 1 : 4) + targetSize * 4);
  const keep = inMemory ?? bytes <= mostKeptBytes;
  const Inputs = inputType === "uint8" ? Uint8Array : Float32Array;
  const Targets = targetType === "int32" ? Int32Array : Float32Array;
  const skipped: SkippedFile[] = [];
  let good = examples;
  const targetsOf = (of: readonly FileExample[]) => {
    const targets = new Targets(of.length);
    of.forEach(({ target = 0 }, i) => {
      targets[i] = target;
    });
    return targets;
  };
  if (keep) {
    const inputs = allocate(where, examples.length * size, (length) => new Inputs(length));
    const targets = allocate(where, examples.length * targetSize, (length) => new Targets(length));
    const reasons = await decodeAll(examples, damaged, onProgress, async (example, i) => {
      const to = targets.subarray(i * targetSize, (i + 1) * targetSize);
      await example.decode(inputs.subarray(i * size, (i + 1) * size), to);
    });
    let kept = 0;
    good = examples.filter((example, i) => {
      const reason = reasons[i];
      if (reason !== undefined) {
        skipped.push({ file: example.name, reason });
        return false;
      }
      inputs.copyWithin(kept * size, i * size, (i + 1) * size);
      targets.copyWithin(kept * targetSize, i * targetSize, (i + 1) * targetSize);
      kept += 1;
      return true;
    });
    checkSome(where, good, skipped);
    const common = { name, source, length: kept, shape, inputs: inputs.subarray(0, kept * size), classes, skipped };
    if (readsTargets) return { ...common, targets: targets.subarray(0, kept * targetSize), targetShape };
    return { ...common, targets: targetsOf(good), targetShape };
  }
  if (damaged === "skip") {
    // decoded to see whether they can be
    const reasons = await decodeAll(examples, damaged, onProgress, (example) => {
      return example.decode(new Inputs(size), new Targets(targetSize));
    });
    examples.forEach(({ name: file }, i) => {
      if (reasons[i] !== undefined) skipped.push({ file, reason: reasons[i] });
    });
    good = examples.filter((_, i) => reasons[i] === undefined);
    checkSome(where, good, skipped);
  }
  const read = (index: number, inputs: Uint8Array | Float32Array, targets: Int32Array | Float32Array) =>
    good[index]!.decode(inputs, targets);
  const targets = readsTargets ? { type: targetType, shape: targetShape } : targetsOf(good);
  const labels = classes.length === 0 ? undefined : classes;
  const given = { name, source, length: good.length, shape, inputType, targets, classes: labels, read };
  return { ...lazyDataset(readsTargets || targetType === "int32" ? given : { ...given, targetShape }), skipped };
}

function checkFileOptions(where: string, { damaged, inMemory }: FileOptions): void {
  if (damaged !== "fail" && damaged !== "skip") {
    const expected = '"fail" or "skip"';
    fail({ code: "option", where, problem: "damaged is out of range", expected, received: String(damaged) });
  }
  if (inMemory !== undefined && typeof inMemory !== "boolean") {
    const expected = "true or false";
    fail({ code: "option", where, problem: "inMemory is out of range", expected, received: String(inMemory) });
  }
}

function checkSome(where: string, good: readonly FileExample[], [first, ...others]: readonly SkippedFile[]): void {
  if (good.length > 0 || first === undefined) return;
  const problem = `none of ${others.length + 1} files can be decoded`;
  fail({ code: "data", where, problem, received: `${first.file}: ${first.reason}` });
}

function allocate<A>(where: string, length: number, make: (length: number) => A): A {
  try {
    return make(length);
  } catch (cause) {
    return fail({
      code: "memory",
      where,
      problem: "memory cannot be had for all examples",
      received: `${length} values`,
      fix: "Pass inMemory: false",
      cause,
    });
  }
}

/** Decodes all, some at once; gives the reasons of those that are damaged, or throws the first one's error. */
async function decodeAll(
  examples: readonly FileExample[],
  damaged: "fail" | "skip",
  onProgress: NonNullable<FileOptions["onProgress"]>,
  decode: (example: FileExample, index: number) => Promise<void>,
): Promise<(string | undefined)[]> {
  const reasons = new Array<string | undefined>(examples.length).fill(undefined);
  const failures = new Map<number, unknown>();
  let next = 0;
  let done = 0;
  const work = async () => {
    while (next < examples.length && failures.size === 0) {
      const index = next++;
      try {
        await decode(examples[index]!, index);
      } catch (error) {
        const isDamage = error instanceof FoveaError && (error.code === "format" || error.code === "data");
        if (damaged === "skip" && isDamage) reasons[index] = reasonOf(error);
        else failures.set(index, error);
      }
      onProgress(++done, examples.length);
    }
  };
  await Promise.all(Array.from({ length: mostAtOnce }, work));
  // of several that were on their way, the first one: the same one each time
  if (failures.size > 0) throw failures.get(Math.min(...failures.keys()));
  return reasons;
}

function reasonOf({ problem, received }: FoveaError): string {
  return received === undefined ? problem : `${problem} (${received})`;
}

/** The files with one of these extensions in a folder and the folders in it, sorted; with slashes, relative to it. */
export async function listFiles(folder: string, extensions: RegExp): Promise<string[]> {
  const found: string[] = [];
  const visit = async (path: string, prefix: string, depth: number): Promise<void> => {
    for (const name of await platform.files.list(path)) {
      if (name.startsWith(".")) continue;
      if (extensions.test(name)) found.push(prefix + name);
      else if (depth < 16) await visitIfFolder(`${path}/${name}`, `${prefix}${name}/`, depth + 1);
    }
  };
  const visitIfFolder = async (path: string, prefix: string, depth: number): Promise<void> => {
    try {
      await visit(path, prefix, depth);
    } catch (error) {
      // other files lie there too: notes, lists, archives
      if (!isNoFolder(error)) throw error;
    }
  };
  await visit(folder, "", 0);
  return found;
}

function isNoFolder(error: unknown): boolean {
  if (!(error instanceof FoveaError && error.cause instanceof Error && "code" in error.cause)) return false;
  return error.cause.code === "ENOTDIR" || error.cause.code === "EINVAL";
}

/** Files of a folder of folders: the first folder's name is the class. */
export async function classifiedFiles(
  where: string,
  folder: string,
  extensions: RegExp,
  kinds: string,
): Promise<{ files: { path: string; name: string; label: number }[]; classes: string[] }> {
  const names = (await listFiles(folder, extensions)).filter((name) => name.includes("/"));
  if (names.length === 0) {
    fail({
      code: "data",
      where,
      problem: `there are no ${kinds} files in folders of it`,
      expected: `${folder}/<class>/<file>`,
    });
  }
  const classes = [...new Set(names.map((name) => name.slice(0, name.indexOf("/"))))];
  const number = new Map(classes.map((name, label) => [name, label]));
  const files = names.map((name) => {
    return { name, path: `${folder}/${name}`, label: number.get(name.slice(0, name.indexOf("/")))! };
  });
  return { files, classes };
}

/** The last part of a path. */
export function lastPart(path: string): string {
  return path.replace(/[/\\]+$/, "").replace(/^.*[/\\]/, "") || path;
}
