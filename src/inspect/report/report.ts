import { checkOptions, FoveaError } from "../../core/errors.js";
import { type Dataset, take } from "../../data/dataset.js";
import { wholeNumber } from "../../model/check.js";
import type { Model } from "../../train/model.js";
import { type Scored, score } from "../classes.js";
import { type ViewOptions, viewOptionNames } from "../probe.js";
import { summarize } from "../summary.js";
import { newCanvas } from "../svg.js";
import { effortFor, type ReportEffort } from "./effort.js";
import { count, facts, type Html, html } from "./html.js";
import { attacks, featureMapTiles, filterTiles, gradCams, layout, robustnessCharts } from "./inside.js";
import { page, pageTheme, type Section } from "./page.js";
import { classes, confusionTable, predictionTiles, trust, worstMistakes } from "./results.js";
import type { ReportOptions, ReportSubject } from "./subject.js";
import { learningCurves, networkTable } from "./training.js";

const optionNames = [
  ...["title", "lead", "summary", "facts", "epochs", "weightsOfEpoch", "loss", "quick"],
  ...["tested", "images", "attacked", "seed", "onEffort", "onSection", ...viewOptionNames],
];

const where = "report";

/**
 * All that is to be seen of a classifier on one page: one HTML file that needs nothing else, neither scripts nor a
 * server, to be opened, sent and printed. Summary, network, learning curves, classes, what is taken for what, mistakes,
 * filters, feature maps, Grad-CAM, robustness, attacks, calibration and rejection; a section that cannot be made says why.
 *
 * How many images are looked at depends on the network's multiply-adds, so that it takes about a minute at most, and is
 * the same on every machine. Needs Node with the packages @observablehq/plot, linkedom and sharp.
 *
 * Errors: code "unsupported" where a package is missing; code "option" for numbers out of range.
 *
 * @param test labelled examples that the model has not been trained on
 * @example const page = await reportHtml(net, digits.test, { title: "Digits", attacked: 2 });
 */
export async function reportHtml(model: Model, test: Dataset, options: ReportOptions = {}): Promise<string> {
  checkOptions(where, options, optionNames);
  const { title = "Report", quick = false, onEffort, onSection, backend, threads, onMemory } = options;
  const seed = wholeNumber(where, "seed", options.seed ?? 0, 0);
  const summary = summarize(model.network);
  const usual = effortFor(summary, test.length, quick);
  const wanted = (name: keyof ReportEffort) =>
    Math.min(test.length, wholeNumber(where, name, options[name] ?? usual[name]));
  const effort = { tested: wanted("tested"), images: wanted("images"), attacked: wanted("attacked") };
  const canvas = await newCanvas(pageTheme, where);
  onEffort?.(effort);
  const tested = take(test, effort.tested, { seed });
  const execution: ViewOptions = { backend, threads, onMemory: onlyMore(onMemory) };
  let scoring: Promise<Scored> | undefined;
  const subject: ReportSubject = {
    model,
    canvas,
    execution,
    options,
    tested,
    some: take(test, effort.images, { seed }),
    attacked: take(test, effort.attacked, { seed }),
    seed,
    scored: () => {
      scoring ??= score(model, tested, where, execution);
      return scoring;
    },
  };
  const sections: Section[] = [];
  const add = async (id: string, name: string, make: (subject: ReportSubject) => Promise<Html> | Html) => {
    onSection?.(name);
    sections.push({ id, title: name, body: await orReason(() => make(subject)) });
  };
  await add("summary", "Summary", () => summaryOf(subject, summary.parameters, summary.multiplyAdds, test.length));
  await add("network", "Network", () => networkTable(summary));
  for (const [i, { title: name, rows }] of (options.facts ?? []).entries()) {
    await add(`facts-${i}`, name, () => facts(rows));
  }
  await add("curves", "Learning curves", learningCurves);
  await add("classes", "Classes", classes);
  await add("confusion", "What is taken for what", confusionTable);
  await add("mistakes", "Worst mistakes", worstMistakes);
  await add("predictions", "Predictions", predictionTiles);
  await add("filters", "Filters", filterTiles);
  await add("maps", "Feature maps", featureMapTiles);
  await add("gradcam", "Grad-CAM", gradCams);
  await add("layout", "Where images lie", layout);
  await add("robustness", "Robustness", robustnessCharts);
  await add("attacks", "Attacks", attacks);
  await add("calibration", "Calibration", trust.calibration);
  await add("rejection", "Rejection", trust.rejection);
  const foot = html`<p>Made by fovea from ${test.source}, with seed ${seed}: ${count(effort.tested)} images for tables, ${count(effort.images)} for curves, ${count(effort.attacked)} attacked.</p>`;
  return page(title, html`<p class="quiet">${options.lead ?? test.source}</p>`, sections, foot);
}

/** A section, or why there is none. */
async function orReason(make: () => Promise<Html> | Html): Promise<Html> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof FoveaError)) throw error;
    return html`<p class="missing">This cannot be shown: ${error.message}</p>`;
  }
}

/** Programs share memory: only what exceeds it is news. */
function onlyMore(tell: ViewOptions["onMemory"]): ViewOptions["onMemory"] {
  let told = 0;
  return (bytes) => {
    if (bytes <= told) return;
    told = bytes;
    tell?.(bytes);
  };
}

async function summaryOf(
  { options, scored, tested }: ReportSubject,
  parameters: number,
  multiplyAdds: number,
  length: number,
): Promise<Html> {
  const sizes = [
    ["parameters", count(parameters)],
    ["multiply-adds per image", count(multiplyAdds)],
  ] as const;
  const measured = await orReason(async () => {
    const { labels, predicted } = await scored();
    const right = labels.filter((label, i) => label === predicted[i]).length;
    const part = tested.length < length ? `, on ${count(tested.length)} of ${count(length)} test images` : "";
    return html`<p>${count(right)} of ${count(tested.length)} images are recognised: ${((100 * right) / tested.length).toFixed(2)} %${part}.</p>`;
  });
  return html`${measured}${facts([...(options.summary ?? []), ...sizes])}`;
}
