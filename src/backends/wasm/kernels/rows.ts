import { type I32, i32, type Local } from "../assembler/index.js";
import type { PhaseScope } from "../kernel.js";
import { type Axes, interiorOf, type PassAxis, tapRange } from "./axes.js";

/**
 * Walks the rows of a convolution's results for kernels that read the image as it lies, without a border of zeros:
 * tiles of neighbouring pixels where all taps are inside, single pixels where windows hang over the edge.
 */
export interface RowPass {
  readonly batch: number;
  /** For each axis one pass, or one for each residue of the stride. */
  readonly passes: Axes<readonly PassAxis[]>;
  /** Bytes of a pixel of the image, of a tap of the filter, and of a pixel of the result. */
  readonly imageBytes: number;
  readonly tapBytes: number;
  readonly resultBytes: number;
}

/** Rows are cut into parts across until there are so many tasks, but not below so many pixels. */
const enoughTasks = 64;
const leastPixels = 64;

export const rowsOf = ({ batch, passes }: RowPass): number => batch * passes[0][0]!.output * passes[1][0]!.output;

function partsOf(pass: RowPass): number {
  const wanted = Math.ceil(enoughTasks / rowsOf(pass));
  return Math.max(1, Math.min(wanted, Math.floor(pass.passes[2][0]!.output / leastPixels)));
}

/** Tasks of a pass: rows of results, or parts of them where there are few. */
export const tasksOfRows = (pass: RowPass): number => rowsOf(pass) * partsOf(pass);

/** A range of taps. */
interface Range {
  readonly first: I32 | number;
  readonly last: I32 | number;
}

/** Emits the tasks `begin … end`: `body` once for every combination of the axes' passes, with a row of its results. */
export function emitRows(scope: PhaseScope, pass: RowPass, image: I32, weights: I32, body: (row: Row) => void): void {
  const { f, begin, end } = scope;
  const { passes, imageBytes, resultBytes } = pass;
  const [depth, height, width] = passes.map(([first]) => first!.output) as unknown as Axes<number>;
  const parts = partsOf(pass);
  const task = f.local("i32");
  const [n, z, y] = [f.local("i32"), f.local("i32"), f.local("i32")];
  const part = f.local("i32", i32.constant(0));
  const row = f.local("i32");
  f.for(task, begin, end, 1, () => {
    f.set(row, parts === 1 ? task.get : i32.divU(task.get, parts));
    if (parts > 1) f.set(part, i32.remU(task.get, parts));
    f.set(n, i32.divU(row.get, depth * height));
    f.set(z, i32.remU(i32.divU(row.get, height), depth));
    f.set(y, i32.remU(row.get, height));
    const result = f.local("i32", i32.mul(row.get, width * resultBytes));
    forResidue(scope, passes[0], z.get, (passZ, indexZ) =>
      forResidue(scope, passes[1], y.get, (passY, indexY) => {
        const plane = i32.add(i32.mul(n.get, passZ.input), i32.add(i32.mul(indexZ, passZ.step), passZ.origin));
        const line = i32.add(i32.mul(plane, passY.input), i32.add(i32.mul(indexY, passY.step), passY.origin));
        const start = f.local("i32", i32.add(image, i32.mul(line, passes[2][0]!.input * imageBytes)));
        const ranges = [tapRange(f, passZ, indexZ), tapRange(f, passY, indexY)] as const;
        for (const passX of passes[2]) {
          const place = { image: start.get, weights, result: result.get, ranges, part: part.get, parts };
          body(new Row(scope, pass, [passZ, passY, passX], place));
        }
      }),
    );
  });
}

/** The pass of the residue that pixel `at` belongs to, and its number among the results of that pass. */
function forResidue(
  { f }: PhaseScope,
  passes: readonly PassAxis[],
  at: I32,
  body: (pass: PassAxis, index: I32) => void,
): void {
  const { distance } = passes[0]!;
  const index = f.local("i32", i32.divU(at, distance));
  if (passes.length === 1) body(passes[0]!, index.get);
  else for (const pass of passes) f.if(i32.eq(i32.remU(at, distance), pass.first), () => body(pass, index.get));
}

