import { Command, InvalidArgumentError, Option } from "commander";
import { augmentationNames } from "../data/index.js";
import { chainUsage } from "../signal/chain.js";
import { experiments } from "../zoo/experiments.js";
import { imageClassifiers } from "../zoo/imageClassifiers.js";
import { listedRecipes } from "../zoo/recipes.js";
import { autotuneOption, retuneOption } from "./autotune.js";
import { arithmetic } from "./commands/arithmetic.js";
import { describeData, listData, showData } from "./commands/data.js";
import { doctor } from "./commands/doctor.js";
import { evaluate } from "./commands/evaluate.js";
import { experiment } from "./commands/experiment.js";
import { inspect, plainViewCommands, viewCommands } from "./commands/inspect.js";
import { plan } from "./commands/plan.js";
import { predict } from "./commands/predict.js";
import { report } from "./commands/report.js";
import { measurements, robustness } from "./commands/robustness.js";
import { compareRuns, deleteRuns, exportRun, listRuns, showRun } from "./commands/runs.js";
import { summary } from "./commands/summary.js";
import { train } from "./commands/train.js";
import { isListOfSeeds } from "./experiments.js";
import { formatTable } from "./format.js";
import type { Io } from "./io.js";
import { addTrainOptions } from "./trainOptions.js";
import { version } from "./version.js";

const exitCodeHelp = `
Exit codes:
  0    done
  1    failed: a file, data or the machine stood in the way
  2    the command line has a mistake
  130  interrupted (Ctrl-C)`;

const folderHelp = `
A folder holds images or WAV files in folders of their classes, or folders "images" and "masks", or several of these
called train and test. A .npz file holds x_train, y_train, x_test and y_test, or x and y.`;

