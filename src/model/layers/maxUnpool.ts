import { fail } from "../../core/errors.js";
import { formatShape, sameShape } from "../../core/shapes.js";
import { maxPool, maxPoolGradient } from "../../ops/pool.js";
import { createLayer, type Layer, type LayerKind } from "../layer.js";
import type { PoolWindowOptions, Unpool } from "../shapes/spatial.js";
import { type PoolConfig, type PoolOptions, poolKind, slidingWindows } from "./pool.js";
import type { Dimensions, PerAxis, WindowPadding } from "./spatial.js";

/** Everything of the pooling's own kind but what is read and what comes out. */
function kindOf(dimensions: Dimensions): LayerKind<PoolConfig> {
  const pool = poolKind(`maxUnpool${dimensions}d`, dimensions, (_builder, input) => input);
  return {
    ...pool,
    arity: "two",
    outputShape(config, [values, source], where) {
      const expected = pool.outputShape(config, [source!], where);
      if (sameShape(values!, expected)) return source!;
      return fail({
        code: "shape",
        where,
        problem: "the values do not have the shape that pooling the second input gives",
        expected: formatShape(expected),
        received: formatShape(values!),
      });
    },
    emit({ builder, config, inputs }) {
      const [values, source] = [inputs[0]!, inputs[1]!];
      const windows = slidingWindows(config, source.shape.slice(1, -1));
      // where the pooling itself is part of the network, this is its node
      const pooled = builder.add(maxPool, [source], windows);
      return builder.add(maxPoolGradient, [source, pooled, values], windows);
    },
    reach: () => "whole",
  };
}

export const maxUnpool1dKind = kindOf(1);
export const maxUnpool2dKind = kindOf(2);
export const maxUnpool3dKind = kindOf(3);

/**
 * Puts values back to where the largest values of another tensor were, zeros elsewhere: the partial inverse of
 * `maxPool1d` with the same options. Where PyTorch takes indices, this takes the tensor that was pooled:
 * `maxUnpool1d(2)(values, x)`, where `maxPool1d(2)(x)` has made the places. Windows that share a winner add up
 * (PyTorch keeps one of them).
 *
 * Inputs: values of the pooled shape, and the tensor that was pooled, [steps, channels]. Output: the shape of the
 * latter.
 *
 * Errors: as for `maxPool1d`; code "usage" for another number of inputs, code "shape" for values of another shape.
 *
 * Source: Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.
 *
 * Keras: none · PyTorch: MaxUnpool1d
 *
 * @param size of the pooling's window in steps: a number
 * @example maxUnpool1d(2)
 */
export function maxUnpool1d<
  const Size extends PerAxis[1],
  const Stride extends PerAxis[1] = Size,
  const Padding extends WindowPadding[1] = "valid",
  const Dilation extends PerAxis[1] = 1,
  const Ceil extends boolean = false,
>(
  size: Size,
  options?: PoolOptions<1> & PoolWindowOptions<Stride, Padding, Dilation, Ceil>,
): Layer<Unpool<"maxUnpool1d", Size, Stride, Padding, Dilation, Ceil>> {
  return createLayer(maxUnpool1dKind, { size }, options);
}

/**
 * Puts values back to where the largest values of another tensor were, zeros elsewhere: the partial inverse of
 * `maxPool2d` with the same options. Where PyTorch takes indices, this takes the tensor that was pooled:
 * `maxUnpool2d(2)(values, x)`, where `maxPool2d(2)(x)` has made the places. Windows that share a winner add up
 * (PyTorch keeps one of them).
 *
 * Inputs: values of the pooled shape, and the tensor that was pooled, [height, width, channels]. Output: the shape
 * of the latter.
 *
 * Errors: as for `maxPool2d`; code "usage" for another number of inputs, code "shape" for values of another shape.
 *
 * Source: Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.
 *
 * Keras: none · PyTorch: MaxUnpool2d
 *
 * @param size of the pooling's window in pixels: a number, or [height, width]
 * @example const y = maxUnpool2d(2)(maxPool2d(2)(x), x);
 */
export function maxUnpool2d<
  const Size extends PerAxis[2],
  const Stride extends PerAxis[2] = Size,
  const Padding extends WindowPadding[2] = "valid",
  const Dilation extends PerAxis[2] = 1,
  const Ceil extends boolean = false,
>(
  size: Size,
  options?: PoolOptions<2> & PoolWindowOptions<Stride, Padding, Dilation, Ceil>,
): Layer<Unpool<"maxUnpool2d", Size, Stride, Padding, Dilation, Ceil>> {
  return createLayer(maxUnpool2dKind, { size }, options);
}

/**
 * Puts values back to where the largest values of another tensor were, zeros elsewhere: the partial inverse of
 * `maxPool3d` with the same options. Where PyTorch takes indices, this takes the tensor that was pooled:
 * `maxUnpool3d(2)(values, x)`, where `maxPool3d(2)(x)` has made the places. Windows that share a winner add up
 * (PyTorch keeps one of them).
 *
 * Inputs: values of the pooled shape, and the tensor that was pooled, [depth, height, width, channels]. Output: the
 * shape of the latter.
 *
 * Errors: as for `maxPool3d`; code "usage" for another number of inputs, code "shape" for values of another shape.
 *
 * Source: Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.
 *
 * Keras: none · PyTorch: MaxUnpool3d
 *
 * @param size of the pooling's window in voxels: a number, or [depth, height, width]
 * @example maxUnpool3d(2)
 */
export function maxUnpool3d<
  const Size extends PerAxis[3],
  const Stride extends PerAxis[3] = Size,
  const Padding extends WindowPadding[3] = "valid",
  const Dilation extends PerAxis[3] = 1,
  const Ceil extends boolean = false,
>(
  size: Size,
  options?: PoolOptions<3> & PoolWindowOptions<Stride, Padding, Dilation, Ceil>,
): Layer<Unpool<"maxUnpool3d", Size, Stride, Padding, Dilation, Ceil>> {
  return createLayer(maxUnpool3dKind, { size }, options);
}
