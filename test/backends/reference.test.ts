import { describe, expect, it } from "vitest";
import { differentiate } from "../../src/autodiff/differentiate.js";
import { createReferenceBackend } from "../../src/backends/reference/index.js";
import { GraphBuilder } from "../../src/graph/builder.js";
import { maximum, minimum, multiply, x } from "../../src/ops/expression.js";
import { mapNode } from "../../src/ops/map.js";
import { reduceNode } from "../../src/ops/reduce.js";
import type { Backend } from "../../src/plan/backend.js";

async function compiled(backend: Backend) {
  const builder = new GraphBuilder();
  const [a, b] = [builder.variable("a", [2]), builder.input("b", [2], "float32")];
  builder.output("product", mapNode(builder, [a, b], multiply(x(0), x(1))));
  const store = backend.createStore();
  return { store, program: await backend.compile(backend.plan(builder.build()), store) };
}

describe("reference backend", () => {
  it("keeps floats in the chosen precision", async () => {
    const single = await compiled(createReferenceBackend());
    const double = await compiled(createReferenceBackend({ precision: "float64" }));
    for (const { store, program } of [single, double]) {
      store.write("a", [0.1, 3]);
      program.input("b").set([3, 1 / 3]);
      program.run();
    }
    expect(single.program.output("product")).toEqual(Float32Array.of(Math.fround(0.1) * 3, 3 * Math.fround(1 / 3)));
    expect(double.program.output("product")).toEqual(Float64Array.of(0.1 * 3, 1));
  });

  it("rounds constants to the precision, so that saved results equal them", async () => {
    const builder = new GraphBuilder();
    const a = builder.input("a", [3], "float32");
    const clipped = mapNode(builder, [a], minimum(maximum(x(0), 0.1), 0.7));
    const [gradient] = differentiate(builder, reduceNode(builder, clipped, "sum", [0]), [a]);
    builder.output("gradient", gradient!);
    const backend = createReferenceBackend();
    const program = await backend.compile(backend.plan(builder.build()), backend.createStore());
    program.input("a").set([-1, 0.5, 2]);
    program.run();
    expect([...program.output("gradient")]).toEqual([0, 1, 0]);
  });

  it("says what is wrong", async () => {
    const backend = createReferenceBackend();
    const { store, program } = await compiled(backend);
    const message = (attempt: () => unknown) => {
      try {
        attempt();
      } catch (error) {
        return (error as Error).message;
      }
      return "no error";
    };
    expect(message(() => program.input("c"))).toBe('input "c": the program has no such input (expected one of b).');
    expect(message(() => program.output("c"))).toBe(
      'output "c": the program has no such output (expected one of product).',
    );
    expect(message(() => store.read("c"))).toBe('variable "c": is not declared.');
    expect(message(() => store.write("a", [1]))).toBe(
      'variable "a": is written with another number of values (expected 2, received 1).',
    );
    expect(message(() => store.declare("a", { shape: [3], dtype: "float32" }))).toBe(
      'variable "a": is declared again with another type (expected float32 [2], received float32 [3]).',
    );
    const foreign = { ...store };
    await expect(backend.compile(program.plan, foreign)).rejects.toThrow(
      "reference backend: the store belongs to another backend.",
    );
  });
});
