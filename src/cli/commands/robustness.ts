import { join } from "node:path";
import { platform } from "#platform";
import { didYouMean, fail } from "../../core/errors.js";
import { type Dataset, take } from "../../data/dataset.js";
import {
  adversarialImages,
  attackCurve,
  calibrationDiagram,
  foolingImages,
  geometryCurve,
  noiseCurve,
  type RobustnessCurve,
  rejection,
  type ThemeName,
  type View,
  type ViewOptions,
} from "../../inspect/index.js";
import { loadModel, type Model } from "../../train/model.js";
import { formatBytes, formatCount } from "../format.js";
import { exitCodes, type Io, printJson, printLine, printNote } from "../io.js";
import { modelFile } from "../run.js";
import { some, testSet } from "../runData.js";
import { plain, showView } from "../viewLines.js";
import { writePicture } from "../viewPicture.js";

export interface RobustnessCommandOptions {
  readonly only?: readonly string[];
  readonly images?: number;
  readonly attacked?: number;
  readonly epsilon?: readonly number[];
  readonly noise?: readonly number[];
  readonly rotation?: readonly number[];
  readonly shift?: readonly number[];
  readonly scale?: readonly number[];
  readonly steps?: number;
  readonly target?: string;
  readonly error?: number;
  readonly seed: number;
  readonly out?: string;
  readonly format: "png" | "svg";
  readonly theme: ThemeName;
  readonly threads?: number;
  readonly json?: boolean;
}

/** Images that are taken unless told otherwise: `all` for calibration and rejection, which cost one prediction each. */
const usual = { all: 20_000, images: 1000, attacked: 200 };

interface Measurement {
  readonly about: string;
  /** Whether the curves belong into the common picture. */
  readonly isCurve?: true;
  measure(subject: Subject): Promise<View>;
}

interface Subject {
  readonly model: Model;
  readonly options: RobustnessCommandOptions;
  /** All test images; those of the curves; those of attacks. */
  readonly all: Dataset;
  readonly some: Dataset;
  readonly attacked: Dataset;
  readonly execution: ViewOptions;
  readonly target: number | undefined;
}

const given = <T>(name: string, value: T | undefined) => (value === undefined ? {} : { [name]: value });

/** What `fovea robustness` can measure, in this order. */
export const measurements = {
  noise: {
    about: "accuracy under rising noise",
    isCurve: true,
    measure: ({ model, some, options, execution }) =>
      noiseCurve(model, some, { ...execution, seed: options.seed, ...given("levels", options.noise) }),
  },
  rotation: geometric("rotation", "accuracy as images are turned"),
  shift: geometric("shift", "… shifted"),
  scale: geometric("scale", "… enlarged and shrunk"),
  fgsm: attack("fgsm", "attacks by one step along the gradient's sign"),
  pgd: attack("pgd", "attacks by several steps"),
  adversarial: {
    about: "a few attacked images",
    measure: ({ model, attacked, options, execution, target }) => {
      const epsilon = options.epsilon?.at(-1) ?? 0.1;
      const few = take(attacked, Math.min(20, attacked.length), { seed: options.seed });
      return adversarialImages(model, few, { ...execution, ...attackOptions(options, target), epsilon });
    },
  },
  fooling: {
    about: "noise, changed until the network is sure of a class",
    measure: ({ model, options, execution }) => foolingImages(model, { ...execution, seed: options.seed }),
  },
  calibration: {
    about: "whether it is right as often as it is sure",
    measure: ({ model, all, execution }) => calibrationDiagram(model, all, execution),
  },
  rejection: {
    about: "how much has to be rejected for a wanted error",
    measure: ({ model, all, options, execution }) =>
      rejection(model, all, { ...execution, ...given("error", options.error) }),
  },
} as const satisfies Readonly<Record<string, Measurement>>;

