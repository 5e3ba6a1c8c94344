import { type Shape, sizeOf } from "../../../core/shapes.js";
import { type ConvAttributes, convGeometry } from "../../../ops/conv.js";
import type { NodeContext } from "../../../plan/types.js";
import { i32 } from "../assembler/index.js";
import type { Phase, PhaseScope, WasmKernel } from "../kernel.js";
import { type Block, blockCycles, blockTasks, emitBlocks } from "./blocks.js";

/**
 * A volume as images, for kernels that take images alone: every plane that is computed reads as many planes as the filter
 * is deep; side by side in the channels they are one image, and the filter one over height and width. Copying costs as
 * many passes over the volume as the filter has planes, and no multiplication: it pays for kernels that save many.
 */
export function stacked(kernel: WasmKernel): WasmKernel {
  return {
    name: kernel.name.replace("conv2d", "conv3d"),
    accepts(node, engine) {
      const { strides, groups } = node.attributes as VolumeAttributes;
      if (strides.length !== 3) return "it has no third axis";
      if (strides[0] !== 1 || groups !== 1) return "its planes are strided, or it has groups";
      return kernel.accepts(stackOf(node).planar, engine);
    },
    scratchBytes(node, engine) {
      const stack = stackOf(node);
      return scratchOf(stack, kernel.packs !== undefined).own + (kernel.scratchBytes?.(stack.planar, engine) ?? 0);
    },
    packs(node, engine) {
      const stack = stackOf(node);
      const packed = kernel.packs?.(stack.planar, engine);
      return packed && { ...packed, bytes: packed.bytes + aligned(stack.filterSize) };
    },
    ...(kernel.overwrites && { overwrites: (node) => kernel.overwrites!(stackOf(node).planar) }),
    phases(node, engine) {
      const stack = stackOf(node);
      const { planes, filter, result } = stack;
      const keeps = kernel.packs !== undefined;
      const { filterAt, resultAt, own } = scratchOf(stack, keeps);
      const inner = (scope: PhaseScope): PhaseScope => {
        const place = keeps ? scope.packed : i32.add(scope.scratch, filterAt);
        const inputs = [scope.scratch, filter === undefined ? scope.inputs[1]! : place, ...scope.inputs.slice(2)];
        return {
          ...scope,
          inputs,
          output: result === undefined ? scope.output : i32.add(scope.scratch, resultAt),
          packed: keeps ? i32.add(scope.packed, aligned(stack.filterSize)) : scope.packed,
          scratch: i32.add(scope.scratch, own),
        };
      };
      return [
        moving(planes, (scope) => ({ ...scope, output: scope.scratch })),
        ...(filter === undefined
          ? []
          : [{ ...moving([filter], (scope) => ({ ...scope, output: inner(scope).inputs[1]! })), packs: keeps }]),
        ...kernel.phases(stack.planar, engine).map((phase) => ({
          ...phase,
          emit: (scope: PhaseScope) => phase.emit(inner(scope)),
        })),
        ...(result === undefined
          ? []
          : [moving([result], (scope) => ({ ...scope, inputs: [i32.add(scope.scratch, resultAt)] }))]),
      ];
    },
  };
}

type VolumeAttributes = ConvAttributes & { readonly inputShape?: Shape; readonly filterShape?: Shape };

interface Stack {
  /** The node as one over height and width. */
  readonly planar: NodeContext;
  /** What makes the stacked image of the first input. */
  readonly planes: readonly Block[];
  readonly imageSize: number;
  /** What makes the planar filter of the second input; the gradient for the filter has none, */
  readonly filter?: Block;
  readonly filterSize: number;
  /** but this, which makes its result of the planar one. */
  readonly result?: Block;
}

