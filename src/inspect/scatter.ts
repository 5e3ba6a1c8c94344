import type { FeaturePlane } from "./featurePlane.js";
import { type Canvas, headingWidth, margin, type Sketch, standAlone, type Theme } from "./svg.js";
import { short } from "./tiles.js";

/** Okabe and Ito's colours; those that are hard to see on white, or on black, are replaced. */
const palettes: Readonly<Record<Theme["name"], readonly string[]>> = {
  light: ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#444444", "#8A6D00", "#6A3D9A", "#8C2D04"],
  dark: ["#56B4E9", "#E69F00", "#63C7A2", "#E5A3C8", "#F0E442", "#4A9FD8", "#dddddd", "#D55E00", "#B39DDB", "#C49A6C"],
};
const symbols = ["circle", "square", "triangle", "diamond", "star", "cross", "wye"] as const;

const styleOf = (theme: Theme, label: number) => ({
  fill: palettes[theme.name][label % palettes[theme.name].length]!,
  symbol: symbols[label % symbols.length]!,
});

/** Names that are listed at most. */
const mostNamed = 40;

/** The points; classes differ in colour and in shape. */
export function scatterPanel({ plot, document, theme }: Canvas, view: FeaturePlane, size = 480): Element {
  const { points, labels, method, classes } = view;
  const rows = Array.from(labels, (label, i) => ({ x: points[2 * i]!, y: points[2 * i + 1]!, label }));
  const axis = {
    fontSize: 11,
    tickSize: 4,
    ticks: 5,
    color: theme.text,
    tickFormat: short,
    labelArrow: "none",
  } as const;
  // t-SNE's numbers mean nothing: no axes
  const marks =
    method === "pca"
      ? [
          plot.gridX({ ticks: 5, stroke: theme.grid, strokeOpacity: 1 }),
          plot.gridY({ ticks: 5, stroke: theme.grid, strokeOpacity: 1 }),
          plot.axisX({ ...axis, label: "First principal component", labelAnchor: "center", labelOffset: 36 }),
          plot.axisY({ ...axis, label: "Second principal component", labelAnchor: "center", labelOffset: 46 }),
        ]
      : [plot.frame({ stroke: theme.grid })];
  const figure = plot.plot({
    document,
    width: size,
    height: size,
    marginLeft: method === "pca" ? 58 : 4,
    marginRight: 6,
    marginTop: 8,
    marginBottom: method === "pca" ? 44 : 4,
    style: { background: "none", overflow: "visible" },
    inset: 8,
    marks: [
      ...(method === "pca" ? [] : [plot.axisX({ ticks: [], label: null }), plot.axisY({ ticks: [], label: null })]),
      ...marks,
      ...classes.map((_, label) =>
        plot.dot(
          rows.filter((row) => row.label === label),
          { x: "x", y: "y", r: 3.2, ...styleOf(theme, label), fillOpacity: 0.85 },
        ),
      ),
    ],
  });
  return standAlone(figure, theme);
}

/** Names beside their marks. */
export function classKey({ plot, document, theme }: Canvas, { classes }: FeaturePlane, columns = 1): Element {
  const named = classes.slice(0, mostNamed);
  const rows = named.map((name, label) => {
    const words = name.length > 22 ? `${name.slice(0, 21)}…` : name;
    return { words, label, x: label % columns, y: Math.floor(label / columns) };
  });
  const pitch = 30 + 6.8 * Math.max(...rows.map(({ words }) => words.length));
  const lines = Math.ceil(named.length / columns);
  const figure = plot.plot({
    document,
    width: columns * pitch + 8,
    height: 22 * lines + 4,
    margin: 0,
    style: { background: "none", overflow: "visible" },
    x: { axis: null, domain: [-0.5, columns - 0.5], range: [0, columns * pitch] },
    y: { axis: null, domain: [0, Math.max(1, lines - 1)], range: [12, 12 + 22 * Math.max(1, lines - 1)] },
    marks: rows.flatMap((row) => [
      plot.dot([row], { x: "x", y: "y", r: 4, dx: 10 - pitch / 2, ...styleOf(theme, row.label) }),
      plot.text([row], {
        x: "x",
        y: "y",
        text: "words",
        textAnchor: "start",
        dx: 22 - pitch / 2,
        fontSize: 12,
        fill: theme.text,
      }),
    ]),
  });
  return standAlone(figure, theme);
}

export function planeSentence({ method, layer, size, labels, explained }: FeaturePlane): string {
  const numbers = `what ${layer} gives for ${labels.length.toLocaleString("en")} images, ${size.toLocaleString("en")} numbers each`;
  if (method === "tsne" || explained === undefined)
    return `${numbers}; neighbours are neighbours there, distances between groups say nothing`;
  return `${numbers}; the axes have ${short(100 * explained[0])} % and ${short(100 * explained[1])} % of the variance`;
}

export function sketchFeaturePlane(canvas: Canvas, view: FeaturePlane): Sketch {
  const size = 520;
  const panel = scatterPanel(canvas, view, size);
  panel.setAttribute("x", String(margin));
  panel.setAttribute("y", "0");
  const key = classKey(canvas, view);
  key.setAttribute("x", String(margin + size + 12));
  key.setAttribute("y", "4");
  const title = `Where images lie: ${view.method === "pca" ? "principal components" : "t-SNE"}`;
  const subtitle = planeSentence(view);
  const width = margin + size + 12 + Number(key.getAttribute("width")) + margin;
  return {
    title,
    subtitle,
    width: Math.max(width, headingWidth(title, subtitle)),
    height: Math.max(size, Number(key.getAttribute("height"))) + margin,
    parts: [panel, key],
  };
}