function geometric(change: "rotation" | "shift" | "scale", about: string): Measurement {
  return {
    about,
    isCurve: true,
    measure: ({ model, some, options, execution }) =>
      geometryCurve(model, some, change, { ...execution, seed: options.seed, ...given("levels", options[change]) }),
  };
}

function attack(method: "fgsm" | "pgd", about: string): Measurement {
  return {
    about,
    isCurve: true,
    measure: ({ model, attacked, options, execution, target }) =>
      attackCurve(model, attacked, {
        ...execution,
        ...attackOptions(options, target),
        method,
        ...given("epsilons", options.epsilon),
      }),
  };
}

function attackOptions({ steps, seed }: RobustnessCommandOptions, target: number | undefined) {
  return { seed, ...given("steps", steps), ...given("target", target) };
}

/** Measures how a run's model fares as images change, and how far its confidence can be trusted. */
export async function robustness(path: string, options: RobustnessCommandOptions, io: Io): Promise<number> {
  const isJson = options.json === true;
  const names = namesOf(options.only);
  const model = await loadModel(await modelFile(path));
  const set = await testSet(path, { io, quiet: isJson });
  const target = targetOf(model, options.target);
  const part = (count: number) => some(set, count, options.seed);
  const all = await part(usual.all);
  const varied = await part(options.images ?? usual.images);
  const attacked = await part(options.attacked ?? usual.attacked);
  let told = 0;
  const onMemory = (bytes: number) => {
    // programs share an arena: only what exceeds it is news
    if (bytes <= told || isJson) return;
    told = bytes;
    printNote(io, `takes ${formatBytes(bytes)} of memory`);
  };
  if (!isJson)
    printNote(io, `curves over ${formatCount(varied.length)} test images, attacks on ${formatCount(attacked.length)}`);
  const subject: Subject = {
    model,
    options,
    all,
    some: varied,
    attacked,
    execution: { threads: options.threads, onMemory },
    target,
  };
  const directory = options.out ?? path;
  await platform.files.checkWritable(directory);
  const curves: RobustnessCurve[] = [];
  const files: string[] = [];
  const save = async (name: string, view: View) => {
    const file = join(directory, `${name}.${options.format}`);
    await writePicture(file, view, options.theme);
    files.push(file);
  };
  for (const [i, name] of names.entries()) {
    const measurement: Measurement = measurements[name];
    const view = await measurement.measure(subject);
    if (isJson) printJson(io, { event: "view", model: path, ...plain(view) });
    else {
      if (i > 0) printLine(io.stdout);
      showView(view, io);
    }
    if (view.view === "robustnessCurve") curves.push(view);
    else if (!isJson || options.out !== undefined) await save(name, view);
  }
  if (curves.length > 0 && (!isJson || options.out !== undefined)) {
    await save("robustness", { view: "robustness", curves });
  }
  if (!isJson) {
    printLine(io.stdout);
    printLine(io.stdout, `pictures ${files.join(", ")}`);
  }
  return exitCodes.ok;
}

type MeasurementName = keyof typeof measurements;

function namesOf(only: readonly string[] | undefined): MeasurementName[] {
  const known = Object.keys(measurements) as MeasurementName[];
  const wrong = only?.find((name) => !known.some((each) => each === name));
  if (wrong !== undefined) {
    fail({
      code: "option",
      where: "--only",
      problem: `there is no measurement "${wrong}"`,
      expected: `some of ${known.join(", ")}`,
      fix: didYouMean(wrong, known),
    });
  }
  return only === undefined ? known : known.filter((name) => only.includes(name));
}

/** A class by its name or its number. */
function targetOf(model: Model, target: string | undefined): number | undefined {
  if (target === undefined) return undefined;
  const named = model.classes.indexOf(target);
  if (named >= 0) return named;
  if (/^\d+$/.test(target)) return Number(target);
  return fail({
    code: "option",
    where: "--target",
    problem: "there is no such class",
    expected: model.classes.length > 0 ? `one of ${model.classes.slice(0, 12).join(", ")}` : "a number",
    received: target,
  });
}
