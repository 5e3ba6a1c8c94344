import { platform } from "#platform";
import { dtypeOf } from "../../core/dtypes.js";
import { fail } from "../../core/errors.js";
import { keyOf, permutation } from "../../core/random.js";
import { formatShape, sizeOf } from "../../core/shapes.js";
import { augmented, classCounts, type Dataset, oneHot, parseAugment, statistics, subset } from "../../data/index.js";
import { dataCache } from "../../data/locate.js";
import { drawSheet, pictureOf, type SheetRow } from "../contactSheet.js";
import { downloadProgress } from "../download.js";
import { formatCount, formatTable } from "../format.js";
import { findData, knownSets, whereIs } from "../foundData.js";
import { exitCodes, type Io, printJson, printLine, printNote } from "../io.js";
import { inMemory, mostListed } from "../reading.js";

export interface DataOptions {
  readonly json?: boolean;
}

/** A data set, and where it is on this machine. */
export interface LocatedSet {
  readonly name: string;
  readonly about: string;
  readonly found: boolean;
  readonly place: string;
}

/** Looks for all data sets; nothing is downloaded. */
export async function locateSets(): Promise<LocatedSet[]> {
  const rows: LocatedSet[] = [];
  for (const set of knownSets) rows.push({ name: set.name, about: set.about, ...(await whereIs(set)) });
  return rows;
}

/** All data sets, and where each one is; nothing is downloaded. */
export async function listData({ json }: DataOptions, io: Io): Promise<number> {
  const rows = await locateSets();
  if (json === true) {
    for (const row of rows) printJson(io, { event: "data", ...row });
    return exitCodes.ok;
  }
  const cells = rows.map(({ name, about, place }) => [name, about, place]);
  const lines = [
    ...formatTable(["Name", "What", "Where"], cells),
    "",
    "Sets are looked for in the directory FOVEA_DATA, then in the cache, then in ../shared/data; what is in none of",
    `them is downloaded when it is first used, and kept in ${dataCache()}.`,
  ];
  for (const line of lines) printLine(io.stdout, line);
  return exitCodes.ok;
}

/** One data set: shape, source, statistics, and how many examples each class has. */
export async function describeData(name: string, { json }: DataOptions, io: Io): Promise<number> {
  const onProgress = json === true ? undefined : downloadProgress(io);
  const { source, parts, skipped, about } = await findData(name, { onProgress, fit: "fill" });
  const [{ data: first }] = parts as [(typeof parts)[number]];
  const { mean, deviation } = await statistics(first);
  const classes = first.classes.map((label) => {
    const counts = parts.map(({ name: part, data }) => [part, countOf(data, label)] as const);
    return { name: label, ...Object.fromEntries(counts) };
  });
  const hasClasses = classes.length > 0 && first.targetShape.length === 0;
  if (json === true) {
    const lengths = Object.fromEntries(parts.map(({ name: part, data }) => [part, data.length]));
    const shape = about === undefined ? first.shape : undefined;
    printJson(io, {
      event: "data",
      name,
      source,
      shape,
      ...lengths,
      mean,
      deviation,
      classes: hasClasses ? classes : [],
      skipped,
    });
    return exitCodes.ok;
  }
  const fixed = (values: readonly number[]) => values.map((value) => value.toFixed(4)).join(", ");
  const lines = [
    source,
    `${countsOf(parts)}; ${about ?? describeExample(first)}`,
    ...(mean.length <= 8 ? [`mean ${fixed(mean)}, deviation ${fixed(deviation)}, as networks see it`] : []),
    ...(hasClasses ? ["", ...classTable(parts, first.classes)] : []),
    ...(skipped.length > 0 ? ["", `${formatCount(skipped.length)} damaged, left out:`] : []),
    ...skipped.slice(0, mostListed).map(({ file, reason }) => `  ${file}: ${reason}`),
    ...(skipped.length > mostListed ? [`  and ${formatCount(skipped.length - mostListed)} more`] : []),
  ];
  for (const line of lines) printLine(io.stdout, line);
  return exitCodes.ok;
}

type Parts = readonly { readonly name: string; readonly data: Dataset }[];

function countOf(data: Dataset, label: string): number {
  const at = data.classes.indexOf(label);
  return at < 0 || data.targetShape.length > 0 ? 0 : classCounts(data)[at]!;
}

function countsOf(parts: Parts): string {
  const words: Readonly<Record<string, string>> = { train: "to train on", test: "to test", all: "examples" };
  return parts.map(({ name, data }) => `${formatCount(data.length)} ${words[name] ?? `in ${name}`}`).join(", ");
}

function classTable(parts: Parts, classes: readonly string[]): string[] {
  const title = (name: string) => `>${name === "all" ? "Examples" : name[0]!.toUpperCase() + name.slice(1)}`;
  return formatTable(
    ["Class", ...parts.map(({ name }) => title(name))],
    classes.map((label) => [label, ...parts.map(({ data }) => formatCount(countOf(data, label)))]),
  );
}

