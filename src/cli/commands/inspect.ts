import { basename, join } from "node:path";
import { didYouMean, fail } from "../../core/errors.js";
import type { Dataset } from "../../data/dataset.js";
import { readImage } from "../../data/images.js";
import { strokes } from "../../data/strokes.js";
import {
  confusion,
  deconvnet,
  type FeaturePlaneMethod,
  featureMaps,
  featurePlane,
  filterEvolution,
  filters,
  gradCam,
  gradientNorms,
  guidedBackpropagation,
  histograms,
  integratedGradients,
  maximizeActivation,
  mistakes,
  occlusion,
  pixelArithmetic,
  predictions,
  saliency,
  slidingWindows,
  type ThemeName,
  topActivations,
  unitReport,
  type View,
  type ViewOptions,
} from "../../inspect/index.js";
import {
  checkNormalization,
  inNaturalColours,
  type Normalization,
  normalize,
  rangeUnder,
} from "../../inspect/natural.js";
import { loadModel, type Model } from "../../train/model.js";
import { formatBytes } from "../format.js";
import { exitCodes, type Io, printJson, printLine, printNote } from "../io.js";
import { pictureSize } from "../picture.js";
import { inMemory } from "../reading.js";
import { modelFile } from "../run.js";
import { some, testSet } from "../runData.js";
import { plain, showView } from "../viewLines.js";
import { checkPictureName, writePicture } from "../viewPicture.js";

export interface InspectCommandOptions {
  readonly layer?: string;
  readonly unit?: string;
  readonly images?: number;
  readonly at?: readonly number[];
  readonly method?: FeaturePlaneMethod;
  readonly kernel?: readonly number[];
  readonly input?: readonly number[];
  readonly stride?: readonly number[];
  readonly padding?: readonly number[];
  readonly dilation?: readonly number[];
  readonly mean?: readonly number[];
  readonly deviation?: readonly number[];
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
    about: "an image made for a unit by gradient ascent; --out *.gif shows how",
    make: (subject) => {
      const film = subject.options.out?.endsWith(".gif") === true ? { keepEvery: 4 } : {};
      const normalization = normalizationOf(subject.options);
      const range = normalization === undefined ? {} : { range: rangeUnder(normalization) };
      const unit = classOf(subject) ?? 0;
      return maximizeActivation(subject.model, { ...withLayer(subject), ...film, ...range, unit });
    },
  },
  pixel: {
    about: "the arithmetic of one value of a convolution: patch × kernel, summed; --at row,column,channel",
    make: async (subject) => {
      const { at } = subject.options;
      const place = at === undefined ? {} : { at };
      return pixelArithmetic(subject.model, await imageOf(subject), { ...withLayer(subject), ...place });
    },
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
  predictions: {
    about: "images of the test set, what is said of them and how surely; wrong ones are framed",
    make: async (subject) => predictions(subject.model, await dataOf(subject, 1000), subject.execution),
  },
  mistakes: {
    about: "the worst mistakes: wrong, and sure of it",
    make: async (subject) => mistakes(subject.model, await dataOf(subject), subject.execution),
  },
  confusion: {
    about: "the confusion matrix over the test set",
    make: async (subject) => confusion(subject.model, await dataOf(subject), subject.execution),
  },
  embedding: {
    about: "where images lie to each other in what a layer gives; --method tsne or pca",
    make: async (subject) => {
      const [layer = subject.options.layer, ...rest] = subject.more;
      if (rest.length > 0) {
        fail({
          code: "usage",
          where: "inspect embedding",
          problem: "takes one layer",
          received: subject.more.join(", "),
        });
      }
      const { method } = subject.options;
      return featurePlane(subject.model, await dataOf(subject, 1000), {
        ...subject.execution,
        ...(layer === undefined ? {} : { layer }),
        ...(method === undefined ? {} : { method }),
      });
    },
  },
  gradients: {
    about: "norms of gradients, layer by layer",
    make: async (subject) => gradientNorms(subject.model, await dataOf(subject, 100), subject.execution),
  },
  evolution: {
    about: "filters over several model files, in the order given; --out *.gif shows them one after the other",
    make: async ({ path, model, more, options }) => {
      const others = await Promise.all(
        more.map(async (file) => [file, await loadModel(await modelFile(file))] as const),
      );
      const all = [[path, model] as const, ...others];
      return filterEvolution(Object.fromEntries(shortNames(all)), options.layer);
    },
  },
} as const satisfies Readonly<Record<string, ViewCommand>>;

/** What `fovea inspect` can show without a model. */
export const plainViewCommands = {
  windows: {
    about: "a kernel on its way over an input: --kernel 3 --input 7 --stride 2 --padding 1 --dilation 1; no model",
    make: (options: InspectCommandOptions) => {
      const { input, kernel } = options;
      const [first] = [input === undefined ? "--input" : kernel === undefined ? "--kernel" : ""];
      if (input === undefined || kernel === undefined) {
        return fail({
          code: "usage",
          where: "inspect windows",
          problem: `lacks ${first}`,
          expected: "--kernel 3 --input 7",
        });
      }
      const pairs = { input, kernel, stride: options.stride, padding: options.padding, dilation: options.dilation };
      const given = Object.entries(pairs).flatMap(([name, pair]) => (pair === undefined ? [] : [[name, pairOf(pair)]]));
      return slidingWindows(Object.fromEntries(given));
    },
  },
} as const;

