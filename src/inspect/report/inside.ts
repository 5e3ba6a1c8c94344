import { take } from "../../data/dataset.js";
import { tensorName } from "../../model/network.js";
import type { AttackMethod } from "../adversarial.js";
import { adversarialImages, attackCurve, foolingImages } from "../adversarial.js";
import { evenly, robustnessLines, robustnessPanel, titleOfCurve } from "../curveCharts.js";
import { examplesAt } from "../examples.js";
import { featurePlane } from "../featurePlane.js";
import { featureMaps, filters } from "../filters.js";
import { gradCam } from "../gradCam.js";
import { geometryCurve, noiseCurve, type RobustnessCurve } from "../robustness.js";
import { classKey, planeSentence, scatterPanel } from "../scatter.js";
import { themes } from "../svg.js";
import { pictureTile, short, type Tile, tilesOf } from "../tiles.js";
import { capital, count, type Html, html } from "./html.js";
import { drawing, key, scale, tiles } from "./pictures.js";
import type { ReportSubject } from "./subject.js";

/** Filters and maps are shown up to so many of each layer. */
const mostFilters = 40;
const mostMaps = 32;

export async function filterTiles({ model, canvas }: ReportSubject): Promise<Html> {
  const view = filters(model);
  const [light, dark] = [tilesOf(view, "light"), tilesOf(view, "dark")];
  const count = light.rows.length;
  const blocks: Html[] = [];
  if (count === 1) {
    const [own, other] = [light, dark].map(({ rows }) => rows[0]!.tiles.slice(0, mostFilters));
    const caption = `${light.title}: ${light.subtitle}`;
    blocks.push(await tiles(canvas, own!, { caption, size: 56, dark: other!, alt: ({ label }) => `filter ${label}` }));
  } else {
    for (const [i, { label = "", tiles: own }] of light.rows.slice(0, 8).entries()) {
      blocks.push(
        await tiles(canvas, own, { caption: `${light.title}, ${label}`, size: 40, dark: dark.rows[i]!.tiles }),
      );
    }
  }
  const bar = light.scale === undefined ? undefined : await scale(canvas, light.scale, dark.scale);
  return html`${blocks}${bar}`;
}

/** The first, the middle and the last of the layers that have maps and weights. */
function layersWithMaps({ model: { network } }: ReportSubject): string[] {
  const own = network.calls.filter(
    ({ name, output }) =>
      output.shape.length === 3 && network.weights.some(({ layer, shape }) => layer === name && shape.length >= 2),
  );
  const chosen = new Set(evenly(own.length, 3));
  return own.filter((_, i) => chosen.has(i)).map(({ output }) => tensorName(network, output));
}

export async function featureMapTiles(subject: ReportSubject): Promise<Html> {
  const { model, canvas, execution, tested } = subject;
  const image = await examplesAt(tested, 0, 1);
  const layers = layersWithMaps(subject);
  const blocks: Html[] = [];
  // without such layers, the view says why there are none
  for (const layer of layers.length === 0 ? [undefined] : layers) {
    const view = await featureMaps(model, image, layer === undefined ? execution : { layer, ...execution });
    const { title, subtitle, rows, scale: colors } = tilesOf(view, "light");
    const caption = `${title}: ${subtitle}`;
    const list = rows[0]!.tiles.slice(0, mostMaps);
    const alt = ({ label }: Tile) => (label === "image" ? "the image" : `map ${label} of ${view.layer}`);
    blocks.push(await tiles(canvas, list, { caption, size: 56, alt }), await scale(canvas, colors!));
  }
  return html`<p>What channels give for one test image.</p>${blocks}`;
}

const shownCams = 10;

export async function gradCams({ model, canvas, execution, tested, scored }: ReportSubject): Promise<Html> {
  const { labels, predicted, classes } = await scored();
  // one image of each class that is recognised
  const examples = classes
    .map((_, c) => labels.findIndex((label, i) => label === c && predicted[i] === c))
    .filter((example) => example >= 0)
    .slice(0, shownCams);
  const list: Tile[] = [];
  let layer = "";
  for (const example of examples) {
    const view = await gradCam(model, await examplesAt(tested, example, 1), execution);
    layer = `${view.layer}, ${view.shape.join(" × ")}`;
    const [image, , both] = tilesOf(view, "light").rows[0]!.tiles;
    list.push({ ...beside(image!, both!), label: classes[labels[example]!]! });
  }
  const caption = `Images that are recognised, and beside them where the maps of ${layer} speak for the class`;
  const alt = ({ label }: Tile) => `an image of class ${label}, and the same with what speaks for the class`;
  return tiles(canvas, list, { caption, size: 150, alt });
}

