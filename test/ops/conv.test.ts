import fc from "fast-check";
import { it } from "vitest";
import { type ConvolutionSpec, convCase } from "../cases/conv.js";
import { cases } from "../cases/index.js";
import { checkCase, describeCases, useBackends } from "../harness/check.js";

describeCases([...cases.conv, ...cases.convInputGradient, ...cases.convFilterGradient]);

const backends = useBackends();
/** Random geometries over so many axes of up to `extent` pixels; every third one depthwise. */
function geometries(axes: number, extent: number): fc.Arbitrary<ConvolutionSpec> {
  const upTo = (max: number) => fc.integer({ min: 1, max });
  const each = (max: number) => fc.array(upTo(max), { minLength: axes, maxLength: axes });
  const sides = fc.array(fc.nat(3), { minLength: 2 * axes, maxLength: 2 * axes });
  const groups = fc.oneof(
    { weight: 2, arbitrary: fc.tuple(upTo(3), upTo(6), upTo(6)) },
    { weight: 1, arbitrary: fc.tuple(upTo(12), fc.constant(1), upTo(2)) },
  );
  return fc
    .record({
      batch: upTo(3),
      size: each(extent),
      kernel: each(5),
      strides: each(3),
      dilation: each(2),
      padding: sides,
      groups,
    })
    .map(({ groups: [groups, groupChannels, groupFilters], ...rest }) => ({
      ...rest,
      groups,
      channels: groups * groupChannels,
      filters: groups * groupFilters,
    }));
}

it.each([
  [1, 40, 40],
  [2, 12, 60],
  [3, 6, 40],
])("random geometries over %i axes", async (axes, extent, numRuns) => {
  const property = fc.asyncProperty(geometries(axes, extent), async (spec) => {
    const testCase = convCase(spec);
    fc.pre(testCase !== undefined);
    await checkCase(testCase, backends());
  });
  await fc.assert(property, { seed: 2, numRuns });
});
