import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { platform } from "#platform";
import { fail } from "../core/errors.js";
import { keyOf, permutation } from "../core/random.js";
import { lastPart, listFiles } from "../data/files.js";
import { imageExtensions, readImageList, sortedClasses } from "../data/imageFiles.js";
import {
  type Dataset,
  type FileDataset,
  type ImageSize,
  imageDataset,
  parseCsv,
  type SkippedFile,
  subset,
} from "../data/index.js";
import { formatCount } from "./format.js";
import { arraysIn } from "./foundData.js";

/** What an example is used for. */
export type PartName = "train" | "validation" | "test";

/** One example of a user's data. */
export interface OwnExample {
  /** Undefined where the data themselves do not say. */
  readonly part: PartName | undefined;
  readonly class: string;
  /** With slashes; relative to the folder, or to that of the list. Of arrays, which and where: `train[7]`. */
  readonly file: string;
  readonly bytes: number;
}

/** A user's own data, listed and not yet read. */
export interface OwnData {
  readonly path: string;
  readonly kind: "images" | "arrays";
  /** In the order of their numbers. */
  readonly classes: readonly string[];
  readonly examples: readonly OwnExample[];
  /** What tells these data from others: of images a checksum of names, classes and sizes. */
  readonly fingerprint: string;
  /** What a user may not have meant. */
  readonly notes: readonly string[];
}

/** How much is held back to measure on, where the data do not say. */
export interface Division {
  readonly seed: number;
  /** Part of each class that decides which epoch is the best. */
  readonly validation: number;
  /** Part of each class that nothing is decided by. */
  readonly test: number;
}

/** Names of folders that are parts of a set, not classes. */
const partFolders: Readonly<Record<string, PartName>> = {
  train: "train",
  training: "train",
  valid: "validation",
  validation: "validation",
  val: "validation",
  test: "test",
  testing: "test",
};

/**
 * Lists a user's data: a folder of images in folders of their classes, or of such folders called train, validation and
 * test; a CSV list of paths and classes; or a `.npz` file.
 *
 * Errors: code "data" where there is nothing to learn from; codes "file" and "format" for what cannot be read.
 */
export async function listOwnData(path: string): Promise<OwnData> {
  if (!(await platform.files.exists(path))) {
    const fix = "Give a folder with a folder of images for each class, a CSV list or a .npz file";
    fail({ code: "file", where: path, problem: "there is no such folder or file", fix });
  }
  if (/\.npz$/i.test(path)) return listArrays(path);
  const listed = /\.csv$/i.test(path) ? await listTable(path) : await listFolder(path);
  const examples = await withBytes(path, listed.examples);
  const classes = sortedClasses(examples.map((example) => example.class));
  return { path, kind: "images", classes, examples, fingerprint: fingerprintOf(examples), notes: listed.notes };
}

interface Listed {
  readonly examples: readonly Omit<OwnExample, "bytes">[];
  readonly notes: readonly string[];
}

async function listFolder(path: string): Promise<Listed> {
  const files = await listFiles(path, imageExtensions);
  const folders = [...new Set(files.filter((file) => file.includes("/")).map((file) => file.split("/")[0]!))];
  const hasParts = folders.length > 0 && folders.every((name) => name.toLowerCase() in partFolders);
  const depth = hasParts ? 2 : 1;
  const without = files.filter((file) => file.split("/").length <= depth);
  if (without.length === files.length) {
    const found = files.length === 0 ? "no images" : `${imagesOf(files.length)}, but in no folder of a class`;
    const places = `${path}/${hasParts ? "train/" : ""}<class>/<file>`;
    const fix = "Make a folder for each class, and put its images (JPEG, PNG, WebP, AVIF, TIFF, GIF) there";
    fail({ code: "data", where: path, problem: `holds ${found}`, expected: places, fix });
  }
  const examples = files
    .filter((file) => file.split("/").length > depth)
    .map((file) => {
      const names = file.split("/");
      const part = hasParts ? partFolders[names[0]!.toLowerCase()]! : undefined;
      // names in one form, whatever the file system writes accents as
      return { part, class: names[depth - 1]!.normalize("NFC"), file };
    });
  const stray = `${imagesOf(without.length)} in no folder of a class ${without.length === 1 ? "is" : "are"} left out`;
  return { examples, notes: without.length === 0 ? [] : [`${path}: ${stray} (${someOf(without)})`] };
}