interface RowPlace {
  /** Where the first taps of result 0 of the row would lie, if they were all inside. */
  readonly image: I32;
  readonly weights: I32;
  /** Byte offset of the row from the result's start. */
  readonly result: I32;
  /** Taps deep and down that are inside. */
  readonly ranges: readonly [Range, Range];
  readonly part: I32;
  readonly parts: number;
}

/** One row of results of one pass. */
export class Row {
  /** Number of the first pixel at hand. */
  readonly #x: Local<"i32">;

  constructor(
    readonly scope: PhaseScope,
    readonly pass: RowPass,
    readonly axes: Axes<PassAxis>,
    readonly place: RowPlace,
  ) {
    this.#x = scope.f.local("i32");
  }

  get across(): PassAxis {
    return this.axes[2];
  }

  /** Bytes from one result of the row to the next. */
  get distance(): number {
    return this.across.distance * this.pass.resultBytes;
  }

  /**
   * Emits the calling task's part of the row: `tile` for up to `most` neighbouring pixels, all of whose taps across are
   * inside, `border` for each of the others, with the taps that are.
   */
  overPixels(most: number, tile: (pixels: number) => void, border: (range: Range) => void): void {
    const { f } = this.scope;
    const { part, parts } = this.place;
    const interior = interiorOf(this.across);
    const inside = interior.last - interior.first;
    const pixels = Math.max(1, Math.ceil(inside / Math.ceil(inside / most)));
    const tiles = Math.floor(inside / pixels);
    const share = (total: number, offset: number): I32 | number =>
      parts === 1 ? total * offset : i32.divU(i32.mul(i32.add(part, offset), total), parts);
    const counter = f.local("i32");
    f.for(counter, share(tiles, 0), share(tiles, 1), 1, () => {
      f.set(this.#x, i32.add(i32.mul(counter.get, pixels), interior.first));
      tile(pixels);
    });
    const rest = inside - tiles * pixels;
    const emitRest = () => {
      f.set(this.#x, i32.constant(interior.first + tiles * pixels));
      tile(rest);
    };
    if (rest > 0 && parts === 1) emitRest();
    else if (rest > 0) f.if(i32.eq(part, parts - 1), emitRest);
    const outside = this.across.count - inside;
    f.for(counter, share(outside, 0), share(outside, 1), 1, () => {
      const after = i32.geS(counter.get, interior.first);
      f.set(this.#x, i32.add(counter.get, i32.mul(after, inside)));
      border(tapRange(f, this.across, this.#x.get));
    });
  }

  /** `body` for every row of taps that is inside, with where its first tap lies in the image and in the filter. */
  overTapRows(body: (image: Local<"i32">, weights: Local<"i32">) => void): void {
    const { f } = this.scope;
    const [depth, height, width] = this.axes;
    if (width.taps === 0) return;
    const { imageBytes, tapBytes } = this.pass;
    const { image, weights, ranges } = this.place;
    const [z, y, a, w] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
    const pixel = i32.add(i32.mul(this.#x.get, width.step), width.origin);
    const start = f.local("i32", i32.add(image, i32.mul(pixel, imageBytes)));
    f.for(z, ranges[0].first, ranges[0].last, 1, () =>
      f.for(y, ranges[1].first, ranges[1].last, 1, () => {
        const down = i32.add(i32.mul(z.get, depth.tapStep * height.input), i32.mul(y.get, height.tapStep));
        f.set(a, i32.add(start.get, i32.mul(down, width.input * imageBytes)));
        const tapZ = i32.add(i32.mul(z.get, depth.weightStep), depth.firstTap);
        const tapY = i32.add(i32.mul(y.get, height.weightStep), height.firstTap);
        const tap = i32.add(i32.mul(i32.add(i32.mul(tapZ, height.kernel), tapY), width.kernel), width.firstTap);
        f.set(w, i32.add(weights, i32.mul(tap, tapBytes)));
        body(a, w);
      }),
    );
  }

  /** Byte offset of the pixel at hand from the result's start. */
  result(): I32 {
    const pixel = i32.add(i32.mul(this.#x.get, this.across.distance), this.across.first);
    return i32.add(this.place.result, i32.mul(pixel, this.pass.resultBytes));
  }
}
