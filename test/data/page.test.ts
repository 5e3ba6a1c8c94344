import { readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import * as data from "../../src/data/index.js";
import * as fovea from "../../src/index.js";
import { compileTypeScript, makeGenerated, root } from "../harness/generated.js";

it("docs/data.md has programs that compile", () => {
  const page = readFileSync(`${root}docs/data.md`, "utf8");
  const programs = [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, program]) => program!);
  expect(programs.length).toBeGreaterThan(4);
  const given = "net: Model, data: Dataset, bytes: Uint8Array";
  const lines = [
    `import { ${Object.keys(fovea).join(", ")} } from "fovea";`,
    `import { ${Object.keys(data).join(", ")}, type Dataset } from "fovea/data";`,
    ...programs.map((program, i) => `export async function program${i}(${given}) {\n${program}}`),
  ];
  const generated = makeGenerated("data-page");
  try {
    writeFileSync(`${generated.path}/page.ts`, lines.join("\n"));
    const complaints = compileTypeScript(generated.path, {
      extends: "../../tsconfig.json",
      compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
      include: ["*.ts"],
    });
    expect(complaints).toBe("");
  } finally {
    generated.remove();
  }
});

it("docs/data.md names all augmentations and all sources", () => {
  const page = readFileSync(`${root}docs/data.md`, "utf8");
  const text = readFileSync(`${root}src/data/augment/augment.ts`, "utf8");
  const kinds = [...text.matchAll(/case "(\w+)":\n\s+return \w+\(/g)].map(([, kind]) => kind!);
  expect(kinds.length).toBeGreaterThan(20);
  expect(kinds.filter((kind) => !page.includes(kind))).toEqual([]);
});
