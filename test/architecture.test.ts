import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { naiveLoops } from "../src/backends/reference/kernels.js";
import { catalog } from "../src/backends/wasm/catalog.js";
import { ops } from "../src/ops/index.js";
import { cases } from "./cases/index.js";
import { buildInto, makeGenerated, root } from "./harness/generated.js";

/** Folders of src in the order of processing: each imports only itself and those before it. */
const order = [
  ...["core", "platform", "graph", "ops", "model", "autodiff", "passes", "plan", "backends", "runtime"],
  ...["signal", "data", "formats", "train", "inspect", "zoo", "cli"],
];

/** What may know nothing of the machine it runs on. */
const pure = ["core", "graph", "ops", "model", "autodiff", "passes", "plan"];

/**
 * The only places that load packages, and only when they are asked to: the rest of fovea runs without any. (What the
 * loader's workers load is a module of fovea itself.)
 */
const mayLoadPackages = /^(data\/(images|loader\/workers)\.ts$|inspect\/|cli\/)/;

interface Import {
  readonly specifier: string;
  /** Types vanish when code is compiled; dynamic ones are loaded on first use. */
  readonly kind: "value" | "type" | "dynamic";
}

/** Paths of the TypeScript files in a folder of the checkout, relative to it, with slashes. */
function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll(sep, "/"))
    .filter((path) => path.endsWith(".ts") && !path.startsWith("."))
    .sort();
}

const read = (path: string) => readFileSync(join(root, path), "utf8");

