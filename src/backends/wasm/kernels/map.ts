import { bytesOf } from "../../../core/dtypes.js";
import { broadcastShapes, type Shape, sizeOf, stridesOf } from "../../../core/shapes.js";
import { operationCount, usedInputs } from "../../../ops/expression.js";
import type { MapAttributes } from "../../../ops/map.js";
import type { NodeContext } from "../../../plan/types.js";
import { f32x4, type I32, i32, i32x4, type Local, type V128, v128 } from "../assembler/index.js";
import { emitExpression } from "../elementwise.js";
import { attributesOf, type PhaseScope, type WasmKernel } from "../kernel.js";
import { vectorThreefry, vectorUniform } from "../math.js";

/** Elements of one task of a map without broadcasting: a multiple of the vector, and a page of memory. */
const chunk = 4096;

/** One axis of the walk, after axes that all operands cross alike have been joined. */
interface Axis {
  readonly extent: number;
  /** Step of each operand along the axis, in elements; 0 where it is broadcast. */
  readonly strides: readonly number[];
}

/** Joins neighbouring axes wherever every operand's steps allow, so that most maps are one long line. */
export function joinAxes(output: Shape, operands: readonly Shape[]): Axis[] {
  const strides = operands.map((shape) => {
    const padded = [...new Array<number>(output.length - shape.length).fill(1), ...shape];
    return stridesOf(padded).map((stride, axis) => (padded[axis] === 1 ? 0 : stride));
  });
  const axes: Axis[] = [];
  output.forEach((extent, axis) => {
    if (extent === 1) return;
    const own = strides.map((stride) => stride[axis]!);
    const outer = axes[axes.length - 1];
    if (outer?.strides.every((stride, i) => stride === own[i]! * extent)) {
      axes[axes.length - 1] = { extent: outer.extent * extent, strides: own };
    } else axes.push({ extent, strides: own });
  });
  return axes.length > 0 ? axes : [{ extent: 1, strides: operands.map(() => 0) }];
}

function walkOf(node: NodeContext) {
  const { expression } = attributesOf<MapAttributes>(node);
  const { keys } = usedInputs(expression);
  // keys take no part in the walk; a scalar stands in for them
  const axes = joinAxes(
    node.output.shape,
    node.inputs.map(({ shape }, index) => (keys.includes(index) ? [] : shape)),
  );
  const inner = axes[axes.length - 1]!;
  const rows = axes.slice(0, -1).reduce((product, { extent }) => product * extent, 1);
  return { axes, inner, rows, keys };
}

/** Elementwise work in vectors of four along the innermost joined axis; any broadcasting of the outer ones. */
export const map: WasmKernel = {
  name: "f32_map_simd128",
  accepts: () => true,
  overwrites: (node) =>
    node.inputs.flatMap(({ shape, dtype }, index) => {
      const whole = dtype === "float32" && sizeOf(shape) === sizeOf(node.output.shape);
      return whole && broadcastShapes([shape, node.output.shape])?.length === node.output.shape.length ? [index] : [];
    }),
  phases(node) {
    const { expression } = attributesOf<MapAttributes>(node);
    const { inner, rows } = walkOf(node);
    const flat = rows === 1;
    return [
      {
        tasks: flat ? Math.ceil(inner.extent / chunk) : rows,
        cycles: (sizeOf(node.output.shape) * (2 + operationCount(expression))) / 4 + (flat ? 0 : 10 * rows),
        ...(flat ? { elements: inner.extent } : {}),
        usesScratch: false,
        emit: (scope) => (flat ? emitFlat(scope, node) : emitRows(scope, node)),
      },
    ];
  },
};

/** Elements of one turn: two neighbouring vectors, both computed before either is stored, which engines join into one. */
const turn = 8;

/**
 * One line of elements: tasks are chunks of it. Whole turns are written, also into the padding after the last element:
 * buffers end on cache lines, which whole turns divide.
 */
function emitFlat(scope: PhaseScope, node: NodeContext): void {
  const { f, begin, end, output } = scope;
  const { inner } = walkOf(node);
  const at = f.local("i32");
  const stop = f.local("i32", i32.min(i32.mul(end, chunk), inner.extent));
  const operands = prepareOperands(scope, node);
  const addressOf = (operand: number) =>
    i32.add(scope.inputs[operand]!, i32.mul(at.get, bytesOf(node.inputs[operand]!.dtype)));
  f.for(at, i32.mul(begin, chunk), stop.get, turn, () => {
    const values = [0, 4].map((ahead) =>
      f.local("v128", emitElements(scope, node, operands, at.get, addressOf, ahead)),
    );
    const target = i32.add(output, i32.mul(at.get, 4));
    values.forEach((value, i) => f.storeV128(target, value.get, 16 * i));
  });
}