function describeExample({ shape, inputs }: Dataset): string {
  const type = dtypeOf(inputs);
  return `each ${formatShape(shape)}, ${type === "uint8" ? "uint8 pixels 0 … 255" : type}`;
}

export interface ShowOptions {
  readonly out?: string;
  readonly augment?: string;
  readonly columns?: number;
  readonly seed?: number;
  readonly part?: string;
  readonly json?: boolean;
}

/** Classes that a sheet has rows for. */
const mostRows = 24;

/** Draws examples of each class, or variations of one of each, into a picture. */
export async function showData(name: string, options: ShowOptions, io: Io): Promise<number> {
  const { augment: given, columns = 12, seed = 0, json } = options;
  const steps = given === undefined ? undefined : parseAugment(given);
  const found = await findData(name, { onProgress: json === true ? undefined : downloadProgress(io), fit: "contain" });
  const part = options.part === undefined ? found.parts[0]! : found.parts.find((one) => one.name === options.part);
  if (part === undefined) {
    const expected = `one of ${found.parts.map((one) => one.name).join(", ")}`;
    return fail({ code: "usage", where: "--part", problem: `there is no part "${options.part}"`, expected });
  }
  const { data } = part;
  const groups = groupsOf(data, seed);
  const rows: SheetRow[] = [];
  for (const [row, { label, count, indices }] of groups.slice(0, mostRows).entries()) {
    const note = count === undefined ? "" : formatCount(count);
    if (steps === undefined) {
      rows.push({ label, note, pictures: await picturesOf(await inMemory(data, indices.slice(0, columns))) });
      continue;
    }
    // what is mixed in comes from the whole sheet
    const chosen = [indices[0]!, ...groups.map((group) => group.indices[0]!).filter((index) => index !== indices[0])];
    const plain = await inMemory(data, chosen.slice(0, mostRows));
    const mixes = steps.steps.some(({ stage }) => stage === "mix");
    const original =
      mixes && plain.targets instanceof Int32Array && plain.targetShape.length === 0 ? oneHot(plain) : plain;
    const pictures = await picturesOf(subset(original, [0]));
    for (let epoch = 1; epoch < columns; epoch++) {
      // each row in a way of its own
      const varied = augmented(original, steps, { seed: seed + row, epoch });
      pictures.push(...(await picturesOf(subset(varied, [0]))));
    }
    rows.push({ label, note: "", pictures });
  }
  const more = groups.length > mostRows ? `, ${mostRows} of ${groups.length} classes` : "";
  const png = await drawSheet({
    title: data.name,
    subtitle: `${formatCount(data.length)} examples, ${found.about ?? describeExample(data)}${more} · ${data.source}`,
    rows,
    ...(steps === undefined
      ? {}
      : {
          columns: [
            { at: 0, text: "as it is" },
            { at: 1, text: `varied: ${given}` },
          ],
        }),
  });
  const file =
    options.out ??
    `${
      name
        .replace(/[/\\]+$/, "")
        .replace(/^.*[/\\]/, "")
        .replace(/\.npz$/i, "") || "data"
    }${steps === undefined ? "" : "-augmented"}.png`;
  await platform.files.writeAtomic(file, png);
  for (const { file: damaged, reason } of found.skipped.slice(0, mostListed)) printNote(io, `${damaged}: ${reason}`);
  if (json === true) printJson(io, { event: "sheet", name, part: part.name, file, rows: rows.length, columns });
  else
    printLine(
      io.stdout,
      `${file}: ${rows.length} ${groups[0]!.count === undefined ? "rows" : "classes"} of ${part.name}`,
    );
  return exitCodes.ok;
}

interface Group {
  readonly label: string;
  /** Of the class; undefined where examples have none. */
  readonly count: number | undefined;
  readonly indices: readonly number[];
}

/** Examples by class, in the order of a shuffle; without classes, in rows of their own. */
function groupsOf(data: Dataset, seed: number): Group[] {
  const order = permutation(data.length, keyOf(seed, "show"));
  if (!(data.targets instanceof Int32Array) || data.targetShape.length > 0) {
    const rows = Math.min(8, data.length);
    return Array.from({ length: rows }, (_, row) => {
      const indices = [...order].filter((_, i) => i % rows === row).slice(0, 100);
      return { label: "", count: undefined, indices };
    });
  }
  const indices: number[][] = data.classes.map(() => []);
  for (const index of order) indices[data.targets[index]!]!.push(index);
  const counts = classCounts(data);
  return data.classes
    .map((label, i) => ({ label, count: counts[i]!, indices: indices[i]! }))
    .filter(({ count }) => count > 0);
}

async function picturesOf(data: Dataset) {
  const [size, targetSize] = [sizeOf(data.shape), sizeOf(data.targetShape)];
  return Array.from({ length: data.length }, (_, i) => {
    const targets = data.targets.subarray(i * targetSize, (i + 1) * targetSize);
    return pictureOf(data, data.inputs.subarray(i * size, (i + 1) * size), targets);
  });
}