/** Everything that a module imports. A dynamic import of what is only known at run time has the specifier `*`. */
function importsOf(text: string): Import[] {
  const code = text.replace(/^\s*\/\*[\s\S]*?\*\//gm, "").replace(/^\s*\/\/.*$/gm, "");
  const names = String.raw`(?:type\s+)?(?:[\w$*]+(?:\s+as\s+[\w$]+)?\s*,?\s*)?(?:\{[^{}]*\}\s*)?`;
  const statements = code.matchAll(new RegExp(String.raw`^(import|export)\s+(${names})from\s+"([^"]+)"`, "gm"));
  const bare = code.matchAll(/^import\s+"([^"]+)"/gm);
  const calls = code.matchAll(/(typeof\s+|<|:\s*|=\s*)?\bimport\(\s*(?:\/\*.*?\*\/\s*)?("([^"]+)")?/g);
  return [
    ...[...statements].map(([, , what, specifier]): Import => {
      const parts =
        /\{([^{}]*)\}/
          .exec(what!)?.[1]
          ?.split(",")
          .filter((part) => part.trim() !== "") ?? [];
      const onlyTypes = parts.length > 0 && parts.every((part) => /^\s*type\s/.test(part)) && /^\{/.test(what!);
      return { specifier: specifier!, kind: /^type\s/.test(what!) || onlyTypes ? "type" : "value" };
    }),
    ...[...bare].map(([, specifier]): Import => ({ specifier: specifier!, kind: "value" })),
    ...[...calls].map(([, before, , specifier]): Import => {
      const isType = specifier !== undefined && before !== undefined;
      return { specifier: specifier ?? "*", kind: isType ? "type" : "dynamic" };
    }),
  ];
}

/** Files of src, by path within it, and what they import. */
const sources = new Map(filesIn("src").map((path) => [path, importsOf(read(`src/${path}`))]));

/** The path within src of what a file imports; undefined where it is not of ours. */
function target(from: string, specifier: string): string | undefined {
  if (specifier === "#platform") return "platform/node.ts";
  if (!specifier.startsWith(".")) return undefined;
  return relative(root, join(root, dirname(from), specifier))
    .replaceAll(sep, "/")
    .replace(/\.js$/, ".ts");
}

const folderOf = (path: string) => (path.includes("/") ? path.slice(0, path.indexOf("/")) : "");

describe("imports", () => {
  it("are all found", () => {
    const text = [
      'import "./a.js";',
      'import { b, type C } from "./b.js";',
      'import type Default from "c";',
      'import Default, {\n  type D,\n} from "./d.js";',
      'export {\n  type E,\n  type F,\n} from "./e.js";',
      'export * as f from "./f.js";',
      '/** import { no } from "./no.js" */',
      'const g = await import("./g.js");',
      "await import(/* @vite-ignore */ name);",
      'type H = typeof import("h");',
    ].join("\n");
    expect(importsOf(text).map(({ specifier, kind }) => `${kind} ${specifier}`)).toEqual([
      "value ./b.js",
      "type c",
      "value ./d.js",
      "type ./e.js",
      "value ./f.js",
      "value ./a.js",
      "dynamic ./g.js",
      "dynamic *",
      "type h",
    ]);
  });

  it("lead to files that exist", () => {
    const dangling = [...sources].flatMap(([file, imports]) =>
      imports
        .map(({ specifier }) => target(file, specifier))
        .filter((path) => path !== undefined && !sources.has(path))
        .map((path) => `${file} imports ${path}`),
    );
    expect(dangling).toEqual([]);
  });

  it("point one way: from later stages to earlier ones, types included", () => {
    const known = [...sources.keys()].map(folderOf).filter((folder) => folder !== "" && !order.includes(folder));
    expect(known, "folders without a place in the order").toEqual([]);
    const reversed: string[] = [];
    for (const [file, imports] of sources) {
      for (const { specifier } of imports) {
        const path = target(file, specifier);
        if (path === undefined) continue;
        const [from, to] = [folderOf(file), folderOf(path)];
        // entries may import anything but the command line; the command line may import entries
        const allowed =
          from === "" ? to !== "cli" : to === "" ? from === "cli" : order.indexOf(to) <= order.indexOf(from);
        if (!allowed) reversed.push(`${file} imports ${path}`);
      }
    }
    expect(reversed).toEqual([]);
  });

  it("of pure stages reach neither the platform nor any package", () => {
    const impure = [...sources]
      .filter(([file]) => pure.includes(folderOf(file)))
      .flatMap(([file, imports]) =>
        imports.filter(({ specifier }) => !specifier.startsWith(".")).map(({ specifier }) => `${file}: ${specifier}`),
      );
    expect(impure).toEqual([]);
  });

  it("of packages are lazy, and only where images are read or drawn", () => {
    const eager = [...sources].flatMap(([file, imports]) =>
      imports
        .filter(({ specifier }) => target(file, specifier) === undefined && !specifier.startsWith("node:"))
        .filter(({ kind }) => !mayLoadPackages.test(file) || (kind === "value" && !file.startsWith("cli/")))
        .map(({ specifier, kind }) => `${file}: ${kind} ${specifier}`),
    );
    expect(eager).toEqual([]);
  });

  // optional packages are read in Node alone, when a picture is asked for
  const meetsNode = /^(platform\/node|inspect\/packages)\.ts: /;

  it("of the entries stay within src, and meet Node where it is expected", () => {
    for (const entry of ["index.ts", "data/index.ts", "inspect/index.ts", "signal/index.ts"]) {
      const seen = new Set<string>();
      const visit = (file: string) => {
        if (seen.has(file)) return;
        seen.add(file);
        for (const { specifier, kind } of sources.get(file)!) {
          const path = target(file, specifier);
          if (path !== undefined) visit(path);
          else if (specifier.startsWith("node:")) expect(`${file}: ${specifier}`).toMatch(meetsNode);
          else expect(kind, `${file} imports ${specifier}`).not.toBe("value");
        }
      };
      visit(entry);
      // a browser gets the other platform, which has no Node in it
      visit("platform/browser.ts");
      expect([...seen].filter((file) => file.startsWith("cli/"))).toEqual([]);
      expect(seen.size).toBeGreaterThan(5);
    }
  });
});

it("package.json asks for no package to run", () => {
  const { dependencies = {}, peerDependencies = {} } = JSON.parse(read("package.json"));
  expect({ ...dependencies, ...peerDependencies }).toEqual({});
});

it("files of more than 600 lines say why", () => {
  const long = ["src", "test"]
    .flatMap((folder) => filesIn(folder).map((file) => `${folder}/${file}`))
    .filter((file) => read(file).trimEnd().split("\n").length > 600)
    .filter((file) => !/^\/\/ long because \S.+/.test(read(file)));
  expect(long, "a first line `// long because …` is missing").toEqual([]);
});

describe("ops", () => {
  const leaves = ["input", "variable", "constant"];
  const files = filesIn("src/ops").filter((file) => /OpDefinition</.test(read(`src/ops/${file}`)));

  it("stand in the table under their own names", () => {
    for (const [name, op] of Object.entries(ops)) expect(op.name).toBe(name);
  });

  it("have naive loops, but for leaves and aliases", () => {
    const computed = Object.keys(ops).filter((name) => ![...leaves, "reshape"].includes(name));
    expect(Object.keys(naiveLoops).sort()).toEqual(computed.sort());
    const without = files.filter((file) => !existsSync(join(root, "src/ops", file.replace(/\.ts$/, ".reference.ts"))));
    expect(without).toEqual(["reshape.ts"]);
  });

  it("have cases on every backend", () => {
    expect(Object.keys(cases).sort()).toEqual(
      Object.keys(ops)
        .filter((name) => !leaves.includes(name))
        .sort(),
    );
    const without = Object.keys(cases).filter((name) => cases[name as keyof typeof cases].length === 0);
    expect(without).toEqual([]);
    expect(files.filter((file) => !existsSync(join(root, "test/cases", file)))).toEqual([]);
    const tests = filesIn("test/ops").map((test) => read(`test/ops/${test}`));
    const idle = Object.keys(cases).filter((name) => !tests.some((test) => RegExp(`cases\\.${name}\\b`).test(test)));
    expect(idle, "ops whose cases no test runs").toEqual([]);
  });

  it("have WebAssembly kernels with systematic names", () => {
    const names = Object.values(catalog).flatMap((kernels) => kernels.map(({ name }) => name));
    for (const [op, kernels] of Object.entries(catalog)) expect(kernels.length, op).toBeGreaterThan(0);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !/^(f32|any)_[a-z0-9_]+$/.test(name))).toEqual([]);
  });
});

