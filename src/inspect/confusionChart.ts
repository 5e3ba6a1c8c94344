import { sequential } from "./colors.js";
import type { ConfusionView } from "./predictions.js";
import { type Canvas, element, headingWidth, margin, type Sketch, text } from "./svg.js";
import { short } from "./tiles.js";

/** Numbers are written into cells up to so many classes. */
const mostNumbered = 20;

/** What is taken for what: a row for each true class, dark where nothing is. */
export function sketchConfusion({ document, theme }: Canvas, view: ConfusionView): Sketch {
  const { matrix, classes, examples, accuracy } = view;
  const count = classes.length;
  const cell = count <= 12 ? 44 : count <= mostNumbered ? 34 : Math.max(4, Math.floor(640 / count));
  const names = classes.map((name) => (name.length > 16 ? `${name.slice(0, 15)}…` : name));
  const longest = Math.max(...names.map((name) => name.length)) * 6.6;
  const named = cell >= 12;
  // long names stand upright above their columns
  const upright = longest > cell - 4;
  const left = margin + 22 + (named ? longest + 8 : 0);
  const top = 22 + (named ? (upright ? longest + 8 : 20) : 0);
  const parts: Element[] = [
    text(document, "text", { x: left + (count * cell) / 2, y: 14, "text-anchor": "middle" }, "Predicted class"),
    text(
      document,
      "text",
      {
        x: 0,
        y: 0,
        "text-anchor": "middle",
        transform: `translate(${margin + 12} ${top + (count * cell) / 2}) rotate(-90)`,
      },
      "True class",
    ),
  ];
  matrix.forEach((row, i) => {
    const total = row.reduce((sum, value) => sum + value, 0);
    const y = top + i * cell;
    if (named) {
      const middle = left + i * cell + cell / 2;
      const column: Readonly<Record<string, string | number>> = upright
        ? { x: 0, y: 4, transform: `translate(${middle} ${top - 7}) rotate(-90)` }
        : { x: middle, y: top - 7, "text-anchor": "middle" };
      parts.push(
        text(document, "text", { x: left - 8, y: y + cell / 2 + 4.5, "text-anchor": "end" }, names[i]!),
        text(document, "text", column, names[i]!),
      );
    }
    row.forEach((value, k) => {
      const part = total === 0 ? 0 : value / total;
      const rgb = confusionColor(part);
      const x = left + k * cell;
      parts.push(element(document, "rect", { x, y, width: cell - 1, height: cell - 1, fill: `rgb(${rgb.join()})` }));
      if (count > mostNumbered || value === 0) return;
      const fill = isLight(rgb) ? "#111111" : "#ffffff";
      const at = { x: x + (cell - 1) / 2, y: y + cell / 2 + 4, "text-anchor": "middle", "font-size": 12, fill };
      parts.push(text(document, "text", at, String(value)));
    });
  });
  const wrong = examples - matrix.reduce((sum, row, i) => sum + row[i]!, 0);
  const [title, subtitle] = [
    "Confusion matrix",
    `${wrong.toLocaleString("en")} of ${examples.toLocaleString("en")} images are wrong, accuracy ${(100 * accuracy).toFixed(2)} %; colours: part of the row`,
  ];
  const bottom = top + count * cell + 12;
  parts.push(...scale(document, theme.text, left, bottom));
  return {
    title,
    subtitle,
    width: Math.max(left + count * cell + margin, headingWidth(title, subtitle)),
    height: bottom + 44,
    parts,
  };
}

/** Logarithmic below one tenth would hide nothing, but mislead: a root shows rare mistakes and stays a part. */
export const confusionColor = (part: number) => sequential(Math.sqrt(part));

export const isLight = ([r, g, b]: readonly [number, number, number]) => 0.299 * r + 0.587 * g + 0.114 * b > 140;

function scale(document: Document, fill: string, x: number, y: number): Element[] {
  const steps = [0, 0.01, 0.05, 0.1, 0.25, 0.5, 1];
  return steps.flatMap((part, i) => [
    element(document, "rect", { x: x + 46 * i, y, width: 46, height: 10, fill: `rgb(${confusionColor(part).join()})` }),
    text(
      document,
      "text",
      { x: x + 46 * i + 23, y: y + 25, "text-anchor": "middle", "font-size": 11, fill },
      `${short(100 * part)} %`,
    ),
  ]);
}
