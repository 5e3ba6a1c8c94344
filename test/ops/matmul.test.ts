import fc from "fast-check";
import { it } from "vitest";
import { cases } from "../cases/index.js";
import { matmulCase } from "../cases/matmul.js";
import { checkCase, describeCases, useBackends } from "../harness/check.js";

describeCases(cases.matmul);

const backends = useBackends();
it("random sizes", async () => {
  const size = fc.integer({ min: 1, max: 40 });
  const property = fc.asyncProperty(fc.tuple(size, size, size), fc.boolean(), fc.boolean(), (sizes, a, b) =>
    checkCase(matmulCase(sizes, { transposeA: a, transposeB: b }), backends()),
  );
  await fc.assert(property, { seed: 1, numRuns: 40 });
});