/** One number for both axes, or two. */
const pairOf = (numbers: readonly number[]) => (numbers.length === 1 ? numbers[0] : numbers);

/** Makes a view of a model, and shows it: as a picture in a file, in the terminal, or as JSON. */
export async function inspect(
  name: string,
  path: string | undefined,
  more: readonly string[],
  options: InspectCommandOptions,
  io: Io,
): Promise<number> {
  const out = options.out === undefined ? undefined : checkPictureName(options.out);
  if (name === "windows") {
    if (path !== undefined) {
      fail({ code: "usage", where: "inspect windows", problem: "takes no model", received: path });
    }
    const view = plainViewCommands.windows.make(options);
    return present(view, out ?? (options.json === true ? undefined : "windows.gif"), {}, options, io);
  }
  const command: ViewCommand = Object.hasOwn(viewCommands, name)
    ? viewCommands[name as keyof typeof viewCommands]
    : failUnknown(name);
  if (path === undefined) {
    return fail({
      code: "usage",
      where: `inspect ${name}`,
      problem: "lacks a model",
      expected: "a run directory or a .safetensors file",
    });
  }
  normalizationOf(options);
  const model = await loadModel(await modelFile(path));
  const onMemory = (bytes: number) => {
    if (options.json !== true) printNote(io, `takes ${formatBytes(bytes)} of memory`);
  };
  const execution: ViewOptions = { threads: options.threads, onMemory };
  const view = await command.make({ path, model, options, execution, io, more });
  const file = out ?? (options.json === true ? undefined : await defaultFile(path, name, options));
  return present(view, file, { model: path }, options, io);
}

/** Prints a view, and draws it where it shall be drawn. */
async function present(
  view: View,
  file: string | undefined,
  facts: object,
  options: InspectCommandOptions,
  io: Io,
): Promise<number> {
  const { json, theme } = options;
  const normalization = normalizationOf(options);
  const shown = normalization === undefined ? view : inNaturalColours(view, normalization, "--mean and --deviation");
  if (json === true) printJson(io, { event: "view", ...facts, ...plain(view) });
  else showView(shown, io);
  if (file === undefined) return exitCodes.ok;
  await writePicture(file, shown, theme);
  if (json !== true) printLine(io.stdout, `picture ${file}`);
  return exitCodes.ok;
}

function failUnknown(name: string): never {
  const names = [...Object.keys(viewCommands), ...Object.keys(plainViewCommands)];
  return fail({
    code: "usage",
    where: `inspect "${name}"`,
    problem: "there is no such view",
    expected: `one of ${names.join(", ")}`,
    fix: didYouMean(name, names),
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
async function imageOf(subject: Subject): Promise<Uint8Array | Float32Array> {
  const { more, model, options } = subject;
  const [name = "test:0", ...rest] = more;
  if (rest.length > 0) {
    fail({ code: "usage", where: "inspect", problem: "takes one image", received: more.join(", ") });
  }
  const position = /^(test|strokes):(\d+)$/.exec(name);
  const image =
    position === null ? await imageFile(name, model) : await imageAt(subject, position[1]!, Number(position[2]));
  const bytes = options.invert === true ? image.map((value) => 255 - value) : image;
  const normalization = normalizationOf(options);
  return normalization === undefined ? bytes : normalize(bytes, normalization);
}

async function imageAt(subject: Subject, set: string, index: number): Promise<Uint8Array> {
  const data = set === "strokes" ? (await strokes({ train: 1, test: index + 1 })).test : await testSetOf(subject);
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

/** Images of the run's test set, drawn by lot where not all are wanted. */
async function dataOf(subject: Subject, usual = Number.POSITIVE_INFINITY): Promise<Dataset> {
  const data = await some(await testSetOf(subject), Math.max(1, subject.options.images ?? usual));
  const normalization = normalizationOf(subject.options);
  if (normalization === undefined || !(data.inputs instanceof Uint8Array)) return data;
  return { ...data, inputs: normalize(data.inputs, normalization) };
}

/** How the network's images are normalised, where it does not do so itself. */
function normalizationOf({ mean, deviation }: InspectCommandOptions): Normalization | undefined {
  if (mean === undefined && deviation === undefined) return undefined;
  return checkNormalization({ mean: mean ?? [], deviation: deviation ?? [] }, "--mean and --deviation");
}

const testSetOf = ({ path, io, options }: Subject) => testSet(path, { io, quiet: options.json === true });

/** What differs in the names of files. */
function shortNames(all: readonly (readonly [string, Model])[]): (readonly [string, Model])[] {
  const bases = all.map(([name]) => basename(name, ".safetensors"));
  return all.map(([name, model], i) => [new Set(bases).size === bases.length ? bases[i]! : name, model] as const);
}
