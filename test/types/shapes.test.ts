import { describe, expect, it } from "vitest";
import { FoveaError } from "../../src/core/errors.js";
import * as fovea from "../../src/index.js";
import { layerKinds } from "../../src/model/layers/index.js";
import { complaintsAbout } from "../harness/snippets.js";
import { calls, windowCalls } from "./calls.js";

/** The shape that a call gives when it runs, or the code of its error. */
function run(call: string): readonly number[] | string {
  try {
    const names = Object.keys(fovea);
    const tensor: fovea.SymbolicTensor = new Function(...names, `return ${call}`)(...Object.values(fovea));
    return tensor.shape;
  } catch (error) {
    if (error instanceof FoveaError) return error.code;
    throw error;
  }
}

describe("shapes in types", () => {
  it("are those that running gives", () => {
    const snippets = calls.map((call) => {
      const shape = run(call);
      if (typeof shape === "string") throw new Error(`${call}: ${shape}`);
      return `const y = ${call};\nholds<Equal<typeof y, SymbolicTensor<[${shape.join(", ")}]>>>();`;
    });
    const complaints = complaintsAbout("calls", snippets);
    expect(snippets.filter((_, i) => complaints[i]!.length > 0)).toEqual([]);
  });

  it("are there for every layer", () => {
    const called = new Set(calls.flatMap((call) => /^[a-zA-Z0-9]+(?=\()/.exec(call) ?? []));
    const without = Object.keys(layerKinds).filter((kind) => !called.has(kind));
    expect(without).toEqual(["network"]);
  });

  it("are those that running gives for windows of all sorts, and errors are errors", () => {
    const all = windowCalls(400).map((call) => ({ call, result: run(call) }));
    const fitting = all.flatMap(({ call, result }) => (typeof result === "string" ? [] : [{ call, shape: result }]));
    const failing = all.filter(({ result }) => result === "shape").map(({ call }) => call);
    expect([fitting.length > 150, failing.length > 15]).toEqual([true, true]);

    const snippets = fitting.map(
      ({ call, shape }) => `const y = ${call};\nholds<Equal<typeof y, SymbolicTensor<[${shape.join(", ")}]>>>();`,
    );
    const complaints = complaintsAbout("windows", [...snippets, ...failing]);
    expect(snippets.filter((_, i) => complaints[i]!.length > 0)).toEqual([]);
    expect(failing.filter((_, i) => complaints[snippets.length + i]!.length !== 1)).toEqual([]);
  });
});
