import { basename, extname, join } from "node:path";
import { platform } from "#platform";
import { closest, fail } from "../../core/errors.js";
import { type Dataset, take } from "../../data/dataset.js";
import { readImage } from "../../data/images.js";
import { strokes } from "../../data/strokes.js";
import {
  deconvnet,
  featureMaps,
  filterEvolution,
  filters,
  gradCam,
  gradientNorms,
  guidedBackpropagation,
  histograms,
  integratedGradients,
  maximizeActivation,
  occlusion,
  type PictureView,
  saliency,
  type ThemeName,
  topActivations,
  unitReport,
  type View,
  type ViewOptions,
  viewPng,
  viewSvg,
  viewText,
} from "../../inspect/index.js";
import { loadModel, type Model } from "../../train/model.js";
import { usesUtf8 } from "../../train/progress.js";
import { formatBytes, formatPercent, formatTable } from "../format.js";
import { exitCodes, type Io, printJson, printLine, printNote } from "../io.js";
import { pictureSize } from "../picture.js";
import { inMemory } from "../reading.js";
import { modelFile } from "../run.js";
import { taskOfRun } from "../task.js";

export interface InspectCommandOptions {
  readonly layer?: string;
  readonly unit?: string;
  readonly images?: number;
  readonly invert?: boolean;
  readonly out?: string;
  readonly theme: ThemeName;
  readonly threads?: number;
  readonly json?: boolean;
}

/** What a view is made from. */
interface Subject {
  readonly path: string;
  readonly model: Model;
  readonly options: InspectCommandOptions;
  readonly execution: ViewOptions;
  readonly io: Io;
  /** What stands behind the model on the command line. */
  readonly more: readonly string[];
}

interface ViewCommand {
  readonly about: string;
  make(subject: Subject): Promise<View> | View;
}

/** What `fovea inspect` can show, by its names. */
export const viewCommands = {
  filters: {
    about: "the filters of a layer",
    make: ({ model, options }) => filters(model, options.layer),
  },
  maps: {
    about: "what the channels of a layer give for an image",
    make: async (subject) => featureMaps(subject.model, await imageOf(subject), withLayer(subject)),
  },
  saliency: {
    about: "the gradient: which pixels would change a class most",
    make: async (subject) => saliency(subject.model, await imageOf(subject), withUnit(subject)),
  },
  guided: {
    about: "guided backpropagation",
    make: async (subject) => guidedBackpropagation(subject.model, await imageOf(subject), withUnit(subject)),
  },
  deconvnet: {
    about: "what in the image made a unit answer (Zeiler and Fergus)",
    make: async (subject) => deconvnet(subject.model, await imageOf(subject), withUnit(subject)),
  },
  integrated: {
    about: "integrated gradients: what each pixel counts for a class",
    make: async (subject) => integratedGradients(subject.model, await imageOf(subject), withUnit(subject)),
  },
  occlusion: {
    about: "how much a class falls when a patch is covered",
    make: async (subject) => occlusion(subject.model, await imageOf(subject), withUnit(subject)),
  },
  gradcam: {
    about: "where a layer found what speaks for a class",
    make: async (subject) => gradCam(subject.model, await imageOf(subject), camOptions(subject)),
  },
  "gradcam++": {
    about: "the same, for several places of one class",
    make: async (subject) =>
      gradCam(subject.model, await imageOf(subject), { ...camOptions(subject), method: "gradCam++" }),
  },
  top: {
    about: "the images of the test set that excite units most",
    make: async (subject) => {
      const unit = classOf(subject);
      const units = unit === undefined ? {} : { units: [unit] };
      return topActivations(subject.model, await dataOf(subject, 1000), { ...withLayer(subject), ...units });
    },
  },
  maximize: {
    about: "an image made for a unit by gradient ascent",
    make: (subject) => maximizeActivation(subject.model, { ...withLayer(subject), unit: classOf(subject) ?? 0 }),
  },
  histograms: {
    about: "values of weights and activations",
    make: async (subject) => {
      const data = subject.options.images === 0 ? undefined : await dataOf(subject, 200);
      return histograms(subject.model, data, subject.execution);
    },
  },
  dead: {
    about: "dead and saturated units over the test set",
    make: async (subject) => unitReport(subject.model, await dataOf(subject, 1000), subject.execution),
  },
  gradients: {
    about: "norms of gradients, layer by layer",
    make: async (subject) => gradientNorms(subject.model, await dataOf(subject, 100), subject.execution),
  },
  evolution: {
    about: "filters over several model files, in the order given",
    make: async ({ path, model, more, options }) => {
      const others = await Promise.all(
        more.map(async (file) => [file, await loadModel(await modelFile(file))] as const),
      );
      const all = [[path, model] as const, ...others];
      return filterEvolution(Object.fromEntries(shortNames(all)), options.layer);
    },
  },
} as const satisfies Readonly<Record<string, ViewCommand>>;

