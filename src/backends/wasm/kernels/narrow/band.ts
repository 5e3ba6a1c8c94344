import { effectiveSize } from "../../../../ops/window.js";
import type { Acceptance } from "../../../../plan/types.js";
import { type I32, i32, type Local, type V128, v128 } from "../../assembler/index.js";
import type { Engine, PhaseScope } from "../../kernel.js";
import { align } from "../../layout.js";
import { fill } from "../padded.js";
import type { Conv2dAttributes, Conv2dGeometry } from "../planar.js";

/** Lanes of the vectors that these kernels are for. */
export const lanes = 8;

/** Registers that V8 gives out. */
export const registers = 15;

/** Bands that there should be at least, for threads to share, and bytes of one that stay in a core's first cache. */
const enoughBands = 16;
const cacheBytes = 16 * 1024;

/**
 * Rows of output pixels of one image of one channel, computed from a thread's own copy of the rows that they read. The
 * copy has its border of zeros, and the columns of one residue of `split` side by side: column c of the padded image is
 * the ⌊c / split⌋th of residue c mod split.
 */
export interface Band {
  readonly geometry: Conv2dGeometry;
  readonly attributes: Conv2dAttributes;
  readonly split: number;
  /** Rows of output pixels, and how many bands an image has. */
  readonly outputRows: number;
  readonly perImage: number;
  /** Rows of the copy, columns of one residue, bytes of a row, bytes of all. */
  readonly rows: number;
  readonly residueColumns: number;
  readonly rowBytes: number;
  readonly bytes: number;
}

export function bandOf(geometry: Conv2dGeometry, attributes: Conv2dAttributes, split: number): Band {
  const { strides, dilation } = attributes;
  // vectors of neighbouring pixels may reach beyond the last one
  const columns = (geometry.outputWidth - 1) * strides[1] + geometry.kernelWidth;
  const residueColumns = Math.ceil(columns / split) + lanes;
  const rowBytes = 4 * split * residueColumns;
  const rowsFor = (outputRows: number) =>
    (outputRows - 1) * strides[0] + effectiveSize(geometry.kernelHeight, dilation[0]);
  const { batch, outputHeight } = geometry;
  let outputRows = Math.min(outputHeight, Math.ceil((outputHeight * batch) / enoughBands));
  while (outputRows > 1 && rowsFor(outputRows) * rowBytes > cacheBytes) outputRows -= 1;
  const perImage = Math.ceil(outputHeight / outputRows);
  const rows = rowsFor(outputRows);
  const bytes = align(rows * rowBytes);
  return { geometry, attributes, split, outputRows, perImage, rows, residueColumns, rowBytes, bytes };
}

/** Estimated cycles of all copies. */
export const bandCycles = ({ geometry, perImage, rows }: Band): number =>
  geometry.batch * perImage * rows * (16 + geometry.inputWidth / 4);

/** Bytes from the start of a copy's row to column `column` of the padded image. */
export function columnBytes({ split, residueColumns }: Band, column: number): number {
  return 4 * ((column % split) * residueColumns + Math.floor(column / split));
}

/** Zeros in a thread's copy, once: the border stays, and everything else is written for every band. */
export function clearBand(scope: PhaseScope, { rows, rowBytes }: Band, copy: Local<"i32">): void {
  fill(scope, copy.get, (rows * rowBytes) / 4);
}

/** Copies band `number`; `body` gets its image, its first row of output pixels and the row behind its last. */
export function emitBand(
  scope: PhaseScope,
  band: Band,
  number: I32,
  copy: Local<"i32">,
  body: (n: I32, first: I32, end: I32) => void,
): void {
  const { f, inputs } = scope;
  const { geometry: g, attributes, outputRows, perImage, rows, rowBytes } = band;
  const n = f.local("i32", i32.divU(number, perImage));
  const first = f.local("i32", i32.mul(i32.remU(number, perImage), outputRows));
  const y = f.local("i32", i32.sub(i32.mul(first.get, attributes.strides[0]), attributes.padding[0]));
  const imageRow = i32.add(i32.mul(n.get, g.inputHeight), y.get);
  const source = f.local("i32", i32.add(inputs[0]!, i32.mul(imageRow, 4 * g.inputWidth)));
  const target = f.local("i32", copy.get);
  const row = f.local("i32");
  f.for(row, 0, rows, 1, () => {
    f.if(
      i32.ltU(y.get, g.inputHeight),
      () => emitRow(scope, band, source.get, target.get),
      () => fill(scope, target.get, rowBytes / 4),
    );
    f.increase(y, 1);
    f.increase(source, 4 * g.inputWidth);
    f.increase(target, rowBytes);
  });
  body(n.get, first.get, f.local("i32", i32.min(i32.add(first.get, outputRows), g.outputHeight)).get);
}

