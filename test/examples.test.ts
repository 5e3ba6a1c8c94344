import { mkdirSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Exported, examplesIn, exportsOf } from "./harness/docExamples.js";
import { corePrelude } from "./harness/examplePrelude.js";
import { compileTypeScript, makeGenerated, root } from "./harness/generated.js";

/** Public entries whose examples are compiled and run, and the names that these may use beside the entry's exports. */
const entries = [
  { name: "fovea", file: "index.ts", prelude: "corePrelude", names: ["digits", "net", "image", "x"] },
  { name: "fovea/metrics", file: "train/metrics/index.ts", prelude: "corePrelude", names: ["digits", "net"] },
  { name: "fovea/data", file: "data/index.ts", prelude: "dataPrelude", names: ["data", "bytes", "packed"] },
  {
    name: "fovea/inspect",
    file: "inspect/index.ts",
    prelude: "inspectPrelude",
    names: ["digits", "net", "before", "image"],
  },
  { name: "fovea/signal", file: "signal/index.ts", prelude: "signalPrelude", names: ["sequential", "input"] },
  { name: "fovea/zoo", file: "zoo/index.ts", prelude: "zooPrelude", names: ["Model"] },
] as const;

const generated = makeGenerated("examples");
const workingDirectory = process.cwd();

interface Example {
  readonly label: string;
  readonly code: string;
}

const exported = entries.map(({ file }) => exportsOf(`${root}src/${file}`));
const examples = exported.map((list) => list.flatMap(examplesOf));

function examplesOf({ name, file, examples }: Exported): Example[] {
  const label = `${relative(root, file).replaceAll("\\", "/")}: ${name}`;
  return examples.map((code, i) => ({ label: examples.length > 1 ? `${label} (${i + 1})` : label, code }));
}

/** One module per entry: every example a function of its own. Gives the text, and the example of each of its lines. */
function moduleOf(entry: number): { text: string; labels: string[] } {
  const { name, prelude, names } = entries[entry]!;
  const values = exported[entry]!.filter(({ kind }) => kind !== "interface" && kind !== "type");
  const imported = values.map((value) => value.name).filter((value) => !(names as readonly string[]).includes(value));
  const lines = [
    `import { ${imported.join(", ")} } from "${name}";`,
    `import { ${prelude} } from "../../harness/examplePrelude.js";`,
  ];
  const labels = lines.map(() => "imports");
  examples[entry]!.forEach(({ label, code }, i) => {
    const body = [
      `export async function example${i}() {`,
      `const { ${names.join(", ")} } = await ${prelude}();`,
      // a block of its own: examples may declare names of the prelude anew
      "{",
      ...code.split("\n"),
      "}}",
    ];
    lines.push(...body);
    labels.push(...body.map(() => label));
  });
  return { text: lines.join("\n"), labels };
}

const modules = entries.map((_, i) => moduleOf(i));
const fileName = (entry: number) => `entry${entry}.ts`;

/** MNIST's files with blank images, for examples that read it: more than they ask for, and no download. */
function writeBlankData(directory: string): void {
  const idx = (count: number, ...extents: number[]) => {
    const header = [0, 0, 8, 1 + extents.length, ...[count, ...extents].flatMap((n) => [0, 0, n >> 8, n & 255])];
    const bytes = new Uint8Array(header.length + extents.reduce((size, extent) => size * extent, count));
    bytes.set(header);
    return bytes;
  };
  for (const name of ["mnist", "fashion-mnist"]) {
    mkdirSync(`${directory}/${name}`, { recursive: true });
    for (const [part, count] of [
      ["train", 6000],
      ["t10k", 10],
    ] as const) {
      writeFileSync(`${directory}/${name}/${part}-images-idx3-ubyte`, idx(count, 28, 28));
      writeFileSync(`${directory}/${name}/${part}-labels-idx1-ubyte`, idx(count));
    }
  }
}

beforeAll(async () => {
  modules.forEach(({ text }, i) => {
    writeFileSync(`${generated.path}/${fileName(i)}`, text);
  });
  // files that examples read, and write, by name
  const files = `${generated.path}/files`;
  mkdirSync(files);
  process.chdir(files);
  const { net } = await corePrelude();
  await net.save("digits.safetensors");
  writeBlankData(`${generated.path}/data`);
  vi.stubEnv("FOVEA_DATA", `${generated.path}/data`);
  vi.spyOn(console, "log").mockImplementation(() => {});
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
});

afterAll(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  process.chdir(workingDirectory);
  generated.remove();
});

describe("examples of doc comments", () => {
  it("are found, on one line and on several", () => {
    expect(examplesIn("/** What it does. */")).toEqual([]);
    expect(examplesIn("/**\n * Text.\n *\n * @param a what\n * @example f(1)\n * @example f(2); // two\n */")).toEqual([
      "f(1)",
      "f(2); // two",
    ]);
    expect(examplesIn("  /**\n   * @example\n   * f({\n   *   a: 1,\n   * });\n   * @returns b\n   */")).toEqual([
      "f({\n  a: 1,\n});",
    ]);
  });

  it.each(entries.map(({ name }, i) => [name, exported[i]!] as const))("stand at everything in %s", (_, list) => {
    const without = list.filter(({ kind, examples }) => (kind === "function" || kind === "class") && !examples.length);
    expect(without.map(({ name }) => name)).toEqual([]);
    expect(new Set(list.map(({ name }) => name)).size).toBe(list.length);
  });

  it("have correct types", () => {
    const complaints = compileTypeScript(generated.path, {
      extends: "../../tsconfig.json",
      compilerOptions: { noUnusedLocals: false },
      include: ["*.ts"],
    });
    const named = complaints.replace(/^entry(\d)\.ts\((\d+),\d+\)/gm, (place, entry, line) => {
      return modules[entry]?.labels[line - 1] ?? place;
    });
    expect(named).toBe("");
  });
});

describe("every example runs", () => {
  describe.each(entries.map(({ name }, i) => [name, i] as const))("%s", (_, entry) => {
    it.each(examples[entry]!.map(({ label, code }, i) => [label, i, code] as const))("%s", async (_, i, code) => {
      if (code.includes("readImage") && !(await writeImage("seven.png"))) return;
      const path = `${generated.path}/${fileName(entry)}`;
      const module: Record<string, () => Promise<void>> = await import(/* @vite-ignore */ path);
      await module[`example${i}`]!();
    });
  });
});

/** Draws an image file, if the optional package for it is there. */
async function writeImage(path: string): Promise<boolean> {
  try {
    const { default: sharp } = await import("sharp");
    await sharp({ create: { width: 40, height: 30, channels: 3, background: "white" } }).toFile(path);
    return true;
  } catch {
    return false;
  }
}