/** Makes a view of a model, and shows it: as a picture in a file, in the terminal, or as JSON. */
export async function inspect(
  name: string,
  path: string,
  more: readonly string[],
  options: InspectCommandOptions,
  io: Io,
): Promise<number> {
  const command: ViewCommand = Object.hasOwn(viewCommands, name)
    ? viewCommands[name as keyof typeof viewCommands]
    : failUnknown(name);
  const out = options.out === undefined ? undefined : checkOut(options.out);
  const model = await loadModel(await modelFile(path));
  const onMemory = (bytes: number) => {
    if (options.json !== true) printNote(io, `takes ${formatBytes(bytes)} of memory`);
  };
  const execution: ViewOptions = { threads: options.threads, onMemory };
  const view = await command.make({ path, model, options, execution, io, more });
  if (options.json === true) printJson(io, { event: "view", model: path, ...plain(view) });
  const file = out ?? (options.json === true ? undefined : await defaultFile(path, name, options));
  if (options.json !== true) show(view, io);
  if (file === undefined) return exitCodes.ok;
  const { theme } = options;
  await platform.files.writeAtomic(
    file,
    extname(file) === ".svg" ? await viewSvg(view, { theme }) : await viewPng(view, { theme }),
  );
  if (options.json !== true) printLine(io.stdout, `picture ${file}`);
  return exitCodes.ok;
}

function failUnknown(name: string): never {
  const names = Object.keys(viewCommands);
  const near = closest(name, names);
  return fail({
    code: "usage",
    where: `inspect "${name}"`,
    problem: "there is no such view",
    expected: `one of ${names.join(", ")}`,
    fix: near === undefined ? undefined : `Did you mean "${near}"`,
  });
}

function checkOut(file: string): string {
  if ([".svg", ".png"].includes(extname(file))) return file;
  return fail({
    code: "option",
    where: "--out",
    problem: "is no picture's name",
    expected: "*.svg or *.png",
    received: file,
  });
}

/** In the run's directory, or here: `filters-conv2d.png`. */
async function defaultFile(path: string, name: string, { layer, unit }: InspectCommandOptions): Promise<string> {
  const parts = [name, layer, unit].filter((part) => part !== undefined).join("-");
  const file = `${parts.replace(/[^A-Za-z0-9._+-]+/g, "_")}.png`;
  return path.endsWith(".safetensors") ? file : join(path, file);
}

const withLayer = ({ options: { layer }, execution }: Subject) =>
  layer === undefined ? execution : { layer, ...execution };

function withUnit(subject: Subject) {
  const unit = unitOf(subject);
  return unit === undefined ? withLayer(subject) : { unit, ...withLayer(subject) };
}

function camOptions(subject: Subject) {
  const unit = classOf(subject);
  return unit === undefined ? withLayer(subject) : { unit, ...withLayer(subject) };
}

/** A class by name, a number, or a place as `row,column,channel`. */
function unitOf({ options: { unit }, model }: Subject): number | readonly number[] | undefined {
  if (unit === undefined) return undefined;
  const named = model.classes.indexOf(unit);
  if (named >= 0) return named;
  const numbers = unit.split(",").map((part) => (/^\d+$/.test(part) ? Number(part) : Number.NaN));
  if (numbers.every(Number.isInteger)) return numbers.length === 1 ? numbers[0] : numbers;
  return fail({
    code: "option",
    where: "--unit",
    problem: "there is no such unit",
    expected: `a number, a place such as 3,4,0, or a class${model.classes.length > 0 ? ` (${model.classes.slice(0, 10).join(", ")})` : ""}`,
    received: unit,
  });
}

function classOf(subject: Subject): number | undefined {
  const unit = unitOf(subject);
  if (unit === undefined || typeof unit === "number") return unit;
  return fail({ code: "option", where: "--unit", problem: "takes one number here", received: subject.options.unit });
}

/** A picture file, `test:7` of the run's test set, or `strokes:7` of fovea's own digits. */
async function imageOf(subject: Subject): Promise<Uint8Array> {
  const { more, model, options } = subject;
  const [name = "test:0", ...rest] = more;
  if (rest.length > 0) {
    fail({ code: "usage", where: "inspect", problem: "takes one image", received: more.join(", ") });
  }
  const position = /^(test|strokes):(\d+)$/.exec(name);
  const image =
    position === null ? await imageFile(name, model) : await imageAt(subject, position[1]!, Number(position[2]));
  return options.invert === true ? image.map((value) => 255 - value) : image;
}

async function imageAt(subject: Subject, set: string, index: number): Promise<Uint8Array> {
  const data = set === "strokes" ? (await strokes({ train: 1, test: index + 1 })).test : await testSet(subject);
  if (index >= data.length) {
    fail({
      code: "usage",
      where: `image "${set}:${index}"`,
      problem: "there is none",
      expected: `0 … ${data.length - 1}`,
    });
  }
  return (await inMemory(data, [index])).inputs as Uint8Array;
}

