import { diverging, greys, type Rgb } from "./colors.js";
import { isLight } from "./confusionChart.js";
import { channelOf, channelsOf, type PixelArithmetic } from "./pixel.js";
import { type Canvas, element, headingWidth, margin, type Sketch, text } from "./svg.js";
import { short } from "./tiles.js";
import { type SlidingWindows, tapsAt, windowsSentence } from "./windows.js";

type Style = Readonly<Record<string, string | number>>;

/** Channels that are shown with all their numbers. */
export const shownChannels = 3;

/** Patch, kernel and products as grids of numbers, and what their sum becomes. */
export function sketchPixel(canvas: Canvas, view: PixelArithmetic): Sketch {
  const { document, theme } = canvas;
  const { shape, at, layer, input, firstChannel } = view;
  const [rows, columns, reads] = shape;
  const cell = columns <= 5 ? 46 : columns <= 7 ? 40 : 30;
  const [width, height] = [columns * cell, rows * cell];
  const gap = 34;
  const left = margin + (reads > 1 ? 84 : 0);
  const ranked = channelsOf(view);
  const shown = ranked.slice(0, shownChannels);
  const most = (values: ArrayLike<number>) => Math.max(1e-12, ...Array.from(values, Math.abs));
  const scaleOf = { patch: most(view.patch), kernel: most(view.kernel), products: most(view.products) };
  const signed = (size: number) => (value: number) => diverging[theme.name](0.5 + value / (2 * size));
  const grids = [
    { name: "Patch of the input", values: view.patch, color: (value: number) => greys(value / scaleOf.patch) },
    { name: "Kernel", values: view.kernel, color: signed(scaleOf.kernel) },
    { name: "Products", values: view.products, color: signed(scaleOf.products) },
  ];
  const parts: Element[] = grids.map(({ name }, i) =>
    text(document, "text", { x: left + i * (width + gap), y: 14, "font-weight": 600 }, name),
  );
  const middle = (y: number) => y + height / 2 + 7;
  shown.forEach(({ channel, sum }, k) => {
    const y = 24 + k * (height + 14);
    if (reads > 1) parts.push(text(document, "text", { x: margin, y: middle(y) }, `channel ${firstChannel + channel}`));
    grids.forEach(({ values, color }, i) => {
      const x = left + i * (width + gap);
      channelOf(values, view, channel).forEach((value, tap) => {
        const outside = i !== 1 && isOutside(view, tap);
        const place = { x: x + (tap % columns) * cell, y: y + Math.floor(tap / columns) * cell };
        parts.push(...numberCell(canvas, place, cell, value, color(value), outside));
      });
      const sign = i === 0 ? "×" : i === 1 ? "=" : "";
      const at = { x: x + width + gap / 2, y: middle(y), "text-anchor": "middle", "font-size": 18 };
      parts.push(text(document, "text", at, sign));
    });
    parts.push(text(document, "text", { x: left + 3 * (width + gap) - 18, y: middle(y) - 2 }, `sum ${short(sum)}`));
  });
  const bottom = 24 + shown.length * (height + 14) + 14;
  arithmeticLines(view).forEach((line, i) => {
    parts.push(text(document, "text", { x: left, y: bottom + 19 * i }, line));
  });
  const title = `Arithmetic of ${layer} at row ${at[0]}, column ${at[1]}, channel ${at[2]}`;
  const beyond = view.places.some((place, i) => place < 0 || place >= input[i % 2 === 0 ? 0 : 1]);
  const subtitle = `${rows} × ${columns} × ${reads} products${beyond ? "; struck through: padding, which is 0" : ""}`;
  return {
    title,
    subtitle,
    width: Math.max(left + 3 * (width + gap) + 60, headingWidth(title, subtitle)),
    height: bottom + 19 * arithmeticLines(view).length + 4,
    parts,
  };
}

function isOutside({ places, input }: PixelArithmetic, tap: number): boolean {
  const [y, x] = [places[2 * tap]!, places[2 * tap + 1]!];
  return y < 0 || x < 0 || y >= input[0] || x >= input[1];
}

function numberCell(
  { document, theme }: Canvas,
  { x, y }: { x: number; y: number },
  cell: number,
  value: number,
  rgb: Rgb,
  outside: boolean,
): Element[] {
  const box = { x: x + 0.5, y: y + 0.5, width: cell - 1, height: cell - 1 };
  const words = Number(value.toFixed(2)) === 0 ? "0" : value.toFixed(2);
  const label = { x: x + cell / 2, y: y + cell / 2 + 4, "text-anchor": "middle", "font-size": cell < 36 ? 10 : 12 };
  if (outside) {
    return [
      element(document, "rect", { ...box, fill: "none", stroke: theme.grid }),
      element(document, "path", {
        d: `M${x + 3} ${y + cell - 3}L${x + cell - 3} ${y + 3}`,
        stroke: theme.quiet,
        "stroke-width": 1,
      }),
      text(document, "text", { ...label, fill: theme.quiet }, words),
    ];
  }
  const fill = isLight(rgb) ? "#111111" : "#ffffff";
  return [
    element(document, "rect", { ...box, fill: `rgb(${rgb.join()})`, stroke: theme.grid }),
    text(document, "text", { ...label, fill }, words),
  ];
}

