import { closest, FoveaError, fail } from "../../core/errors.js";
import { formatShape } from "../../core/shapes.js";
import { classCounts, type Dataset } from "../../data/dataset.js";
import { dataCache } from "../../data/locate.js";
import { fashionMnist, type MnistOptions, mnist, type TrainAndTest } from "../../data/mnist.js";
import { strokes } from "../../data/strokes.js";
import { downloadProgress } from "../download.js";
import { formatCount, formatTable } from "../format.js";
import { exitCodes, type Io, printJson, printLine } from "../io.js";

interface KnownSet {
  readonly name: string;
  readonly about: string;
  load(options: Pick<MnistOptions, "onProgress">): Promise<TrainAndTest>;
}

const sets: readonly KnownSet[] = [
  { name: "mnist", about: "handwritten digits, 60,000 + 10,000", load: mnist },
  { name: "fashion-mnist", about: "ten kinds of clothing, 60,000 + 10,000", load: fashionMnist },
  { name: "strokes", about: "digits drawn by fovea itself, any number", load: () => strokes() },
];

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
  for (const set of sets) rows.push({ name: set.name, about: set.about, ...(await whereIs(set)) });
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

/** Looks at the places on this machine, by reading the set with the network switched off. */
async function whereIs(set: KnownSet): Promise<{ found: boolean; place: string }> {
  if (set.name === "strokes") return { found: true, place: "generated" };
  const before = process.env.FOVEA_OFFLINE;
  process.env.FOVEA_OFFLINE = "1";
  try {
    const { test } = await set.load({});
    return { found: true, place: test.source.replace(/^.* from /, "") };
  } catch (error) {
    if (!(error instanceof FoveaError)) throw error;
    if (error.code !== "data") return { found: false, place: `damaged: ${error.where}: ${error.problem}` };
    const address = /https?:\S+\//.exec(error.problem)?.[0];
    return { found: false, place: address === undefined ? "nowhere" : `not here; to download from ${address}` };
  } finally {
    if (before === undefined) delete process.env.FOVEA_OFFLINE;
    else process.env.FOVEA_OFFLINE = before;
  }
}

/** One data set: shape, source, and how many examples each class has. */
export async function describeData(name: string, { json }: DataOptions, io: Io): Promise<number> {
  const { train, test } = await findSet(name).load(json === true ? {} : { onProgress: downloadProgress(io) });
  const counts = { train: classCounts(train), test: classCounts(test) };
  const classes = train.classes.map((label, i) => ({ name: label, train: counts.train[i]!, test: counts.test[i]! }));
  if (json === true) {
    const { source, shape } = train;
    printJson(io, { event: "data", name, source, shape, train: train.length, test: test.length, classes });
    return exitCodes.ok;
  }
  const lines = [
    train.source,
    `${formatCount(train.length)} to train on, ${formatCount(test.length)} to test; ${describeExample(train)}`,
    "",
    ...formatTable(
      ["Class", ">Train", ">Test"],
      classes.map((row) => [row.name, formatCount(row.train), formatCount(row.test)]),
    ),
  ];
  for (const line of lines) printLine(io.stdout, line);
  return exitCodes.ok;
}

function describeExample({ shape, inputs }: Dataset): string {
  return `each ${formatShape(shape)}, ${inputs instanceof Uint8Array ? "uint8 pixels 0 … 255" : "float32"}`;
}

function findSet(name: string): KnownSet {
  const found = sets.find((set) => set.name === name);
  if (found !== undefined) return found;
  const names = sets.map((set) => set.name);
  const near = closest(name, names);
  return fail({
    code: "usage",
    where: `data set "${name}"`,
    problem: "there is no such data set",
    expected: `one of ${names.join(", ")}`,
    fix: near === undefined ? undefined : `Did you mean "${near}"`,
  });
}
