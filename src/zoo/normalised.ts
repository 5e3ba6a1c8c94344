import { batchNorm, conv2d } from "../model/layers/index.js";
import type { SymbolicTensor } from "../model/symbolic.js";

export interface NormalisedOptions {
  readonly stride?: number;
  readonly groups?: number;
  /** Default: 1e-5, PyTorch's. */
  readonly epsilon?: number;
}

/**
 * A convolution without bias, padded on all sides by half its size, and batch normalisation with PyTorch's numbers: what
 * torchvision's networks are made of.
 *
 * @param convolution name of the convolution
 * @param norm name of the norm
 */
export function normalised(
  convolution: string,
  norm: string,
  x: SymbolicTensor,
  filters: number,
  kernel: number,
  { stride = 1, groups = 1, epsilon = 1e-5 }: NormalisedOptions = {},
): SymbolicTensor {
  const padding = (kernel - 1) / 2;
  const options = {
    stride,
    padding,
    groups,
    useBias: false,
    kernelInitializer: "heNormal",
    name: convolution,
  } as const;
  return batchNorm({ momentum: 0.9, epsilon, name: norm })(conv2d(filters, kernel, options)(x));
}
