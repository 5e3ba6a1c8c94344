import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findChromium, launchChromium } from "../../bench/chromium.js";
import { type Dataset, dataset } from "../../src/data/dataset.js";
import { strokes } from "../../src/data/strokes.js";
import { conv2d, dense, flatten, input, type Model, sequential, sgd } from "../../src/index.js";
import { reportHtml } from "../../src/inspect/index.js";
import { effortFor } from "../../src/inspect/report/effort.js";
import { html } from "../../src/inspect/report/html.js";
import { summarize } from "../../src/inspect/summary.js";

const sections = [
  ...["Summary", "Network", "Settings", "Learning curves", "Classes", "What is taken for what", "Worst mistakes"],
  ...[
    "Predictions",
    "Filters",
    "Feature maps",
    "Grad-CAM",
    "Where images lie",
    "Robustness",
    "Attacks",
    "Calibration",
    "Rejection",
  ],
];

const evil = '<img src=x onerror="alert(1)">&amp;\'"';
const small = { tested: 60, images: 12, attacked: 6, threads: 1 } as const;

/** Tags that are closed by none. */
const empty = new Set(["meta", "img", "input", "rect", "line", "circle", "path"]);

/** Refuses a page whose tags do not close in the order in which they were opened. */
function checkNesting(page: string): void {
  const open: string[] = [];
  const body = page.replace(/<!doctype html>/i, "").replace(/<style>[\s\S]*?<\/style>/, "");
  for (const [, slash, name, rest] of body.matchAll(/<(\/?)([a-zA-Z][\w-]*)((?:"[^"]*"|[^>"])*)>/g)) {
    if (slash === "/") expect(open.pop()).toBe(name);
    else if (!rest!.endsWith("/") && !empty.has(name!)) open.push(name!);
  }
  expect(open).toEqual([]);
}

