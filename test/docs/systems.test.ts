import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { layerKinds } from "../../src/model/layers/index.js";
import { recipes } from "../../src/zoo/recipes.js";
import { root } from "../harness/generated.js";

const page = readFileSync(`${root}docs/systems.md`, "utf8");
const rows = page.split("\n").filter((line) => /^\| [A-E]\d+/.test(line));

describe("docs/systems.md", () => {
  it("names tests that exist", () => {
    const named = [...page.matchAll(/`(test\/[\w/.]+)`/g)].map(([, path]) => path!);
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((path) => !existsSync(root + path))).toEqual([]);
  });

  it("names recipes that exist", () => {
    const named = [...page.matchAll(/fovea train (\w[\w-]*)/g)].map(([, name]) => name!);
    expect(named.filter((name) => !recipes.some((recipe) => recipe.name === name))).toEqual([]);
  });

  it("has every layer in a row of section B, and a test in each of its rows", () => {
    const section = rows.filter((row) => row.startsWith("| B"));
    const words = new Set(section.flatMap((row) => row.split("|")[2]!.match(/\w+/g)!));
    expect(
      Object.keys(layerKinds).filter((kind) => !words.has(kind) && !words.has(kind.replace(/[123]d$/, ""))),
    ).toEqual([]);
    expect(section.filter((row) => !row.includes("`test/"))).toEqual([]);
  });
});
