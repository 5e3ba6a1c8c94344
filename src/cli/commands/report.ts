import { join } from "node:path";
import { platform } from "#platform";
import { fail } from "../../core/errors.js";
import { sizeOf } from "../../core/shapes.js";
import type { Dataset } from "../../data/dataset.js";
import { type ReportFacts, reportHtml } from "../../inspect/index.js";
import { loadModel } from "../../train/model.js";
import { formatBytes, formatCount, formatPercent } from "../format.js";
import { exitCodes, type Io, printJson, printLine, printNote } from "../io.js";
import { modelFile, type RunResult, readEnvironment, readEpochs, readResult } from "../run.js";
import { some } from "../runData.js";
import { taskOfRun } from "../task.js";
import type { RunConfig } from "../trainOptions.js";

export interface ReportCommandOptions {
  readonly out?: string;
  readonly quick?: boolean;
  readonly images?: number;
  readonly attacked?: number;
  readonly tested?: number;
  readonly seed: number;
  readonly threads?: number;
  readonly json?: boolean;
}

const name = "report.html";

/** Writes all that is to be seen of a run into one HTML file. */
export async function report(path: string, options: ReportCommandOptions, io: Io): Promise<number> {
  const isJson = options.json === true;
  if (path.endsWith(".safetensors")) {
    fail({
      code: "usage",
      where: path,
      problem: "a model file does not say how it was trained, and on which images",
      fix: "Give a run directory",
    });
  }
  const file = fileOf(options.out ?? join(path, name));
  const task = await taskOfRun(path);
  const { quick, images, attacked, tested, seed, threads } = options;
  const model = await loadModel(await modelFile(path));
  const [epochs, result, environment] = [await readEpochs(path), await readResult(path), await readEnvironment(path)];
  const test = await within((await task.test({ io, quiet: isJson })).data);
  await platform.files.checkWritable(join(file, ".."));
  const begun = performance.now();
  let section = "";
  const page = await reportHtml(model, test, {
    title: path,
    lead: `${task.title} (${task.about}), tested on ${test.source}`,
    summary: result === undefined ? [] : summaryOf(result),
    facts: factsOf(task.config, environment),
    epochs,
    loss: task.loss,
    ...(result === undefined ? {} : { weightsOfEpoch: result.weightsOfEpoch }),
    quick,
    images,
    attacked,
    tested,
    seed,
    threads,
    onEffort: (effort) => {
      if (isJson) return;
      const [all, some, few] = [effort.tested, effort.images, effort.attacked].map(formatCount);
      printNote(io, `looks at ${all} test images, changes ${some} and attacks ${few}: about a minute at most`);
    },
    onMemory: (bytes) => {
      if (!isJson) printNote(io, `takes ${formatBytes(bytes)} of memory from “${section}” on`);
    },
    onSection: (title) => {
      section = title;
      if (io.stderr.isTTY === true && !isJson) io.stderr.write(`\r\u001b[K${title} …`);
    },
  });
  if (io.stderr.isTTY === true && !isJson) io.stderr.write("\r\u001b[K");
  const bytes = new TextEncoder().encode(page);
  await platform.files.writeAtomic(file, bytes);
  const seconds = (performance.now() - begun) / 1000;
  if (isJson) printJson(io, { event: "report", run: path, file, bytes: bytes.length, seconds });
  else
    printLine(io.stdout, `report ${file}: ${formatBytes(bytes.length)}, ${seconds.toFixed(1)} s; open it in a browser`);
  return exitCodes.ok;
}

/** Bytes of images that are read from files for a report, at most. */
const mostRead = 2 ** 28;

/** Images that lie in files are read once, so many as there is room for. */
async function within(test: Dataset): Promise<Dataset> {
  if (test.reader === undefined) return test;
  return some(test, Math.max(1, Math.min(2000, Math.floor(mostRead / sizeOf(test.shape)))));
}

function fileOf(file: string): string {
  if (/\.html?$/.test(file)) return file;
  return fail({ code: "option", where: "--out", problem: "is no page's name", expected: "*.html", received: file });
}

function summaryOf({ test, epochs, weightsOfEpoch, seconds, stopped }: RunResult): ReportFacts["rows"] {
  return [
    ...(test.accuracy === undefined ? [] : [["test accuracy", formatPercent(test.accuracy)] as const]),
    ["test loss", test.loss.toFixed(4)],
    ["test images", formatCount(test.examples)],
    ["epochs", `${epochs}, that of ${weightsOfEpoch} kept`],
    ["training took", seconds < 100 ? `${seconds.toFixed(1)} s` : `${(seconds / 60).toFixed(1)} min`],
    ...(stopped === null ? [] : [["ended because", stopped] as const]),
  ];
}

/** Dates and sizes as people write them. */
function readable([key, value]: ReportFacts["rows"][number]): ReportFacts["rows"][number] {
  if (key === "started") return [key, value.replace(/^(.+)T(\d\d:\d\d).*Z$/, "$1 $2 UTC")];
  return key === "memoryBytes" ? ["memory", formatBytes(Number(value))] : [key, value];
}

/** What the run was told, and what it ran on. */
function factsOf({ settings, ...rest }: RunConfig, environment: object): ReportFacts[] {
  const rows = (values: object): ReportFacts["rows"] =>
    Object.entries(values)
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([key, value]): [string, string] => {
        return [key, typeof value === "object" ? JSON.stringify(value) : String(value)];
      });
  return [
    { title: "Settings", rows: [...rows(settings), ...rows(rest)] },
    { title: "Environment", rows: rows(environment).map(readable) },
  ].filter((facts) => facts.rows.length > 0);
}