function checkPage(page: string) {
  checkNesting(page);
  const { document } = parseHTML(page);
  expect(document.querySelectorAll("script").length).toBe(0);
  // nothing is loaded: addresses are those of pictures within, and of sections
  for (const node of document.querySelectorAll("[src], [href], [srcset], [action]")) {
    for (const name of ["src", "href", "srcset", "action"]) {
      const value = node.getAttribute(name);
      if (value !== null) expect(value).toMatch(/^(data:image\/png;base64,[A-Za-z0-9+/=]+$|#)/);
    }
  }
  expect(page).not.toMatch(/url\(|@import|<link|javascript:/i);
  for (const node of document.querySelectorAll("*")) {
    for (const { name } of [...node.attributes]) expect(name).not.toMatch(/^on/i);
  }
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const link of document.querySelectorAll("nav a")) expect(ids).toContain(link.getAttribute("href")!.slice(1));
  for (const image of document.querySelectorAll("img")) expect(image.getAttribute("alt")).toMatch(/\S/);
  for (const drawing of document.querySelectorAll("svg:not([aria-hidden]):not(svg svg)")) {
    expect(drawing.getAttribute("role")).toBe("img");
    expect(drawing.querySelector("title")?.textContent).toMatch(/\S/);
  }
  for (const cell of document.querySelectorAll("th")) expect(cell.getAttribute("scope")).toMatch(/^(row|col)$/);
  return document;
}

const titlesOf = (document: Document) => [...document.querySelectorAll("h2")].map((node) => node.textContent);
const reasonsOf = (document: Document) =>
  Object.fromEntries(
    [...document.querySelectorAll("section")].flatMap((section) => {
      const reason = section.querySelector(".missing")?.textContent;
      return reason === undefined || reason === null ? [] : [[section.id, reason]];
    }),
  );

async function trained(net: Model, data: Dataset) {
  const options = { loss: "crossEntropy", optimizer: sgd(0.05), epochs: 3, validation: 0.2, threads: 1 } as const;
  return net.fit(data, { ...options, progress: false });
}

/** Digits in three colours, with names that would be code if they were not escaped. */
function coloured(data: Dataset): Dataset {
  const inputs = Uint8Array.from({ length: data.length * 784 * 3 }, (_, i) => {
    const pixel = data.inputs[Math.floor(i / 3)]!;
    return i % 3 === Math.floor(i / 2352) % 3 ? pixel : pixel >> 1;
  });
  const classes = data.classes.map((name) => `${evil}${name}`);
  return dataset({
    name: evil,
    source: evil,
    inputs,
    targets: data.targets as Int32Array,
    shape: [28, 28, 3],
    classes,
  });
}

describe("a report", () => {
  let digits: Awaited<ReturnType<typeof strokes>>;

  beforeAll(async () => {
    digits = await strokes({ train: 150, test: 60 });
  });

  it("of grey images has every section, and no reason to leave one out", async () => {
    const net = sequential(input(28, 28, 1), conv2d(4, 5, { stride: 2, activation: "relu" }), flatten(), dense(10));
    const { epochs, end } = await trained(net.initialize(1), digits.train);
    const told: string[] = [];
    const facts = [{ title: "Settings", rows: [["seed", "1"]] as const }];
    const make = () =>
      reportHtml(net, digits.test, {
        ...small,
        title: "runs/digits",
        epochs,
        weightsOfEpoch: end.weightsOfEpoch,
        facts,
        onSection: (title) => told.push(title),
      });
    const page = await make();
    const document = checkPage(page);
    expect(titlesOf(document)).toEqual(sections);
    expect(told).toEqual(sections);
    expect(reasonsOf(document)).toEqual({});
    expect(page.length).toBeLessThan(600_000);
    expect(document.querySelectorAll("#confusion .matrix tbody tr").length).toBe(10);
    expect(document.querySelectorAll("#curves svg[role]").length).toBe(2);
    expect(document.querySelectorAll("#robustness svg[role]").length).toBe(4);
    expect(document.querySelectorAll("#predictions img").length).toBe(30);
    // the same page again
    expect(await make()).toBe(page);
  });

  it("of colour images escapes every name", async () => {
    const [train, test] = [coloured(digits.train), coloured(digits.test)];
    const net = sequential(input(28, 28, 3), conv2d(4, 5, { stride: 2, activation: "relu" }), flatten(), dense(10));
    await trained(net.initialize(1), train);
    const page = await reportHtml(net, test, {
      ...small,
      title: evil,
      lead: evil,
      summary: [[evil, evil]],
      facts: [{ title: evil, rows: [[evil, evil]] }],
    });
    const document = checkPage(page);
    expect(page).not.toContain("<img src=x");
    expect(document.querySelector("h1")!.textContent).toBe(evil);
    expect(document.querySelector("#classes tbody th")!.textContent).toBe(`${evil}0`);
    expect(Object.keys(reasonsOf(document))).toEqual(["curves"]);
    expect(reasonsOf(document).curves).toContain("nothing is known of how training went");
    expect(page.length).toBeLessThan(900_000);
  });

  it("of a dense network says why it has no maps", async () => {
    const net = sequential(input(28, 28, 1), flatten(), dense(16, { activation: "relu" }), dense(10)).initialize(1);
    const { epochs } = await trained(net, digits.train);
    const reasons = reasonsOf(checkPage(await reportHtml(net, digits.test, { ...small, epochs })));
    expect(Object.keys(reasons)).toEqual(["maps", "gradcam"]);
    expect(reasons.maps).toContain("This network has no layers with maps");
    expect(reasons.gradcam).toContain("the network has no layer with maps of more than one pixel");
  });

  it("of what is no classifier says so, section by section", async () => {
    const net = sequential(input(4), dense(1)).initialize(0);
    const data = dataset({ inputs: new Float32Array(40), targets: new Float32Array(10), shape: [4] });
    const document = checkPage(await reportHtml(net, data, { threads: 1 }));
    const reasons = reasonsOf(document);
    expect(reasons.classes).toContain("needs a classifier");
    expect(Object.keys(reasons)).toHaveLength(sections.length - 2);
  });

  it("refuses bad options", async () => {
    const net = sequential(input(4), dense(2)).initialize(0);
    const data = dataset({ inputs: new Float32Array(40), targets: new Int32Array(10), shape: [4], classes: 2 });
    await expect(reportHtml(net, data, { images: 0 })).rejects.toThrow(
      /^report: wrong images \(expected a whole number ≥ 1/,
    );
    await expect(reportHtml(net, data, { seeds: 1 } as never)).rejects.toThrow(/^report: unknown option "seeds"/);
  });

  it("looks at fewer images of larger networks, and at fewer when it is to be quick", () => {
    const cost = (filters: number) => {
      const net = sequential(input(64, 64, 3), conv2d(filters, 3), conv2d(filters, 3), flatten(), dense(10));
      return summarize(net.network);
    };
    const efforts = [2, 16, 64, 256].map((filters) => effortFor(cost(filters), 50_000, false));
    for (const name of ["tested", "images", "attacked"] as const) {
      const counts = efforts.map((effort) => effort[name]);
      expect(counts).toEqual([...counts].sort((a, b) => b - a));
      expect(counts[0]).toBeGreaterThan(counts[3]!);
      expect(effortFor(cost(2), 50_000, true)[name]).toBeLessThan(effortFor(cost(2), 50_000, false)[name]);
    }
    expect(effortFor(cost(2), 30, false)).toEqual({ tested: 30, images: 30, attacked: 30 });
  });
});

const executable = findChromium();

describe.skipIf(executable === undefined)("in a browser (skipped without Chromium)", () => {
  let browser: Browser;
  let file: string;
  let directory: string;

  beforeAll(async () => {
    const { test } = await strokes({ train: 10, test: 30 });
    const net = sequential(input(28, 28, 1), conv2d(12, 5, { activation: "relu" }), flatten(), dense(10)).initialize(1);
    const names = test.classes.map((name) => `class with a name that is long ${name}`);
    const data = dataset({ ...pick(test), classes: names });
    directory = await mkdtemp(join(tmpdir(), "fovea-report-"));
    file = join(directory, "report.html");
    await writeFile(file, await reportHtml(net, data, { ...small, title: "a".repeat(120) }));
    browser = await launchChromium(executable!);
  });

  afterAll(async () => {
    await browser?.close();
    await rm(directory, { recursive: true, force: true });
  });

  it.each([
    [390, "light"],
    [390, "dark"],
    [1280, "light"],
    [1280, "dark"],
  ] as const)(
    "%i pixels wide, %s: nothing is asked for, nothing sticks out, colours follow",
    async (width, colorScheme) => {
      const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme });
      const asked: string[] = [];
      page.on("request", (request) => {
        if (!/^(data|file):/.test(request.url())) asked.push(request.url());
      });
      page.on("console", (message) => asked.push(message.text()));
      await page.goto(`file://${file}`);
      const look = () =>
        page.evaluate(() => {
          const shown = (name: string) => {
            const node = document.querySelector(`#filters .${name} img`);
            return node !== null && node.getBoundingClientRect().width > 0;
          };
          return {
            wide: document.documentElement.scrollWidth,
            background: getComputedStyle(document.body).backgroundColor,
            pictures: [shown("on-light"), shown("on-dark")],
            broken: [...document.images].filter((image) => image.naturalWidth === 0).length,
          };
        });
      const [white, black] = ["rgb(255, 255, 255)", "rgb(22, 22, 22)"];
      const light = { wide: width, background: white, pictures: [true, false], broken: 0 };
      const dark = { ...light, background: black, pictures: [false, true] };
      expect(await look()).toEqual(colorScheme === "light" ? light : dark);
      await page.check("#theme-dark");
      expect(await look()).toEqual(dark);
      await page.check("#theme-light");
      expect(await look()).toEqual(light);
      expect(asked).toEqual([]);
      await page.close();
    },
  );
});

const pick = ({ inputs, targets, shape }: Dataset) => ({ inputs, targets: targets as Int32Array, shape });

it("templates escape text, and not what is HTML", () => {
  expect(html`<a title="${'"<'}">${["&", html`<b>${1}</b>`, undefined]}</a>`.text).toBe(
    '<a title="&quot;&lt;">&amp;<b>1</b></a>',
  );
});