/** The command line. `finish` gets the exit code of the command that ran. */
export function buildProgram(io: Io, json: boolean, finish: (code: number) => void): Command {
  const program = new Command("fovea")
    .description("Train convolutional networks, measure them, and look inside.")
    .version(version, "-V, --version", "show the version")
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "show help for a command")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      // With --json, main tells it as an object.
      outputError: (text, write) => (json ? undefined : write(text)),
      getOutHelpWidth: () => (io.stdout.isTTY === true ? (io.stdout.columns ?? 100) : 100),
      getErrHelpWidth: () => (io.stderr.isTTY === true ? (io.stderr.columns ?? 100) : 100),
    })
    .showHelpAfterError("Run with --help to see what there is.")
    .addHelpText(
      "after",
      `
Examples:
  fovea train mnist-shallow              train a small network, in seconds
  fovea evaluate runs/mnist-shallow-1    what it confuses with what
  fovea runs                             which runs there are, and how they went
  fovea predict runs/mnist-shallow-1 digit.png
  fovea experiment pipeline              what each layer adds, over several seeds
  fovea summary mnist-deep               layers, parameters, receptive fields
  fovea plan mnist-deep                  which kernels a step runs, and why
  fovea inspect filters runs/mnist-shallow-1   look inside
  fovea robustness runs/mnist-shallow-1  noise, rotation, attacks, calibration
  fovea report runs/mnist-shallow-1      all of it on one page
  fovea data                             which data sets there are, and where
  fovea doctor                           what this machine can do, and what is missing
${exitCodeHelp}`,
    );

  const recipeTable = formatTable(
    ["Recipe", "What"],
    listedRecipes.map(({ name, title }) => [name, title]),
  );
  const training = program
    .command("train")
    .description("train a recipe, or a model on images of your own, into a new run directory, and measure it")
    .argument("[recipe]", "what to train: a recipe (see below), or a config: JSON, JavaScript or TypeScript")
    .option("--resume <run>", "go on with a run that was interrupted, as if it never had been")
    .option("--find-lr", "do not train: search for a learning rate, and draw the loss over it")
    .option("--out <directory>", "run directory (default: runs/<recipe>-<n>)");
  addTrainOptions(training)
    .addOption(retuneOption)
    .option("--quiet", "no progress, only the result")
    .option("--json", "one JSON object per line: start, epoch, end or error")
    .addHelpText(
      "after",
      `
${recipeTable.map((line) => line).join("\n")}

${formatTable(
  ["Model", "For images of your own (--data)"],
  imageClassifiers.map(({ name, title, least }) => [name, `${title}; at least ${least} × ${least}`]),
).join("\n")}

With --autotune the last bits of results depend on the machine. Times of kernels are kept; fovea doctor says where.

The run directory gets config.json, environment.json, metrics.jsonl (a line as each epoch ends), checkpoints,
model.safetensors, curves.svg, curves.png and result.json. Ctrl-C saves a checkpoint, measures and saves the model;
Ctrl-C twice ends at once.

Examples:
  fovea train mnist-shallow
  fovea train mnist-deep --seed 1 --epochs 20 --out runs/deep-short
  fovea train --resume runs/deep-short
  fovea train runs/deep-short/config.json        the same run again, bit for bit
  fovea train fashion-mlp --find-lr
  fovea train --data photos/ --image-size 64 --epochs 20
  fovea train fashion-mlp --learning-rate 0.01 --json > log.jsonl
${exitCodeHelp}`,
    )
    .action(async (recipe: string | undefined, options) => {
      if (recipe === undefined && options.resume === undefined && options.data === undefined) {
        training.error("error: missing required argument 'recipe'", { code: "commander.missingArgument" });
      }
      finish(await train(recipe, options, io));
    });

  program
    .command("experiment")
    .description("train several variants for several seeds, and compare them")
    .argument("[experiment]", "its name, or a file of JSON, JavaScript or TypeScript (default: say which there are)")
    .option("--seeds <list>", "such as 1,2,3 (the default)", listOfSeeds)
    .option("--train <n>", "training examples to take, validation part included", wholeNumber(10))
    .option("--epochs <n>", "epochs at most", wholeNumber(1))
    .option("--threads <n>", "threads; results do not depend on it", wholeNumber(1))
    .option("--out <directory>", "where trainings and results go (default: runs/<experiment>)")
    .option("--quiet", "no progress, only the result")
    .option("--json", "one JSON object per line: trial, end or error")
    .addHelpText(
      "after",
      `
${formatTable(
  ["Experiment", "What"],
  experiments.map(({ name, description }) => [name, description]),
).join("\n")}

Each training has a run directory, <variant>-<seed>, beside experiment.json, experiment.svg and experiment.png. What is
there is not trained again: after Ctrl-C, or for more seeds, the same command goes on.

Examples:
  fovea experiment
  fovea experiment pipeline
  fovea experiment optimizers --seeds 1 --epochs 5 --out runs/quick
  fovea experiment mine.json --seeds 1,2
${exitCodeHelp}`,
    )
    .action(async (what: string | undefined, options) => finish(await experiment(what, options, io)));

  program
    .command("evaluate")
    .description(
      "measure a run on its test set: loss, accuracy, each class, what is confused with what, worst mistakes",
    )
    .argument("<run>", "run directory; with images of your own also a .safetensors file")
    .argument(
      "[images]",
      "other images to measure on: a folder with a folder for each class, a CSV list, or a .npz file",
    )
    .addOption(corruptOption())
    .option(
      "--mistakes <file>",
      "where the worst mistakes are drawn, a PNG or SVG (default: mistakes.png in the run directory)",
    )
    .option("--threads <n>", "threads", wholeNumber(1))
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      "\nExamples:\n  fovea evaluate runs/mnist-shallow-1\n  fovea evaluate runs/photos-1 more-photos/",
    )
    .action(async (run: string, images: string | undefined, options) =>
      finish(await evaluate(run, images, options, io)),
    );

  const runs = program.command("runs").description("list runs, look at them, compare, delete and export them");
  runs
    .command("list", { isDefault: true })
    .description("all runs in a directory")
    .argument("[directory]", "where they are (default: runs)")
    .option("--json", "one JSON object per run")
    .action(async (directory: string | undefined, options) => finish(await listRuns(directory, options, io)));
  runs
    .command("show")
    .description("what a run was told, what it measured, and what it holds")
    .argument("<run>", "run directory, or its name in runs")
    .option("--json", "one JSON object")
    .action(async (run: string, options) => finish(await showRun(run, options, io)));
  runs
    .command("compare")
    .description("draw the curves of several runs over one another, and say in what they differ")
    .argument("<run...>", "run directories, or their names in runs")
    .option("--out <file>", "where to draw, as SVG and PNG (default: runs/comparison)")
    .option("--json", "one JSON object")
    .action(async (names: string[], options) => finish(await compareRuns(names, options, io)));
  runs
    .command("delete")
    .description("delete runs, after asking")
    .argument("<run...>", "run directories, or their names in runs")
    .option("--yes", "do not ask")
    .action(async (names: string[], options) => finish(await deleteRuns(names, options, io)));
  runs
    .command("export")
    .description("pack a run into one zip file")
    .argument("<run>", "run directory, or its name in runs")
    .option("--out <file>", "where to (default: <run>.zip)")
    .option("--checkpoints", "with its checkpoints, to go on elsewhere")
    .action(async (run: string, options) => finish(await exportRun(run, options, io)));
  runs.addHelpText(
    "after",
    `
Examples:
  fovea runs
  fovea runs show mnist-shallow-1
  fovea runs compare mnist-shallow-1 mnist-shallow-2
  fovea runs export mnist-shallow-1 --out digits.zip`,
  );

  program
    .command("predict")
    .description("say what is in pictures")
    .argument("<run>", "run directory or .safetensors file")
    .argument("<image...>", "JPEG, PNG, WebP, … of any size, or folders of them")
    .option("--top <n>", "classes to show", wholeNumber(1), 3)
    .option("--invert", "swap dark and bright, for ink on paper: MNIST has white ink on black")
    .addOption(corruptOption())
    .option("--threads <n>", "threads", wholeNumber(1))
    .option("--json", "one JSON object per picture")
    .addHelpText(
      "after",
      `
Pictures are turned as their EXIF orientation says, and made grey if the model takes grey. For a model that was trained
on images of your own, the shorter side becomes that of the model, and the middle of the longer one is taken; for others
pictures are stretched.

Examples:
  fovea predict runs/mnist-shallow-1 digit.png
  fovea predict runs/mnist-shallow-1 --invert scan-*.jpg
  fovea predict runs/photos-1 holiday/ --corrupt skip --json`,
    )
    .action(async (run: string, images: string[], options) => finish(await predict(run, images, options, io)));

  program
    .command("summary")
    .description("show the layers: shapes, parameters, multiply-adds, memory, receptive fields")
    .argument("<model>", "recipe, run directory or .safetensors file")
    .option("--batch <n>", "examples that activations are counted for", wholeNumber(1), 1)
    .option("--json", "one JSON object")
    .addHelpText("after", "\nExamples:\n  fovea summary mnist-shallow --batch 50\n  fovea summary runs/mnist-shallow-1")
    .action(async (what: string, options) => finish(await summary(what, options, io)));

  program
    .command("arithmetic")
    .description("show sizes, padding, receptive fields and costs of a chain of layers, or of a network")
    .argument("[layers...]", "layers in short notation, with --input; or a recipe, run directory or .safetensors file")
    .option("--input <shape>", "what the first layer takes, channels last: 227x227x3")
    .option("--batch <n>", "examples that memory is counted for", wholeNumber(1), 1)
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `
Layers, channels last, over one to three axes (sizes may differ by axis: conv:3x5,s1x2):
${chainUsage()
  .map((usage) => `  ${usage}`)
  .join("\n")}
f filters (default: 1), s stride (1; pooling: the size), p padding at each end (0; convolutions also take pfull and
pcausal), d dilation, g groups, o output padding, ceil: sizes are rounded up.

A window of F pixels over W with padding P at each end and stride S has ⌊(W − F + 2P) / S⌋ + 1 places. Field is what an
output sees of the input, Jump the distance between the fields of neighbours, Start the centre of the first, in pixels of
the input.

Examples:
  fovea arithmetic --input 227x227x3 conv:11,s4,f96 pool:3,s2
  fovea arithmetic --input 256x256x3 conv:3,s2,p1,f16 pool:4,s1
  fovea arithmetic --input 16000x1 conv:3,f16 conv:3,d2,f16 conv:3,d4,f16
  fovea arithmetic mnist-deep`,
    )
    .action(async (layers: string[], options) => finish(await arithmetic(layers, options, io)));

  program
    .command("plan")
    .description("show what a step does: kernels and why they were chosen, multiply-adds, memory")
    .argument("<model>", "recipe, run directory or .safetensors file")
    .addOption(new Option("--train", "a step of training (default; not for a file)").conflicts("infer"))
    .addOption(new Option("--infer", "a prediction (default for a file)").conflicts("train"))
    .option("--batch <n>", "examples per step (default: the recipe's to train, 1 to infer)", wholeNumber(1))
    .option("--threads <n>", "threads to plan for", wholeNumber(1))
    .addOption(autotuneOption)
    .addOption(retuneOption)
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `
Nothing is run, but with --autotune kernels, to measure them. Where a kernel was not the first choice, the reasons of
those before it stand below the table, and where kernels were measured, their times. A file does not say how it is
trained: --train takes cross-entropy and plain SGD, in batches of 32.

Examples:
  fovea plan mnist-shallow
  fovea plan mnist-deep --infer --batch 250
  fovea plan mnist-deep --autotune
  fovea plan runs/mnist-shallow-1 --threads 1 --json`,
    )
    .action(async (what: string, options) => finish(await plan(what, options, io)));

  program
    .command("doctor")
    .description("say what this machine can do, and what is missing; exit code 1 if it cannot train")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `
Checks the engine's arithmetic against naive loops, measures the speed of one core, and looks for data sets and
optional packages. Nothing is downloaded or written.

Examples:
  fovea doctor
  fovea doctor --json > machine.json`,
    )
    .action(async (options) => finish(await doctor(options, io)));

  program
    .command("inspect")
    .description("look inside a model: filters, feature maps, what units respond to, dead units, gradients")
    .argument("<view>", "what to show; see below")
    .argument("[model]", "run directory or .safetensors file")
    .argument("[image...]", "a picture file, test:<n> of the run's test set (default: test:0), or strokes:<n>")
    .option("--layer <name>", "layer; default: what suits the view")
    .option(
      "--unit <unit>",
      "class by name or number, channel, or place (row,column,channel); default: the predicted class",
    )
    .option("--images <n>", "images to measure on; 0: weights alone", wholeNumber(0))
    .addOption(new Option("--method <method>", "embedding: how (default: tsne)").choices(["tsne", "pca"]))
    .option("--at <place>", "pixel: row,column,channel (default: where the layer's output is largest)", numbers)
    .option("--input <n>", "windows: pixels, or height,width", numbers)
    .option("--kernel <n>", "windows: …", numbers)
    .option("--stride <n>", "windows: … (default: 1)", numbers)
    .option("--padding <n>", "windows: … (default: 0)", numbers)
    .option("--dilation <n>", "windows: … (default: 1)", numbers)
    .option(
      "--mean <list>",
      "of a network that takes normalised images: what is taken off each channel, 0 … 1",
      numbers,
    )
    .option("--deviation <list>", "… and what it is divided by; pictures have natural colours", numbers)
    .option("--invert", "swap dark and bright in the picture")
    .option("--out <file>", "where the picture goes: .png, .svg or .gif (default: <view>.png in the run directory)")
    .addOption(new Option("--theme <theme>", "of the picture").choices(["light", "dark"]).default("light"))
    .option("--threads <n>", "threads", wholeNumber(1))
    .option("--json", "one JSON object; a picture only with --out")
    .addHelpText(
      "after",
      `
${formatTable(
  ["View", "What"],
  Object.entries({ ...viewCommands, ...plainViewCommands }).map(([name, { about }]) => [name, about]),
).join("\n")}

Examples:
  fovea inspect filters runs/mnist-shallow-1
  fovea inspect maps runs/mnist-deep-1 digit.png --layer conv2d_1
  fovea inspect gradcam runs/mnist-deep-1 test:3 --unit 7 --theme dark --out cam.svg
  fovea inspect pixel runs/mnist-deep-1 test:3 --layer conv2d_1 --at 2,3,0
  fovea inspect windows --kernel 3 --input 7 --stride 2 --padding 1
  fovea inspect dead runs/mnist-shallow-1 --json
${exitCodeHelp}`,
    )
    .action(async (view: string, what: string | undefined, more: string[], options) =>
      finish(await inspect(view, what, more, options, io)),
    );

  program
    .command("robustness")
    .description("measure how a run fares as images change, is attacked, and how far it can be trusted when it is sure")
    .argument("<run>", "run directory")
    .option("--only <list>", "some of the measurements below: noise,pgd", words)
    .option("--images <n>", "test images that curves are measured on (default: 1000)", wholeNumber(1))
    .option("--attacked <n>", "test images that are attacked (default: 200)", wholeNumber(1))
    .option("--noise <list>", "standard deviations, as parts of the pixels' range: 0,0.1,0.3", numbers)
    .option("--rotation <list>", "degrees", numbers)
    .option("--shift <list>", "pixels", numbers)
    .option("--scale <list>", "factors", numbers)
    .option("--epsilon <list>", "how far attacks may change a pixel, as parts of its range: 0,0.05,0.1", numbers)
    .option("--steps <n>", "steps of PGD (default: 10)", wholeNumber(1))
    .option("--target <class>", "class that attacked images shall be taken for (default: any wrong one)")
    .option("--error <x>", "wanted error of what is not rejected (default: 0.01)", Number)
    .option("--seed <n>", "decides images, noise and directions", wholeNumber(0), 0)
    .option("--out <directory>", "where pictures go (default: the run directory)")
    .addOption(new Option("--format <format>", "of pictures").choices(["png", "svg"]).default("png"))
    .addOption(new Option("--theme <theme>", "of pictures").choices(["light", "dark"]).default("light"))
    .option("--threads <n>", "threads", wholeNumber(1))
    .option("--json", "one JSON object per measurement; pictures only with --out")
    .addHelpText(
      "after",
      `
${formatTable(
  ["Measurement", "What"],
  Object.entries(measurements).map(([name, { about }]) => [name, about]),
).join("\n")}

Examples:
  fovea robustness runs/mnist-shallow-1
  fovea robustness runs/mnist-deep-1 --only fgsm,pgd --target 3 --epsilon 0,0.05,0.1,0.2
  fovea robustness runs/mnist-deep-1 --only rejection --error 0.005 --json`,
    )
    .action(async (run: string, options) => finish(await robustness(run, options, io)));

  program
    .command("report")
    .description("write all that is to be seen of a run into one HTML file, to open, send and print")
    .argument("<run>", "run directory")
    .option("--quick", "look at fewer images")
    .option("--tested <n>", "test images for tables (default: by the network's size, 10,000 at most)", wholeNumber(1))
    .option("--images <n>", "test images that are changed (default: …, 1,000 at most)", wholeNumber(1))
    .option("--attacked <n>", "test images that are attacked (default: …, 200 at most)", wholeNumber(1))
    .option("--seed <n>", "decides images, noise and directions", wholeNumber(0), 0)
    .option("--out <file>", "where to (default: report.html in the run directory)")
    .option("--threads <n>", "threads", wholeNumber(1))
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  fovea report runs/mnist-shallow-1
  fovea report runs/mnist-deep-1 --quick --out deep.html`,
    )
    .action(async (run: string, options) => finish(await report(run, options, io)));

  const data = program.command("data").description("list data sets, and look at one");
  data
    .command("list", { isDefault: true })
    .description("which data sets there are, and where")
    .option("--json", "one JSON object per set")
    .action(async (options) => finish(await listData(options, io)));
  data
    .command("info")
    .description(
      "shape, source, mean and deviation, and number of examples of each class (downloads the set if need be)",
    )
    .argument("<name>", "data set, folder or .npz file")
    .option("--json", "one JSON object")
    .addHelpText("after", folderHelp)
    .action(async (name: string, options) => finish(await describeData(name, options, io)));
  data
    .command("show")
    .description("draw examples of each class into a picture, as they are or augmented")
    .argument("<name>", "data set, folder or .npz file")
    .option("--out <file>", "the picture, a PNG (default: <name>.png)")
    .option("--augment <list>", "show one example of each class, varied: rotate:10,shift:0.1,flip")
    .option("--columns <n>", "pictures side by side", wholeNumber(2), 12)
    .option("--part <name>", "train or test, or another folder (default: the first)")
    .option("--seed <n>", "which examples", wholeNumber(0))
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `${folderHelp}