/** What becomes of the products, line by line. */
export function arithmeticLines(view: PixelArithmetic): string[] {
  const ranked = channelsOf(view);
  const rest = ranked.slice(shownChannels);
  const others = rest.reduce((sum, each) => sum + each.sum, 0);
  const products = view.sum - view.bias;
  return [
    ...(rest.length === 0 ? [] : [`the other ${rest.length} channels add ${number(others)}`]),
    `sum of the products ${number(products)} + bias ${number(view.bias)} = ${number(view.sum)}`,
    view.activation === "linear"
      ? `the layer gives ${number(view.value)}`
      : `${view.activation}(${number(view.sum)}) = ${number(view.value)}`,
  ];
}

const number = (value: number) => value.toFixed(4);

/** The input with its padding, the window on it, and what it makes of the output. */
export function sketchWindows(canvas: Canvas, view: SlidingWindows, step = 0): Sketch {
  const { document, theme } = canvas;
  const { input, padding, output } = view;
  const [row, column] = [Math.floor(step / output[1]), step % output[1]];
  const padded = [input[0] + 2 * padding[0], input[1] + 2 * padding[1]] as const;
  const cell = Math.max(12, Math.min(34, Math.floor(420 / Math.max(...padded))));
  const parts: Element[] = [];
  const box = (x: number, y: number, attributes: Style) =>
    element(document, "rect", { x: x + 0.5, y: y + 0.5, width: cell - 1, height: cell - 1, ...attributes });
  const [top, left] = [26, margin];
  const inside = (y: number, x: number) => y >= 0 && x >= 0 && y < input[0] && x < input[1];
  const at = (y: number, x: number) => [left + (x + padding[1]) * cell, top + (y + padding[0]) * cell] as const;
  for (let y = -padding[0]; y < input[0] + padding[0]; y++) {
    for (let x = -padding[1]; x < input[1] + padding[1]; x++) {
      const style: Style = inside(y, x)
        ? { fill: theme.first, "fill-opacity": 0.22, stroke: theme.quiet }
        : { fill: "none", stroke: theme.quiet, "stroke-dasharray": "2 2", "stroke-opacity": 0.7 };
      parts.push(box(...at(y, x), style));
    }
  }
  for (const [y, x] of tapsAt(view, row, column)) {
    const [px, py] = at(y, x);
    parts.push(
      box(px, py, { fill: theme.second, "fill-opacity": inside(y, x) ? 0.75 : 0.3, stroke: theme.text }),
      element(document, "circle", {
        cx: px + cell / 2,
        cy: py + cell / 2,
        r: Math.max(1.5, cell / 11),
        fill: theme.text,
      }),
    );
  }
  const right = left + padded[1] * cell + 56;
  const low = top + Math.max(0, (padded[0] - output[0]) / 2) * cell;
  for (let i = 0; i < output[0] * output[1]; i++) {
    const [y, x] = [Math.floor(i / output[1]), i % output[1]];
    const done: Style = i < step ? { fill: theme.first, "fill-opacity": 0.22 } : { fill: "none" };
    const style: Style =
      i === step ? { fill: theme.second, "fill-opacity": 0.75, stroke: theme.text } : { ...done, stroke: theme.quiet };
    parts.push(box(right + x * cell, low + y * cell, style));
  }
  const words = [
    { x: left, y: 14, words: `Input${padding.some((count) => count > 0) ? ", padding dashed" : ""}` },
    { x: right, y: low - 10, words: "Output" },
  ];
  parts.push(
    ...words.map(({ x, y, words: label }) => text(document, "text", { x, y, "font-weight": 600 }, label)),
    arrow(canvas, right - 44, top + (padded[0] * cell) / 2),
  );
  const [title, subtitle] = ["Sliding window", windowsSentence(view)];
  return {
    title,
    subtitle,
    width: Math.max(right + output[1] * cell + margin, right + 60, headingWidth(title, subtitle)),
    height: top + Math.max(padded[0], output[0]) * cell + margin,
    parts,
  };
}

/** Drawn, since not every font has one. */
function arrow({ document, theme }: Canvas, x: number, y: number): Element {
  const d = `M${x} ${y}h28m-8 -7l8 7l-8 7`;
  return element(document, "path", { d, fill: "none", stroke: theme.text, "stroke-width": 2 });
}
