import { areasUnderRoc, classificationMetrics } from "../../train/metrics/index.js";
import { calibrationOf, rejectionOf } from "../confidence.js";
import { confusionColor, isLight } from "../confusionChart.js";
import {
  calibrationLegend,
  calibrationPanel,
  calibrationSentence,
  confidencePanel,
  rejectionLines,
  rejectionPanel,
  rejectionSentence,
} from "../curveCharts.js";
import { confusionOf, type Predictions, predictionsOf } from "../predictions.js";
import { tilesOf } from "../tiles.js";
import { capital, captioned, count, type Html, html, table } from "./html.js";
import { drawing, key, tiles } from "./pictures.js";
import type { ReportSubject } from "./subject.js";

const percent = (part: number) => `${(100 * part).toFixed(2)} %`;

export async function classes({ scored }: ReportSubject): Promise<Html> {
  const all = await scored();
  const { labels, probabilities, classes: names } = all;
  const { classes: measured, macro } = classificationMetrics(confusionOf(all).matrix);
  const areas = areasUnderRoc(labels, probabilities, names.length);
  const rows = measured.map(({ precision, recall, f1, support }, i) => [
    names[i],
    ...(support === 0 ? ["–", "–", "–"] : [precision, recall, f1].map(percent)),
    areas[i] === undefined ? "–" : areas[i].toFixed(4),
    count(support),
  ]);
  return html`<p>Precision: which part of what is called so is so. Recall: which part of what is so is called so. F1 is their
harmonic mean; AUC the area under the ROC curve of the class against all others.</p>
${table({
  caption: "How each class fares",
  titles: ["Class", ">Precision", ">Recall", ">F1", ">AUC", ">Images"],
  rows,
  total: ["Mean", ...[macro.precision, macro.recall, macro.f1].map(percent), "", ""],
})}`;
}

/** Classes up to which the whole matrix is shown. */
const mostClasses = 40;

export async function confusionTable({ scored }: ReportSubject): Promise<Html> {
  const { matrix, classes: names, pairs } = confusionOf(await scored());
  const confused = table({
    caption: "Most often confused",
    titles: ["Class", "taken for", ">Images", ">of the class"],
    rows: pairs.map(({ label, predicted, count: images, part }) => [
      names[label],
      names[predicted],
      images,
      percent(part),
    ]),
  });
  if (names.length > mostClasses) {
    return html`<p class="missing">The matrix of ${names.length} classes does not fit a page; fovea inspect confusion draws it.</p>${confused}`;
  }
  // columns are as narrow as numbers, whatever classes are called
  const side = names.some((name) => name.length > 5) ? html` class="upright"` : undefined;
  const rows = matrix.map((row, i) => {
    const total = Math.max(
      1,
      row.reduce((sum, value) => sum + value, 0),
    );
    const cells = row.map((value) => {
      const rgb = confusionColor(value / total);
      const color = isLight(rgb) ? "#111" : "#fff";
      return html`<td style="background:rgb(${rgb.join()});color:${color}">${value === 0 ? "" : value}</td>`;
    });
    return html`<tr><th scope="row">${names[i]}</th>${cells}</tr>`;
  });
  const titles = names.map((name) => html`<th scope="col"><span${side}>${name}</span></th>`);
  const caption =
    "Confusion matrix: a row for each true class, a column for each predicted one; colours: part of the row";
  const matrixTable = html`<table class="matrix"><thead><tr><td></td>${titles}</tr></thead><tbody>${rows}</tbody></table>`;
  return html`${captioned(caption, matrixTable)}
${pairs.length === 0 ? html`<p>Nothing is confused.</p>` : confused}`;
}

const shownMistakes = 30;
const shownPredictions = 30;

export async function worstMistakes(subject: ReportSubject): Promise<Html> {
  const view = await predictionsOf(await subject.scored(), subject.tested, "mistakes", shownMistakes);
  if (view.predictions.length === 0) return html`<p>There are none among these images.</p>`;
  const caption = "Wrong, and sure of it: the predicted class with its probability, below it the true one";
  return html`<p>${count(view.wrong)} of ${count(view.examples)} images are wrong.</p>${await predictionFigure(subject, view, caption)}`;
}

export async function predictionTiles(subject: ReportSubject): Promise<Html> {
  const view = await predictionsOf(await subject.scored(), subject.tested, "all", shownPredictions);
  const caption = "Some test images, as they come: the predicted class with its probability; wrong ones are framed";
  return predictionFigure(subject, view, caption);
}

function predictionFigure({ canvas }: ReportSubject, view: Predictions, caption: string): Promise<Html> {
  const list = tilesOf(view, "light").rows[0]!.tiles;
  const alt = (_: unknown, i: number) => {
    const { label, predicted, probability } = view.predictions[i]!;
    return `${view.classes[label]}, predicted ${view.classes[predicted]} with ${percent(probability)}`;
  };
  return tiles(canvas, list, { caption, size: 74, alt });
}

/** How far confidence can be trusted. */
export const trust = {
  async calibration({ canvas, scored }: ReportSubject): Promise<Html> {
    const diagram = calibrationOf(await scored());
    const size = { width: 340, height: 300 };
    const sentence = calibrationSentence(diagram);
    const charts = [
      drawing(canvas, calibrationPanel(canvas, diagram, size), `Accuracy over confidence: ${sentence}`),
      drawing(canvas, confidencePanel(canvas, diagram, size), `Share of the images over confidence: ${sentence}`),
    ];
    return html`<p>Is it right as often as it is sure? ${capital(sentence)}.</p>${key(calibrationLegend(canvas.theme))}<div class="charts">${charts}</div>`;
  },

  async rejection({ canvas, scored }: ReportSubject): Promise<Html> {
    const found = rejectionOf(await scored(), 0.01);
    const sentence = rejectionSentence(found);
    const chart = drawing(
      canvas,
      rejectionPanel(canvas, found),
      `Error of the rest over the rejected part: ${sentence}`,
    );
    return html`<p>Images that it is least sure of are rejected: ${sentence}.</p>${key(rejectionLines(canvas.theme, found))}<div class="charts">${chart}</div>`;
  },
};