describe("public types", () => {
  const generated = makeGenerated("declarations");
  afterAll(generated.remove);

  it("have no any", () => {
    const { exports } = JSON.parse(read("package.json")) as { exports: Record<string, { types?: string }> };
    const entries = Object.values(exports)
      .flatMap(({ types }) =>
        types === undefined ? [] : [types.replace(/^\.\/dist\//, "").replace(/\.d\.ts$/, ".ts")],
      )
      .filter((entry) => sources.has(entry));
    expect(entries).toContain("index.ts");
    expect(buildInto(generated.path, entries)).toBe("");
    const found: string[] = [];
    const seen = new Set<string>();
    const visit = (file: string) => {
      if (seen.has(file)) return;
      seen.add(file);
      const text = readFileSync(`${generated.path}/dist/${file.replace(/\.ts$/, ".d.ts")}`, "utf8");
      const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");
      for (const line of code.split("\n")) {
        if (/\bany\b/.test(line.replace(/"[^"]*"/g, ""))) found.push(`${file}: ${line.trim()}`);
      }
      for (const { specifier } of importsOf(code)) {
        const path = target(file, specifier);
        if (path !== undefined) visit(path);
      }
    };
    for (const entry of entries) visit(entry);
    expect(found).toEqual([]);
  });
});

describe.skipIf(!existsSync(join(root, ".git")))("the repository", () => {
  const tracked = () => execFileSync("git", ["ls-files"], { cwd: root, encoding: "utf8" }).trim().split("\n");
  /** Pieces of text by file and line; binary files have none. */
  const search = (pattern: RegExp) =>
    tracked()
      // this file spells the patterns out
      .filter((file) => existsSync(join(root, file)) && file !== "test/architecture.test.ts")
      .flatMap((file) => {
        const text = read(file);
        if (text.includes("\0")) return [];
        return text.split("\n").flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : []));
      });

  it("names no directories of a machine", () => {
    expect(search(/(?<![\w.}])[/](work|tmp|root)[/]/)).toEqual([]);
  });

  it("names no hosts of package registries", () => {
    expect(search(/"resolved":|\bregistry\.[a-z0-9-]+\.[a-z]|_authToken|\bnpm\.pkg\./i)).toEqual([]);
  });

  it("has no files that are made", () => {
    expect(tracked().filter((file) => /^(dist|runs|coverage|node_modules)\/|\.generated\//.test(file))).toEqual([]);
  });
});
