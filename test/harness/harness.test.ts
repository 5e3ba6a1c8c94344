import { describe, expect, it } from "vitest";
import { createReferenceBackend } from "../../src/backends/reference/index.js";
import type { Backend } from "../../src/plan/backend.js";
import { convCase } from "../cases/conv.js";
import { matmulCase } from "../cases/matmul.js";
import { boundsOf, u } from "./bounds.js";
import type { AnyCase } from "./case.js";
import { checkCase } from "./check.js";
import { expectWithin } from "./compare.js";
import { experimentOf } from "./graph.js";

/** The reference backend with its outputs spoilt. */
function spoilt(spoil: (values: Float32Array) => void): { name: string; backend: Backend } {
  const backend = createReferenceBackend();
  const compile: Backend["compile"] = async (plan, store) => {
    const program = await backend.compile(plan, store);
    const output = (name: string) => {
      const values = program.output(name) as Float32Array;
      spoil(values);
      return values;
    };
    const { input, run, node } = program;
    return { plan, input: input.bind(program), run: run.bind(program), node: node.bind(program), output };
  };
  return { name: "spoilt", backend: { ...backend, compile } };
}

describe("the harness", () => {
  const convolution = convCase({ size: [6, 6], channels: 16, filters: 8, batch: 3 })!;

  it("accepts what is exact", async () => {
    await checkCase(convolution, [spoilt(() => {})]);
  });

  it("catches a relative error of 1e-4 in one element", async () => {
    const last = spoilt((values) => {
      values[values.length - 1]! *= 1 + 1e-4;
    });
    await expect(checkCase(convolution, [last])).rejects.toThrow(/^value on spoilt: element 863 of 864 is .*bound/);
    const first = spoilt((values) => {
      values[0]! *= 1 + 1e-4;
    });
    await expect(checkCase(matmulCase([17, 33, 9]), [first])).rejects.toThrow(/^value on spoilt: element 0 of 153/);
  });

  it("catches NaN and infinities", async () => {
    for (const wrong of [NaN, Infinity, -Infinity]) {
      await expect(checkCase(convolution, [spoilt((values) => values.fill(wrong))])).rejects.toThrow(String(wrong));
    }
    expect(() => expectWithin("x", [1], [NaN], () => Infinity)).toThrow("x: element 0 of 1 is 1, expected NaN");
    expect(() => expectWithin("x", [Infinity], [1e39], () => 0)).not.toThrow();
    expect(() => expectWithin("x", [-Infinity], [1e39], () => 0)).toThrow("expected 1e+39");
  });

  it("catches a wrong gradient by finite differences", async () => {
    // at a step of floor the values jump, and the derivative is 0: as good as a forgotten term
    const stepped: AnyCase = {
      op: "map",
      name: "floor at its steps",
      inputs: [{ shape: [4], values: () => [0.99999, 1.00001, 2.00001, 2.99999] }],
      attributes: { expression: { kind: "unary", fn: "floor", a: { kind: "input", index: 0 } } },
      gradient: true,
    };
    await expect(checkCase(stepped, [])).rejects.toThrow(/^gradient of x0\[0\] is 0, finite differences give/);
  });

  it("bounds sums by their length and size", () => {
    const { graph, leaves } = experimentOf(matmulCase([3, 20, 5]));
    const { value, bound } = boundsOf(graph, leaves)[graph.outputs.value!]!;
    const [a, b] = [leaves.x0!, leaves.x1!];
    for (let i = 0; i < value.length; i++) {
      const [row, column] = [Math.floor(i / 5), i % 5];
      let magnitude = 0;
      for (let k = 0; k < 20; k++) magnitude += Math.abs(a[row * 20 + k]! * b[k * 5 + column]!);
      expect(bound[i]!).toBeCloseTo(23 * u * magnitude, 15);
    }
  });
});
