import { type FunctionBuilder, f32x4, type I32, i32, type Local, v128 } from "../assembler/index.js";
import type { Phase, PhaseScope } from "../kernel.js";

/**
 * An NHWC image, or NDHWC volume, with a border of zeros, so that windows need no bounds checks. Row r of the padded
 * image is row r − top of the source where that exists. The border may be negative at the end: rows that no window
 * reaches are left out. Images have a depth of 1.
 */
export interface PaddedImage {
  readonly batch: number;
  readonly channels: number;
  readonly sourceDepth: number;
  readonly sourceHeight: number;
  readonly sourceWidth: number;
  readonly front: number;
  readonly top: number;
  readonly left: number;
  readonly depth: number;
  readonly height: number;
  readonly width: number;
}

/** Whether the source itself can be read in the padded image's place. */
export function needsCopy(image: PaddedImage): boolean {
  const { front, top, left, depth, height, width, sourceDepth, sourceHeight, sourceWidth } = image;
  const begins = front > 0 || top > 0 || left > 0;
  return begins || depth > sourceDepth || height > sourceHeight || width > sourceWidth;
}

/** Bytes of the copy, with room to read one vector past its end. */
export function paddedBytes({ batch, depth, height, width, channels }: PaddedImage): number {
  return 4 * batch * depth * height * width * channels + 64;
}

/** Sizes of the memory that windows walk over: the copy's, or the source's where none is made. */
export function walkedSize(image: PaddedImage) {
  const { depth, height, width } = image;
  if (needsCopy(image)) return { depth, height, width, front: 0, top: 0, left: 0 };
  // without a copy, a negative border is an offset into the source
  return {
    depth: image.sourceDepth,
    height: image.sourceHeight,
    width: image.sourceWidth,
    front: -image.front,
    top: -image.top,
    left: -image.left,
  };
}

/** The phase that makes the copy at `scratch + offset`: one task per padded row. */
export function paddingPhase(image: PaddedImage, input: number, offset: number): Phase {
  const { batch, depth, height, width, channels } = image;
  const rows = batch * depth * height;
  return {
    tasks: rows,
    cycles: rows * (width * channels * 0.5 + 10),
    emit: (scope) => emitPaddedRows(scope, image, input, offset),
  };
}

function emitPaddedRows(scope: PhaseScope, image: PaddedImage, input: number, offset: number): void {
  const { f, begin, end, inputs, scratch } = scope;
  const { depth, height, width, channels, sourceDepth, sourceHeight, sourceWidth, front, top, left } = image;
  const firstColumn = Math.max(0, left);
  const skipped = Math.max(0, -left);
  const copied = Math.max(0, Math.min(width - firstColumn, sourceWidth - skipped));
  const task = f.local("i32");
  const plane = f.local("i32");
  const row = f.local("i32");
  const target = f.local("i32");
  const source = f.local("i32");
  f.for(task, begin, end, 1, () => {
    const planes = i32.divU(task.get, height);
    f.set(plane, depth === 1 ? i32.constant(-front) : i32.sub(i32.remU(planes, depth), front));
    f.set(row, i32.sub(i32.remU(task.get, height), top));
    f.set(target, i32.add(i32.add(scratch, offset), i32.mul(task.get, 4 * width * channels)));
    f.if(
      i32.and(i32.ltU(plane.get, sourceDepth), i32.ltU(row.get, sourceHeight)),
      () => {
        const n = depth === 1 ? planes : i32.divU(planes, depth);
        const imagePlane = i32.add(i32.mul(n, sourceDepth), plane.get);
        const imageRow = i32.add(i32.mul(imagePlane, sourceHeight), row.get);
        f.set(source, i32.add(inputs[input]!, i32.mul(imageRow, 4 * sourceWidth * channels)));
        f.increase(source, 4 * skipped * channels);
        fill(scope, target.get, firstColumn * channels);
        copy(scope, source.get, target.get, copied * channels, 4 * firstColumn * channels);
        const after = firstColumn + copied;
        fill(scope, i32.add(target.get, 4 * after * channels), (width - after) * channels);
      },
      () => fill(scope, target.get, width * channels),
    );
  });
}

/** Writes `count` zeros. */
export function fill({ f }: PhaseScope, address: I32, count: number): void {
  if (count === 0) return;
  const at = f.local("i32", address);
  moveFloats(f, count, [at], (width, offset) => {
    if (width === 4) f.storeV128(at.get, f32x4.constant(0), offset);
    else f.storeI32(at.get, i32.constant(0), offset);
  });
}

/** Copies `count` floats from `source` to `target + offset`. */
export function copy({ f }: PhaseScope, source: I32, target: I32, count: number, targetOffset: number): void {
  if (count === 0) return;
  const from = f.local("i32", source);
  const to = f.local("i32", i32.add(target, targetOffset));
  moveFloats(f, count, [from, to], (width, offset) => {
    if (width === 4) f.storeV128(to.get, v128.load(from.get, offset), offset);
    else f.storeI32(to.get, i32.load(from.get, offset), offset);
  });
}

/** Vectors in a loop, the last few floats one by one; `move(width, offset)` emits one transfer. */
function moveFloats(
  f: FunctionBuilder,
  count: number,
  pointers: readonly Local<"i32">[],
  move: (width: number, offset: number) => void,
): void {
  const vectors = Math.floor(count / 4);
  if (vectors <= 8) for (let i = 0; i < vectors; i++) move(4, 16 * i);
  else {
    const i = f.local("i32");
    f.for(i, 0, vectors, 1, () => {
      move(4, 0);
      for (const pointer of pointers) f.increase(pointer, 16);
    });
  }
  const start = vectors <= 8 ? 16 * vectors : 0;
  for (let i = 0; i < count - 4 * vectors; i++) move(1, start + 4 * i);
}
