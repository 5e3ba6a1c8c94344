import fc from "fast-check";
import { it } from "vitest";
import { convCase } from "../cases/conv.js";
import { cases } from "../cases/index.js";
import { checkCase, describeCases, useBackends } from "../harness/check.js";

describeCases([...cases.conv, ...cases.convInputGradient, ...cases.convFilterGradient]);

const backends = useBackends();
it("random geometries", async () => {
  const upTo = (max: number) => fc.integer({ min: 1, max });
  const amount = fc.integer({ min: 0, max: 3 });
  const spec = fc
    .record({
      batch: upTo(3),
      size: fc.tuple(upTo(12), upTo(12)),
      kernel: fc.tuple(upTo(5), upTo(5)),
      strides: fc.tuple(upTo(3), upTo(3)),
      dilation: fc.tuple(upTo(2), upTo(2)),
      padding: fc.tuple(amount, amount, amount, amount),
      groups: upTo(3),
      groupChannels: upTo(6),
      groupFilters: upTo(6),
    })
    .map(({ groupChannels, groupFilters, ...rest }) => ({
      ...rest,
      channels: rest.groups * groupChannels,
      filters: rest.groups * groupFilters,
    }));
  const property = fc.asyncProperty(spec, async (spec) => {
    const testCase = convCase(spec);
    fc.pre(testCase !== undefined);
    await checkCase(testCase, backends());
  });
  await fc.assert(property, { seed: 2, numRuns: 60 });
});