--augment takes: ${augmentationNames.join(", ")}.

Examples:
  fovea data show mnist
  fovea data show cifar10 --augment randomCrop:4,flip,brightness:0.2
  fovea data show photos/ --out photos.png`,
    )
    .action(async (name: string, options) => finish(await showData(name, options, io)));
  data.addHelpText(
    "after",
    "\nExamples:\n  fovea data\n  fovea data info mnist\n  fovea data info photos/\n  fovea data show mnist",
  );
  return program;
}

const corruptOption = () =>
  new Option("--corrupt <what>", "images that cannot be decoded: an error, or left out").choices(["refuse", "skip"]);

const words = (text: string) => text.split(",").map((word) => word.trim());

function numbers(text: string): number[] {
  const values = words(text).map((word) => (word === "" ? Number.NaN : Number(word)));
  if (values.every(Number.isFinite)) return values;
  throw new InvalidArgumentError("Expected numbers with commas between them.");
}

function wholeNumber(lowest: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= lowest) return value;
    throw new InvalidArgumentError(`Expected a whole number of at least ${lowest}.`);
  };
}

function listOfSeeds(text: string): readonly number[] {
  const seeds = text.split(",").map((part) => (/^\d+$/.test(part.trim()) ? Number(part) : Number.NaN));
  if (isListOfSeeds(seeds)) return seeds;
  throw new InvalidArgumentError("Expected different whole numbers, such as 1,2,3.");
}