function stackOf(node: NodeContext): Stack {
  const { strides, dilation, padding, inputShape, filterShape, ...rest } = node.attributes as VolumeAttributes;
  const [first, second] = [node.inputs[0]!.shape, node.inputs[1]!.shape];
  const backward = node.op === "convInputGradient";
  const image = inputShape ?? first;
  const filter = filterShape ?? second;
  const { output } = convGeometry(image, filter, { strides, dilation, padding, ...rest }, "conv3d");
  const [deep, ...taps] = filter.slice(0, 3) as [number, number, number];
  const [inputs, outputs] = filter.slice(3) as [number, number];
  const [batch, depth, height, width, channels] = first as [number, number, number, number, number];
  const planes = backward ? image[1]! : output[0]!;

  // plane z of the stack has plane z + offset of the volume at tap k
  const offset = (k: number) => (backward ? padding[0]! - k * dilation[0]! : k * dilation[0]! - padding[0]!);
  const planeSize = height * width * channels;
  const blocks = Array.from({ length: deep }, (_, k): Block[] => {
    const low = Math.min(planes, Math.max(0, -offset(k)));
    const high = Math.max(low, Math.min(planes, depth - offset(k)));
    const part = (from: number, to: number, copies: boolean): Block[] => {
      if (from === to) return [];
      const axes = [
        { extent: batch, from: depth * planeSize, to: planes * planeSize * deep },
        { extent: to - from, from: planeSize, to: planeSize * deep },
        { extent: height * width, from: channels, to: channels * deep },
        { extent: channels, from: 1, to: 1 },
      ];
      const at = from * planeSize * deep + k * channels;
      if (copies) return [{ input: 0, axes, from: (from + offset(k)) * planeSize, to: at }];
      return [{ input: undefined, axes: axes.map((axis) => ({ ...axis, from: 0 })), from: 0, to: at }];
    };
    return [...part(0, low, false), ...part(low, high, true), ...part(high, planes, false)];
  }).flat();

  const over = sizeOf(taps);
  const weights = inputs * outputs;
  const sides = { strides: strides.slice(1), dilation: dilation.slice(1), padding: padding.slice(2), ...rest };
  const flat = (shape: Shape): Shape => [shape[0]! * shape[1]!, ...shape.slice(2)];
  const stackedShape: Shape = [batch * planes, height, width, channels * deep];
  const planarFilter: Shape = backward ? [...taps, inputs, deep * outputs] : [...taps, deep * inputs, outputs];
  const typed = (position: number, shape: Shape) => ({ ...node.inputs[position]!, shape });
  const shared = { planes: blocks, imageSize: sizeOf(stackedShape), filterSize: sizeOf(filter) };
  // [taps][planes of the filter][the rest], in both directions
  const turned = (from: "planes" | "taps"): Block => {
    const planesFirst = [over * weights, weights] as const;
    const tapsFirst = [weights, deep * weights] as const;
    const [a, b] = from === "planes" ? [planesFirst, tapsFirst] : [tapsFirst, planesFirst];
    const axes = [
      { extent: deep, from: a[0], to: b[0] },
      { extent: over, from: a[1], to: b[1] },
      { extent: weights, from: 1, to: 1 },
    ];
    return { input: from === "planes" ? 1 : 0, axes, from: 0, to: 0 };
  };
  if (node.op === "convFilterGradient") {
    const planar: NodeContext = {
      ...node,
      inputs: [typed(0, stackedShape), typed(1, flat(second))],
      output: { ...node.output, shape: planarFilter },
      attributes: { ...sides, filterShape: planarFilter },
    };
    return { ...shared, planar, result: turned("taps") };
  }
  const planar: NodeContext = {
    ...node,
    inputs: [typed(0, stackedShape), typed(1, planarFilter), ...node.inputs.slice(2)],
    output: { ...node.output, shape: flat(node.output.shape) },
    attributes: backward ? { ...sides, inputShape: flat(image) } : sides,
  };
  if (!backward) return { ...shared, planar, filter: turned("planes") };
  const axes = [
    { extent: deep, from: over * weights, to: outputs },
    { extent: over * inputs, from: outputs, to: deep * outputs },
    { extent: outputs, from: 1, to: 1 },
  ];
  return { ...shared, planar, filter: { input: 1, axes, from: 0, to: 0 } };
}

/** Bytes of so many numbers, in whole cache lines. */
const aligned = (size: number): number => 64 * Math.ceil(size / 16);

/** The stacked image, then the planar filter unless it is kept, or the planar result; then the kernel's own. */
function scratchOf({ imageSize, filterSize, filter }: Stack, keepsFilter: boolean) {
  const after = aligned(imageSize);
  const own = after + (filter !== undefined && keepsFilter ? 0 : aligned(filterSize));
  return { filterAt: after, resultAt: after, own };
}

function moving(blocks: readonly Block[], place: (scope: PhaseScope) => PhaseScope): Phase {
  return {
    tasks: blockTasks(blocks),
    cycles: blockCycles(blocks),
    emit: (scope) => emitBlocks(place(scope), blocks),
  };
}