async function listTable(path: string): Promise<Listed> {
  const lines = await readImageList(`list "${path}"`, path, {});
  const folder = path.replace(/[^/\\]*$/, "");
  const examples = lines.map(({ image, label }) => {
    const file = image.startsWith(folder) ? image.slice(folder.length) : image;
    return { part: undefined, class: label.trim().normalize("NFC"), file };
  });
  return { examples, notes: [] };
}

async function withBytes(path: string, examples: readonly Omit<OwnExample, "bytes">[]): Promise<OwnExample[]> {
  const sized: OwnExample[] = [];
  const atOnce = 64;
  for (let start = 0; start < examples.length; start += atOnce) {
    const some = examples.slice(start, start + atOnce);
    const found = await Promise.all(some.map(async (one) => ({ ...one, bytes: await bytesOf(path, one.file) })));
    sized.push(...found);
  }
  return sized;
}

async function bytesOf(path: string, file: string): Promise<number> {
  const place = placeOf(path, file);
  try {
    return (await stat(place)).size;
  } catch (cause) {
    const problem = `${path} names it, but it cannot be read`;
    return fail({ code: "file", where: place, problem, fix: "Correct the list, or put the file there", cause });
  }
}

/** Where a file lies that the data at `path` name. */
export function placeOf(path: string, file: string): string {
  const folder = /\.csv$/i.test(path) ? dirname(path) : path;
  return isAbsolute(file) ? file : join(folder, file);
}

function fingerprintOf(examples: readonly OwnExample[]): string {
  const lines = examples.map((example) => [example.class, example.file, example.bytes].join("\u0000")).sort();
  return checksumOf(lines.join("\n"));
}

export const checksumOf = (content: string | Uint8Array) =>
  createHash("sha256").update(content).digest("hex").slice(0, 32);

async function listArrays(path: string): Promise<OwnData> {
  const { parts } = await arraysIn(path);
  const examples = parts.flatMap(({ name, data }) => {
    checkLabels(path, name, data);
    const { targets, length, shape } = data;
    const part = name === "all" || parts.length === 1 ? undefined : (name as PartName);
    const bytes = data.inputs.byteLength / length;
    if (shape.length !== 3) {
      const expected = "examples × height × width × channels, or examples × height × width of uint8";
      fail({ code: "shape", where: path, problem: "the arrays are no images", expected, received: `[${shape}]` });
    }
    return Array.from({ length }, (_, i) => ({ part, class: String(targets[i]), file: `${name}[${i}]`, bytes }));
  });
  const classes = sortedClasses(examples.map((example) => example.class));
  const fingerprint = checksumOf(await platform.files.read(path));
  return { path, kind: "arrays", classes, examples, fingerprint, notes: [] };
}

function checkLabels(path: string, part: string, { targets, targetShape }: Dataset): void {
  if (targets instanceof Int32Array && targetShape.length === 0) return;
  const expected = "whole numbers from 0, one for each example";
  fail({ code: "data", where: path, problem: `the labels of "${part}" are no classes`, expected });
}

/**
 * Gives every example its part. Where the data have parts they keep them; what is missing is taken off the examples to
 * train on, each class for itself and by seed. Of a class of three examples or more each part gets at least one.
 *
 * Errors: code "data" where there are fewer than two classes, or nothing is left to train or to measure on.
 */
export function divide({ path, classes, examples }: OwnData, { seed, validation, test }: Division): OwnExample[] {
  const isPresent = (part: PartName) => examples.some((example) => example.part === part);
  const wanted = { validation: isPresent("validation") ? 0 : validation, test: isPresent("test") ? 0 : test };
  const whole = examples.flatMap(({ part = "train" }, i) => (part === "train" ? [i] : []));
  const counts = new Map<string, number>();
  for (const i of whole) counts.set(examples[i]!.class, (counts.get(examples[i]!.class) ?? 0) + 1);
  checkDivisible(path, classes, examples, [...counts.keys()]);
  const left = new Map([...counts].map(([name, all]) => [name, heldBack(wanted, all)]));
  const parts = examples.map(({ part }) => part ?? "train");
  for (const place of permutation(whole.length, keyOf(seed, "divide"))) {
    const i = whole[place]!;
    const missing = left.get(examples[i]!.class)!;
    const part = missing.test > 0 ? "test" : missing.validation > 0 ? "validation" : undefined;
    if (part === undefined) continue;
    missing[part] -= 1;
    parts[i] = part;
  }
  for (const part of ["train", "validation", "test"] as const) {
    if (parts.includes(part)) continue;
    const problem = `there are too few images: none would be left for "${part}"`;
    fail({ code: "data", where: path, problem, expected: "at least three of some class", fix: "Add images" });
  }
  return examples.map((example, i) => ({ ...example, part: parts[i]! }));
}