/** Every other lane of two vectors, from the first or the second on. */
const everyOther = [0, 4].map((first) => Array.from({ length: 16 }, (_, i) => first + 8 * (i >> 2) + (i & 3)));

/** The columns of one row that have a place in the copy: column c of the source is column c + left of the padded image. */
function emitRow({ f }: PhaseScope, band: Band, source: I32, row: I32): void {
  const { geometry, attributes, split, residueColumns } = band;
  const left = attributes.padding[2];
  const count = Math.min(geometry.inputWidth, split * residueColumns - left);
  /** Columns of a vector for each residue. */
  const step = 4 * split;
  const from = f.local("i32", source);
  const to = f.local("i32", row);
  const advance = (columns: number) => {
    f.increase(from, 4 * columns);
    f.increase(to, (4 * columns) / split);
  };
  const loads = Array.from({ length: split }, () => f.local("v128"));
  const move = (column: number) => {
    loads.forEach((load, i) => f.set(load, v128.load(from.get, 4 * column + 16 * i)));
    for (let residue = 0; residue < split; residue++) {
      const [a, b] = loads.map(({ get }) => get) as [V128, V128];
      const value = split === 1 ? a : v128.shuffle(a, b, everyOther[residue]!);
      f.storeV128(to.get, value, columnBytes(band, column + residue + left));
    }
  };
  const vectors = split > 2 ? 0 : Math.floor(count / step);
  const rounds = Math.floor(vectors / 8);
  const round = f.local("i32");
  f.for(round, 0, rounds, 1, () => {
    for (let i = 0; i < 8; i++) move(i * step);
    advance(8 * step);
  });
  for (let i = 0; i < vectors % 8; i++) move(i * step);
  let at = (vectors % 8) * step;
  let end = count - 8 * step * rounds;
  if (vectors > 0 && end - at >= split) {
    // what fills no vector any more is copied with columns before it
    if (at === 0) {
      advance(-step);
      at += step;
      end += step;
    }
    at = end - (end % split);
    move(at - step);
  }
  for (; at < end; at++) f.storeI32(to.get, i32.load(from.get, 4 * at), columnBytes(band, at + left));
}

/** How the filters of an image of one channel fill vectors: whole ones, and one to four beside them; or why not. */
export function filtersOf(g: Conv2dGeometry, { depth, dilation }: Conv2dAttributes) {
  if (g.inputChannels !== 1) return `${g.inputChannels} channels, not one`;
  if (depth !== undefined) return "it has three axes";
  if (dilation[1] !== 1) return "dilated";
  const rest = g.outputChannels % lanes;
  if (rest === 0 || rest > 4) return fillVectors(g);
  return { vectors: (g.outputChannels - rest) / lanes, rest };
}

export const fillVectors = ({ outputChannels }: Conv2dGeometry): string =>
  `${outputChannels} filters fill vectors of ${lanes}`;

/** What a kernel's `accepts` says of a layout, or of why there is none. */
export function acceptance(layout: object | string, { wide }: Engine): Acceptance {
  if (typeof layout === "string") return layout;
  return wide ? true : { unprofitable: "vectors of 128 bits leave few lanes empty" };
}

/** A 256-bit vector: two of 128 bits that the engine joins. */
export type Vector = readonly Local<"v128">[];

export function pair(f: PhaseScope["f"]): Vector {
  return [f.local("v128"), f.local("v128")];
}

export function set(f: PhaseScope["f"], vector: Vector, value: (half: number) => V128): void {
  vector.forEach((local, half) => f.set(local, value(half)));
}
