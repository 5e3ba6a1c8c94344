import fc from "fast-check";
import { it } from "vitest";
import { cases } from "../cases/index.js";
import { poolCases } from "../cases/pool.js";
import { checkCase, describeCases, useBackends } from "../harness/check.js";

describeCases([
  ...cases.maxPool,
  ...cases.maxPoolGradient,
  ...cases.maxPoolPick,
  ...cases.maxPoolIndices,
  ...cases.averagePool,
  ...cases.averagePoolGradient,
]);

const backends = useBackends();
it("random geometries", async () => {
  const upTo = (max: number) => fc.integer({ min: 1, max });
  const amount = fc.integer({ min: 0, max: 2 });
  const spec = fc.record({
    batch: upTo(3),
    size: fc.tuple(upTo(11), upTo(11)),
    channels: upTo(18),
    kernel: fc.tuple(upTo(4), upTo(4)),
    strides: fc.tuple(upTo(4), upTo(4)),
    padding: fc.tuple(amount, amount, amount, amount),
    ceilMode: fc.boolean(),
  });
  const property = fc.asyncProperty(spec, async (spec) => {
    const both = poolCases(spec);
    fc.pre(both.length > 0);
    for (const testCase of both) await checkCase(testCase, backends());
  });
  await fc.assert(property, { seed: 3, numRuns: 40 });
});
