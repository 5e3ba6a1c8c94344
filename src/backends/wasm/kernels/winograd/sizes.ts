import type { Unprofitable } from "../../../../plan/types.js";
import type { Conv2dAttributes, Conv2dGeometry } from "../planar.js";

/** What errors of the geometry name; it was checked when the graph was built. */
export const where = "conv2d";

export const align = (floats: number): number => 16 * Math.ceil(floats / 16);

/**
 * Bytes from one point's matrix to the next: an odd number of cache lines, since a transform writes all points of a
 * tile in turn, and a power of two between them would put them all into one set of the cache.
 */
export const pointStride = (rows: number, columns: number): number => 64 * (Math.ceil((rows * columns) / 16) | 1);

/** Outputs per axis and tile, for each size of filter: eight points for 5×5, six for 3×3. */
export const outputsPerTile: ReadonlyMap<number, number> = new Map([
  [3, 4],
  [5, 4],
]);

/** Why Winograd's method cannot be used. */
export function refusal(attributes: Conv2dAttributes, g: Conv2dGeometry): true | string {
  const { strides, dilation, groups } = attributes;
  if (attributes.depth !== undefined) return "it has three axes";
  if (groups !== 1) return "it has groups";
  if (strides.some((s) => s !== 1) || dilation.some((d) => d !== 1)) return "it has strides or dilation";
  if (g.kernelHeight !== g.kernelWidth || !outputsPerTile.has(g.kernelHeight)) return "its filter is not 3×3 or 5×5";
  if (g.inputChannels % 4 !== 0 || g.outputChannels % 4 !== 0) return "its channels are not whole vectors";
  return true;
}

/** Said where the planner's estimate is against it. */
export const directCostsLess: Unprofitable = { unprofitable: "direct costs less here" };