/** Two pictures of one size as one. */
function beside(left: Tile, right: Tile): Tile {
  const { width, height } = left;
  const rgb = new Uint8Array(2 * left.rgb.length);
  for (let y = 0; y < height; y++) {
    const [from, to] = [3 * y * width, 3 * (y + 1) * width];
    rgb.set(left.rgb.subarray(from, to), 2 * from);
    rgb.set(right.rgb.subarray(from, to), from + to);
  }
  return { width: 2 * width, height, rgb, label: "" };
}

/** Images that are laid out, at most. */
const mostLaidOut = 300;

/** Where images lie to each other; colours of classes differ between light and dark pages. */
export async function layout({ model, tested, canvas, execution, seed }: ReportSubject): Promise<Html> {
  const few = take(tested, Math.min(mostLaidOut, tested.length), { seed });
  const view = await featurePlane(model, few, execution);
  const drawn = (["light", "dark"] as const).map((name) => {
    const own = { ...canvas, theme: themes[name] };
    const words = `t-SNE of what ${view.layer} gives for ${count(few.length)} images`;
    const parts = [
      drawing(own, scatterPanel(own, view, 340), words),
      drawing(own, classKey(own, view), "Marks of the classes"),
    ];
    return html`<div class="on-${name}"><div class="charts">${parts}</div></div>`;
  });
  return html`<p>t-SNE: ${planeSentence(view)}.</p>${drawn}`;
}

export async function robustnessCharts(subject: ReportSubject): Promise<Html> {
  const { model, some, execution, seed } = subject;
  const curves = [await noiseCurve(model, some, { ...execution, seed })];
  const isMovable = some.shape.length === 3 && some.inputs instanceof Uint8Array;
  if (isMovable) {
    for (const change of ["rotation", "shift", "scale"] as const) {
      curves.push(await geometryCurve(model, some, change, { ...execution, seed }));
    }
  }
  const note = isMovable ? "" : " Rotation, shift and scale need images of bytes, and these are numbers.";
  return html`<p>Accuracy, and how sure the network is, as ${some.length} test images are changed.${note}</p>
${key(robustnessLines(subject.canvas.theme, curves[0]!))}<div class="charts">${await Promise.all(curves.map((curve) => curveBlock(subject, curve)))}</div>`;
}

/** A chart, and the first image at some of the levels. */
async function curveBlock({ canvas }: ReportSubject, curve: RobustnessCurve): Promise<Html> {
  const worst = Math.min(...curve.accuracy);
  const words = `${titleOfCurve(curve)}: accuracy from ${short(100 * curve.accuracy[0]!)} % at ${curve.levels[0]}; ${short(100 * worst)} % at worst`;
  const chart = drawing(canvas, robustnessPanel(canvas, curve, { width: 328, height: 260 }), words);
  if (curve.shape.length !== 3) return chart;
  const list = evenly(curve.levels.length, 6).map((level) =>
    pictureTile({ shape: curve.shape, values: curve.samples[level]! }, short(curve.levels[level]!), true),
  );
  return html`<div>${chart}${await tiles(canvas, list, { caption: "One of the images at levels from left to right", size: 44 })}</div>`;
}

export async function attacks(subject: ReportSubject): Promise<Html> {
  const { model, attacked, execution, canvas, seed } = subject;
  const curve = (method: AttackMethod) => attackCurve(model, attacked, { ...execution, method, seed });
  const curves = [await curve("fgsm"), await curve("pgd")];
  // shown where most of the attacks succeed: enough to see, and not more than needed
  const most = curves[1]!.success!.findIndex((success) => success >= 0.75);
  const epsilon = curves[1]!.levels.at(most)!;
  const few = take(attacked, Math.min(30, attacked.length), { seed });
  const [light, dark] = await (async () => {
    const view = await adversarialImages(model, few, { ...execution, epsilon, seed });
    return [tilesOf(view, "light"), tilesOf(view, "dark")];
  })();
  const captions = [
    "Images as they are",
    "What PGD changes",
    "Both together; those that are not recognised any more are framed",
  ];
  const rows: Html[] = [];
  for (const [i, { tiles: own }] of light.rows.entries()) {
    const pair = i === 1 ? { dark: dark.rows[i]!.tiles } : {};
    rows.push(await tiles(canvas, own, { caption: captions[i]!, size: 74, ...pair }));
  }
  const fooling = tilesOf(await foolingImages(model, { ...execution, steps: 200, seed }), "light");
  return html`<p>Changes of at most so much per pixel, made to mislead: one step along the gradient's sign (FGSM), and ten (PGD),
on ${attacked.length} test images.</p>
${key(robustnessLines(canvas.theme, curves[0]!))}<div class="charts">${await Promise.all(curves.map((each) => curveBlock(subject, each)))}</div>
<h3>Adversarial images</h3><p>${capital(light.subtitle)}.</p>${rows}${light.scale === undefined ? undefined : await scale(canvas, light.scale, dark.scale)}
<h3>${fooling.title}</h3>${await tiles(canvas, fooling.rows[0]!.tiles, { caption: capital(fooling.subtitle), size: 74 })}`;
}