/** Broadcasting over outer axes: tasks are rows along the inner axis, whose tails are written lane by lane. */
function emitRows(scope: PhaseScope, node: NodeContext): void {
  const { f, begin, end, inputs, output } = scope;
  const { axes, inner } = walkOf(node);
  const row = f.local("i32");
  const rest = f.local("i32");
  const index = f.local("i32");
  /** Bytes of the row that are done, as floats count them. */
  const at = f.local("i32");
  const target = f.local("i32");
  /** Address of each operand's part of the row. */
  const starts = node.inputs.map(() => f.local("i32"));
  const sizes = node.inputs.map(({ dtype }) => bytesOf(dtype));
  const operands = prepareOperands(scope, node);
  const vector = (ahead = 0) => {
    const position = i32.add(i32.mul(row.get, inner.extent), i32.shrU(at.get, 2));
    const addressOf = (operand: number) => {
      if (inner.strides[operand] === 0) return starts[operand]!.get;
      return i32.add(starts[operand]!.get, sizes[operand] === 4 ? at.get : i32.shrU(at.get, 2));
    };
    return emitElements(scope, node, operands, position, addressOf, ahead);
  };
  f.for(row, begin, end, 1, () => {
    f.set(rest, row.get);
    starts.forEach((start, operand) => f.set(start, inputs[operand]!));
    for (let axis = axes.length - 2; axis >= 0; axis--) {
      const { extent, strides } = axes[axis]!;
      f.set(index, axis === 0 ? rest.get : i32.remU(rest.get, extent));
      if (axis > 0) f.set(rest, i32.divU(rest.get, extent));
      starts.forEach((start, operand) => {
        if (strides[operand] !== 0) f.increase(start, i32.mul(index.get, strides[operand]! * sizes[operand]!));
      });
    }
    f.set(target, i32.add(output, i32.mul(row.get, 4 * inner.extent)));
    const whole = inner.extent - (inner.extent % turn);
    f.for(at, 0, 4 * whole, 4 * turn, () => {
      const values = [0, 4].map((ahead) => f.local("v128", vector(ahead)));
      const place = i32.add(target.get, at.get);
      values.forEach((value, i) => f.storeV128(place, value.get, 16 * i));
    });
    if (whole === 0) f.set(at, i32.constant(0));
    for (let column = whole; column < inner.extent; column += 4) {
      const value = vector(column - whole);
      f.storeLanes(i32.add(target.get, 4 * whole), value, Math.min(4, inner.extent - column), 4 * (column - whole));
    }
  });
}

interface Operands {
  /** Operands of one element: read once, before the loop. */
  readonly splats: ReadonlyMap<number, Local<"v128">>;
  readonly keys: ReadonlyMap<number, readonly [Local<"v128">, Local<"v128">]>;
}

function prepareOperands({ f, inputs }: PhaseScope, node: NodeContext): Operands {
  const { expression } = attributesOf<MapAttributes>(node);
  const used = usedInputs(expression);
  const splats = new Map<number, Local<"v128">>();
  for (const index of used.values) {
    const { shape, dtype } = node.inputs[index]!;
    if (sizeOf(shape) !== 1) continue;
    const address = inputs[index]!;
    const value =
      dtype === "float32"
        ? v128.load32Splat(address)
        : f32x4.fromI32x4(i32x4.splat(dtype === "int32" ? i32.load(address) : i32.load8U(address)));
    splats.set(index, f.local("v128", value));
  }
  const keys = new Map(
    used.keys.map((index) => {
      const words = [0, 4].map((offset) => f.local("v128", i32x4.splat(i32.load(inputs[index]!, offset))));
      return [index, words as [Local<"v128">, Local<"v128">]] as const;
    }),
  );
  return { splats, keys };
}

/** Four elements of the result, `ahead` of a place: `position` is its linear index, `addressOf` each operand's own. */
function emitElements(
  { f, engine, constant }: PhaseScope,
  node: NodeContext,
  { splats, keys }: Operands,
  position: I32,
  addressOf: (operand: number) => I32,
  ahead: number,
): V128 {
  const { inner } = walkOf(node);
  const { expression } = attributesOf<MapAttributes>(node);
  return emitExpression(f, expression, {
    fma: engine.multiplyAdd,
    constant,
    value(index) {
      const splat = splats.get(index);
      if (splat !== undefined) return splat.get;
      const { dtype } = node.inputs[index]!;
      const still = inner.strides[index] === 0;
      if (dtype === "uint8") {
        const address = addressOf(index);
        return f32x4.fromI32x4(still ? i32x4.splat(i32.load8U(address)) : v128.loadU8x4(address, ahead));
      }
      const bits = still ? v128.load32Splat(addressOf(index)) : v128.load(addressOf(index), 4 * ahead);
      return dtype === "int32" ? f32x4.fromI32x4(bits) : bits;
    },
    random(key, salt) {
      const [word0, word1] = keys.get(key)!;
      const counter = i32x4.add(i32x4.splat(position), i32x4.lanes([ahead, ahead + 1, ahead + 2, ahead + 3]));
      return vectorUniform(vectorThreefry(f, word0.get, word1.get, counter, i32x4.constant(salt)));
    },
  });
}
