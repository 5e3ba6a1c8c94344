import type { GraphBuilder } from "../../graph/builder.js";
import type { Node } from "../../graph/types.js";
import { divide, multiply, add as plus, sqrt, subtract, x } from "../../ops/expression.js";
import { mapNode } from "../../ops/map.js";
import { stopGradient } from "../../ops/reshape.js";
import { numberThat, trueOrFalse, withDefault } from "../check.js";
import type { LayerOptions, LayerWeight } from "../layer.js";

/** What all normalisations of single examples take. */
export interface NormalizationOptions extends LayerOptions {
  /** ε, what keeps the divisor above 0. Default: 1e-3, as in Keras (PyTorch: 1e-5). */
  readonly epsilon?: number;
  /** Whether values are multiplied by γ. Default: true. */
  readonly scale?: boolean;
  /** Whether β is added. Default: true. */
  readonly center?: boolean;
}

export interface NormalizationConfig {
  readonly epsilon: number;
  readonly scale: boolean;
  readonly center: boolean;
}

export const normalizationOptions = ["epsilon", "scale", "center"] as const;

export function configureNormalization(given: Readonly<Record<string, unknown>>, where: string): NormalizationConfig {
  const positive = (value: number) => value > 0;
  return {
    epsilon: numberThat(where, "epsilon", withDefault(given.epsilon, 1e-3), "a number > 0", positive),
    scale: trueOrFalse(where, "scale", withDefault(given.scale, true)),
    center: trueOrFalse(where, "center", withDefault(given.center, true)),
  };
}

/** `gamma` and `beta` of this shape, as far as they are wanted. */
export function normalizationWeights({ scale, center }: NormalizationConfig, shape: readonly number[]): LayerWeight[] {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const weight = { shape, fanIn: size, fanOut: size, trainable: true };
  return [
    ...(scale ? [{ ...weight, name: "gamma", initializer: "ones" } as const] : []),
    ...(center ? [{ ...weight, name: "beta", initializer: "zeros" } as const] : []),
  ];
}

/** What normalisation subtracts and multiplies by, each of a shape that broadcasts to the value's. */
export interface Moments {
  /** The mean as a constant for gradients. */
  readonly center: Node;
  /** `1 / √(variance + ε)` */
  readonly factor: Node;
  /** `(center − mean) · factor`: 0, but it leads the gradient to the mean. */
  readonly lead: Node;
}

/**
 * The moments of a value, where `mean` gives the means over what is normalised together. The variance needs no gradient
 * by way of the mean: its derivative there, `−2·Σ(x − mean)`, is 0.
 */
export function emitMoments(builder: GraphBuilder, value: Node, epsilon: number, mean: (node: Node) => Node): Moments {
  const average = mean(value);
  const center = stopGradient(builder, average);
  const deviation = subtract(x(0), x(1));
  const variance = mean(mapNode(builder, [value, center], multiply(deviation, deviation)));
  const factor = mapNode(builder, [variance], divide(1, sqrt(plus(x(0), epsilon))));
  const lead = mapNode(builder, [center, average, factor], multiply(subtract(x(0), x(1)), x(2)));
  return { center, factor, lead };
}