function checkDivisible(
  path: string,
  classes: readonly string[],
  examples: readonly OwnExample[],
  known: readonly string[],
): void {
  if (known.length === 0) fail({ code: "data", where: path, problem: "there are no images to train on" });
  const stranger = examples.find((example) => !known.includes(example.class));
  if (stranger !== undefined) {
    const problem = `the part "${stranger.part}" has the class "${stranger.class}", which there is nothing to train on for`;
    const fix = "Add such images to those to train on, or take the class away";
    fail({ code: "data", where: path, problem, expected: `classes among ${someOf(known)}`, fix });
  }
  if (known.length === 1) {
    const problem = `all images are of one class, "${classes[0]}": there is nothing to tell apart`;
    fail({ code: "data", where: path, problem, expected: "a folder for each of two classes or more" });
  }
}

/** Says which classes have so few examples that none is held back. */
export function notesOf(examples: readonly OwnExample[]): string[] {
  const of = (part: PartName) => new Set(examples.flatMap((one) => (one.part === part ? [one.class] : [])));
  const [train, validation, test] = [of("train"), of("validation"), of("test")];
  return (
    [
      ["validate", validation],
      ["measure", test],
    ] as const
  ).flatMap(([verb, held]) => {
    const without = [...train].filter((name) => !held.has(name));
    return without.length === 0 ? [] : [`too few images to ${verb} on: ${someOf(without)}`];
  });
}

/** How many of `all` examples of a class are held back; one at least is left. */
function heldBack(part: Readonly<Record<"validation" | "test", number>>, all: number) {
  const held = (fraction: number, most: number) => {
    return fraction === 0 || all < 3 ? 0 : Math.min(most, Math.max(1, Math.round(all * fraction)));
  };
  const test = held(part.test, all - 2);
  return { test, validation: held(part.validation, all - 1 - test) };
}

