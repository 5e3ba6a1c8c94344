import type { GraphBuilder } from "../../graph/builder.js";
import type { Node } from "../../graph/types.js";
import { adaptiveWindows, type PoolWindows } from "../../ops/poolWindows.js";
import type { LayerKind } from "../layer.js";
import { checkSpatial, type Dimensions, wholeNumbers } from "./spatial.js";

export interface AdaptivePoolConfig {
  readonly outputSize: readonly number[];
}

/** A kind of layer that pools over as many windows as are asked for. */
export function adaptivePoolKind(
  kind: string,
  dimensions: Dimensions,
  emit: (builder: GraphBuilder, input: Node, windows: PoolWindows) => Node,
): LayerKind<AdaptivePoolConfig> {
  return {
    kind,
    arguments: ["outputSize"],
    options: [],
    arity: "one",
    configure: (given, where) => ({ outputSize: wholeNumbers(where, "outputSize", given.outputSize, dimensions) }),
    outputShape({ outputSize }, [input], where) {
      checkSpatial(input!, dimensions, where);
      return [...outputSize, input![dimensions]!];
    },
    weights: () => [],
    emit: ({ builder, config, inputs }) =>
      emit(builder, inputs[0]!, adaptiveWindows(inputs[0]!.shape.slice(1, -1), config.outputSize)),
    reach: () => "whole",
  };
}
