import type { GraphBuilder } from "../../graph/builder.js";
import type { Node } from "../../graph/types.js";
import type { LayerKind } from "../layer.js";
import { checkSpatial, type Dimensions } from "./spatial.js";

/** A kind of layer that reduces every channel to one number; `axes` are the spatial ones. */
export function globalPoolKind(
  kind: string,
  dimensions: Dimensions,
  emit: (builder: GraphBuilder, input: Node, axes: readonly number[]) => Node,
): LayerKind {
  const axes = Array.from({ length: dimensions }, (_, axis) => axis + 1);
  return {
    kind,
    arguments: [],
    options: [],
    arity: "one",
    configure: () => ({}),
    outputShape(_config, [input], where) {
      checkSpatial(input!, dimensions, where);
      return [input![dimensions]!];
    },
    weights: () => [],
    emit: ({ builder, inputs }) => emit(builder, inputs[0]!, axes),
    reach: () => "whole",
  };
}