/** What a run reads of its examples, and how. */
export interface ReadOptions extends ImageSize {
  /** Whether images that cannot be decoded are left out, or an error that names them all. */
  readonly corrupt: "skip" | "refuse";
  /** Whether images are decoded once and kept. Default: kept if all of them have at most 512 MiB. */
  readonly inMemory?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface OwnParts<P extends PartName> {
  readonly data: Readonly<Record<P, Dataset>>;
  /** What the examples of each are called. */
  readonly names: Readonly<Record<P, readonly string[]>>;
  readonly skipped: readonly SkippedFile[];
}

/** Data sets that have up to so many bytes, all parts together, are kept: 512 MiB. */
const mostKeptBytes = 2 ** 29;

/**
 * Reads parts of a user's data. Images are turned as their EXIF orientation says; unless `fit` says otherwise, their
 * shorter side becomes that asked for, and the middle of the longer one is cut out.
 *
 * Errors: code "data", with the names of all of them, for images that cannot be decoded and may not be left out.
 */
export async function readOwnData<P extends PartName>(
  { path, kind, classes }: Pick<OwnData, "path" | "kind" | "classes">,
  examples: readonly OwnExample[],
  parts: readonly P[],
  { height, width, channels, fit = "cover", corrupt, inMemory, onProgress }: ReadOptions,
): Promise<OwnParts<P>> {
  const chosen = examples.filter(({ part }) => parts.includes(part as P));
  const ofPart = (part: PartName) => chosen.filter((example) => example.part === part);
  const number = new Map(classes.map((name, label) => [name, label]));
  const namesBut = (skipped: ReadonlySet<string>) => {
    const names = parts.map((part) => [part, ofPart(part).flatMap(({ file }) => (skipped.has(file) ? [] : [file]))]);
    return Object.fromEntries(names) as Record<P, string[]>;
  };
  if (kind === "arrays") {
    const { parts: arrays } = await arraysIn(path);
    const read = parts.map(
      (part) =>
        [part, { ...ofArrays(arrays, ofPart(part), number), classes, name: "images", source: lastPart(path) }] as const,
    );
    return { data: Object.fromEntries<Dataset>(read) as Record<P, Dataset>, names: namesBut(new Set()), skipped: [] };
  }
  const keep = inMemory ?? chosen.length * height * width * channels <= mostKeptBytes;
  const read: [P, FileDataset][] = [];
  let before = 0;
  for (const part of parts) {
    const items = ofPart(part).map((example) => {
      return { image: placeOf(path, example.file), name: example.file, label: number.get(example.class)! };
    });
    const done = before;
    const data = await imageDataset(items, {
      ...{ height, width, channels, fit },
      // by which a run knows its data again, wherever they lie
      ...{ classes, name: "images", damaged: "skip", inMemory: keep },
      onProgress: (count) => onProgress?.(done + count, chosen.length),
    });
    before += items.length;
    read.push([part, { ...data, source: lastPart(path) }]);
  }
  const skipped = read.flatMap(([, data]) => data.skipped);
  if (corrupt === "refuse" && skipped.length > 0) {
    const [{ reason }] = skipped as [SkippedFile];
    const names = someOf(skipped.map(({ file }) => file));
    fail({
      code: "data",
      where: path,
      problem: `${imagesOf(skipped.length)} of ${formatCount(chosen.length)} cannot be decoded: ${names}`,
      received: reason,
      fix: "Repair or remove them, or leave them out: --corrupt skip",
    });
  }
  const names = namesBut(new Set(skipped.map(({ file }) => file)));
  return { data: Object.fromEntries<Dataset>(read) as Record<P, Dataset>, names, skipped };
}

/** Examples of a part by their places in arrays, as in `train[7]`. */
function ofArrays(
  arrays: readonly { readonly name: string; readonly data: Dataset }[],
  examples: readonly OwnExample[],
  number: ReadonlyMap<string, number>,
): Dataset {
  const places = examples.map(({ file }) => /^(\w+)\[(\d+)\]$/.exec(file)!);
  const from = arrays.find(({ name }) => name === places[0]![1])!.data;
  const indices = places.map(([, , index]) => Number(index));
  return {
    ...subset(from, indices),
    name: "images",
    targets: Int32Array.from(examples, (example) => number.get(example.class)!),
  };
}

/** Names of the columns of a run's list. */
const columns = ["part", "class", "file", "bytes"] as const;

/** A run's list of its examples, as CSV. */
export function formatOwnExamples(examples: readonly OwnExample[]): string {
  const cell = (value: string | number) => {
    return /[",\r\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value);
  };
  const lines = examples.map((example) => columns.map((name) => cell(example[name] ?? "")).join(","));
  return `${[columns.join(","), ...lines].join("\n")}\n`;
}

/** Reads what {@link formatOwnExamples} wrote. Errors: code "format". */
export function parseOwnExamples(text: string, where: string): OwnExample[] {
  const [titles, ...lines] = parseCsv(text, where);
  const isPart = (name: string) => name === "train" || name === "validation" || name === "test";
  if (titles?.join() !== columns.join() || !lines.every(([part, , , bytes]) => isPart(part!) && /^\d+$/.test(bytes!))) {
    fail({ code: "format", where, problem: "is not the list of a run's examples", expected: columns.join(", ") });
  }
  return lines.map(([part, name, file, bytes]) => {
    return { part: part as PartName, class: name!, file: file!, bytes: Number(bytes) };
  });
}

/**
 * Says how data differ from what they were: `2 more (cats/a.png, cats/b.png), 1 missing (…)`. Undefined where they are the
 * same.
 */
export function changesOf(before: readonly OwnExample[], now: readonly OwnExample[]): string | undefined {
  const keyOf = (example: OwnExample) => `${example.class}\u0000${example.file}`;
  const [was, is] = [before, now].map((all) => new Map(all.map((example) => [keyOf(example), example.bytes])));
  const named = (keys: Iterable<string>) => [...keys].map((key) => key.slice(key.indexOf("\u0000") + 1));
  const kinds = [
    ["more", named([...is!.keys()].filter((key) => !was!.has(key)))],
    ["missing", named([...was!.keys()].filter((key) => !is!.has(key)))],
    [
      "of another size",
      named([...is!].filter(([key, bytes]) => (was!.get(key) ?? bytes) !== bytes).map(([key]) => key)),
    ],
  ] as const;
  const found = kinds.filter(([, files]) => files.length > 0);
  if (found.length === 0) return undefined;
  return found.map(([kind, files]) => `${formatCount(files.length)} ${kind} (${someOf(files)})`).join(", ");
}

/** Three names, and how many more. */
export function someOf(names: readonly string[]): string {
  const more = names.length > 3 ? ` and ${formatCount(names.length - 3)} more` : "";
  return `${names.slice(0, 3).join(", ")}${more}`;
}

const imagesOf = (count: number) => `${formatCount(count)} ${count === 1 ? "image" : "images"}`;