async function imageFile(path: string, model: Model): Promise<Uint8Array> {
  return readImage(path, pictureSize(model, path));
}

/** The first images of the run's test set. */
async function dataOf(subject: Subject, usual: number): Promise<Dataset> {
  const data = await testSet(subject);
  const some = take(data, Math.min(data.length, Math.max(1, subject.options.images ?? usual)));
  return inMemory(
    some,
    Array.from({ length: some.length }, (_, i) => i),
  );
}

async function testSet({ path, io, options }: Subject): Promise<Dataset> {
  if (path.endsWith(".safetensors")) {
    fail({
      code: "usage",
      where: path,
      problem: "a model file does not say which images it is for",
      fix: "Give a run directory, or an image: a file, or strokes:0",
    });
  }
  const task = await taskOfRun(path);
  return (await task.test({ io, quiet: options.json === true })).data;
}

/** What differs in the names of files. */
function shortNames(all: readonly (readonly [string, Model])[]): (readonly [string, Model])[] {
  const bases = all.map(([name]) => basename(name, ".safetensors"));
  return all.map(([name, model], i) => [new Set(bases).size === bases.length ? bases[i]! : name, model] as const);
}

/** Pictures as half blocks where the terminal has colours; reports as tables. */
function show(view: View, { stdout }: Io): void {
  switch (view.view) {
    case "unitReport":
      for (const line of reportLines(view)) printLine(stdout, line);
      return;
    case "gradientNorms":
      for (const line of normLines(view)) printLine(stdout, line);
      return;
    case "histograms":
      for (const line of histogramLines(view)) printLine(stdout, line);
      return;
    default:
      if (stdout.isTTY === true) stdout.write(inTerminal(view, stdout.columns ?? 80));
      else printLine(stdout, oneLine(view));
  }
}

function inTerminal(view: PictureView, columns: number): string {
  const color = platform.env("NO_COLOR") === undefined && platform.env("TERM") !== "dumb" && usesUtf8();
  return viewText(view, { columns, color });
}

/** Title and sentence, where there is no terminal to draw in. */
function oneLine(view: PictureView): string {
  const [title, subtitle] = viewText(view, { columns: 1, color: false }).split("\n");
  return `${title}: ${subtitle}`;
}

function reportLines({ layers, examples }: Extract<View, { view: "unitReport" }>): string[] {
  const part = (value: number | undefined) => (value === undefined ? "" : formatPercent(value));
  const list = (units: readonly number[]) => `${units.slice(0, 8).join(", ")}${units.length > 8 ? ", …" : ""}`;
  const columns = [
    { title: "Layer", cells: layers.map(({ layer }) => layer) },
    { title: "Activation", cells: layers.map(({ activation }) => activation) },
    { title: ">Units", cells: layers.map(({ units }) => String(units)) },
    { title: ">Dead", cells: layers.map(({ dead }) => String(dead.length)) },
    { title: ">Zeros", cells: layers.map(({ zeros }) => part(zeros)) },
    { title: ">Saturated", cells: layers.map(({ saturated }) => part(saturated)) },
    { title: "Dead are", cells: layers.map(({ dead }) => list(dead)) },
  ].filter(({ cells }) => cells.some((cell) => cell !== ""));
  const rows = layers.map((_, i) => columns.map(({ cells }) => cells[i]!));
  const titles = columns.map(({ title }) => title);
  return [`Dead and saturated units, over ${examples} images`, "", ...formatTable(titles, rows)];
}

function normLines({ weights, loss, examples }: Extract<View, { view: "gradientNorms" }>): string[] {
  const rows = weights.map(({ weight, gradient, norm }) => [weight, gradient.toExponential(2), norm.toExponential(2)]);
  return [
    `Norms of gradients: one batch of ${examples} images, loss ${loss.toFixed(4)}`,
    "",
    ...formatTable(["Weight", ">Gradient", ">Weight's norm"], rows),
  ];
}

function histogramLines({ weights, activations, examples }: Extract<View, { view: "histograms" }>): string[] {
  const row = (kind: string) => (each: (typeof weights)[number]) => [
    kind,
    each.name,
    ...[each.mean, each.deviation, each.low, each.high].map((value) => value.toPrecision(3)),
  ];
  return [
    `Weights, and activations over ${examples} images`,
    "",
    ...formatTable(
      ["What", "Name", ">Mean", ">Deviation", ">Least", ">Largest"],
      [...weights.map(row("weight")), ...activations.map(row("activation"))],
    ),
  ];
}

/** A view as plain JSON: typed arrays as lists; images that only pictures need are left out. */
function plain(value: object): object {
  const text = JSON.stringify(value, (key, each: unknown) => {
    if (each instanceof Map || key === "image") return undefined;
    return ArrayBuffer.isView(each) ? Array.from(each as Float32Array) : each;
  });
  return JSON.parse(text);
}
