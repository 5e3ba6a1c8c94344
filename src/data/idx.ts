import { fail } from "../core/errors.js";
import { formatShape } from "../core/shapes.js";

/** What an IDX file holds: unsigned bytes, row-major. `data` is a view of the file's bytes, so nothing is allocated. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/**
 * Reads the IDX format of MNIST: two zero bytes, the type (8 = unsigned byte), the rank, the extents as big-endian
 * uint32, then the values. So 2051 (0x0803) starts a file of images, 2049 (0x0801) one of labels. `where` names the
 * file in errors; `rank`, where given, is the rank asked for.
 *
 * @example const { shape, data } = parseIdx(bytes, "train-labels-idx1-ubyte", 1);
 */
export function parseIdx(bytes: Uint8Array, where: string, rank?: number): IdxArray {
  if (bytes.length < 4) failLength(where, "at least 4 bytes of magic number", bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  const found = magic & 0xff;
  const good = magic >>> 8 === 0x08 && (rank === undefined ? found >= 1 && found <= 4 : found === rank);
  if (!good) {
    fail({
      code: "format",
      where,
      problem: "the magic number is not that of an IDX file of bytes",
      expected: describeMagic(rank),
      received: `${magic}`,
    });
  }
  const start = 4 + 4 * found;
  if (bytes.length < start) failLength(where, `a header of ${start} bytes`, bytes.length);
  const shape = Array.from({ length: found }, (_, axis) => view.getUint32(4 + 4 * axis));
  // As a product of four 32-bit numbers this may be inexact, but then it is far beyond any file's length.
  const expected = shape.reduce((size, extent) => size * extent, 1) + start;
  if (bytes.length !== expected) failLength(where, `${expected} bytes for shape ${formatShape(shape)}`, bytes.length);
  return { shape, data: bytes.subarray(start) };
}

function describeMagic(rank: number | undefined): string {
  if (rank === undefined) return "2049 … 2052";
  const kind = rank === 3 ? " for images" : rank === 1 ? " for labels" : "";
  return `${0x800 + rank}${kind}`;
}

function failLength(where: string, expected: string, received: number): never {
  fail({
    code: "format",
    where,
    problem: "the file has the wrong length",
    expected,
    received: `${received} bytes`,
    fix: "The file is damaged: get it again",
  });
}
