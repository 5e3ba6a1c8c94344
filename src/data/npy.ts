import { platform } from "#platform";
import { fail } from "../core/errors.js";
import { formatShape, type Shape, sizeOf } from "../core/shapes.js";
import { unzip } from "./zip.js";

/** An array of NumPy: row-major, in the narrowest type of JavaScript's that holds all values of NumPy's. */
export interface NpyArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array | Int32Array | Float32Array | Float64Array;
  /** NumPy's own type: "<f4", "|u1", … */
  readonly dtype: string;
}

/** All files of an archive may have so many bytes: 4 GiB. */
const largestArchive = 2 ** 32;

/**
 * Reads the bytes of a `.npy` file, versions 1 to 3: booleans and uint8 become a Uint8Array, other integers an Int32Array
 * (values beyond are refused), float16 and float32 a Float32Array, float64 a Float64Array. Arrays in Fortran order are
 * turned into row-major ones. Allocates at most eight times the file's length.
 *
 * Errors: code "format" for other types, and for files that are damaged.
 *
 * @example
 * const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }".padEnd(117) + "\n";
 * const file = Uint8Array.of(0x93, ...new TextEncoder().encode("NUMPY\x01\x00"), 118, 0,
 *   ...new TextEncoder().encode(header), 0, 0, 128, 63, 0, 0, 0, 64);
 * parseNpy(file, "two.npy").data // Float32Array [1, 2]
 */
export function parseNpy(bytes: Uint8Array, where: string): NpyArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isNpy = bytes.length >= 10 && view.getUint32(0) === 0x934e554d && view.getUint16(4) === 0x5059;
  if (!isNpy) failNpy(where, "not a .npy file", "\\x93NUMPY as the first bytes", describeStart(bytes));
  const version = bytes[6];
  if (version < 1 || version > 3) failNpy(where, "a version that is not known", "1, 2 or 3", `${version}`);
  const wide = version > 1;
  if (wide && bytes.length < 12) failNpy(where, "the file is truncated");
  const start = (wide ? 12 : 10) + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
  if (start > bytes.length) failNpy(where, "the file is truncated", `a header of ${start} bytes`, `${bytes.length}`);
  const header = new TextDecoder().decode(bytes.subarray(wide ? 12 : 10, start));
  const { dtype, fortran, shape } = parseHeader(header, where);
  const type = types[dtype.slice(1)];
  if (type === undefined || !"<>|=".includes(dtype[0]!)) {
    failNpy(where, "a type that is not known", `one of ${Object.keys(types).join(", ")}`, dtype);
  }
  const count = sizeOf(shape);
  const expected = start + count * type.bytes;
  if (bytes.length !== expected) {
    failNpy(
      where,
      "the file has the wrong length",
      `${expected} bytes for ${dtype} ${formatShape(shape)}`,
      `${bytes.length}`,
    );
  }
  const data = new type.Array(count);
  const little = dtype[0] !== ">";
  for (let i = 0, at = start; i < count; i++, at += type.bytes) {
    const value = type.read(view, at, little);
    data[i] = value;
    if (data instanceof Int32Array && data[i] !== value) {
      failNpy(where, `value ${i} does not fit into an int32`, "−2^31 … 2^31 − 1", `${value}`);
    }
  }
  return { shape, dtype, data: fortran ? rowMajor(data, shape) : data };
}

interface NpyType {
  readonly bytes: number;
  readonly Array: new (length: number) => NpyArray["data"];
  readonly read: (view: DataView, at: number, little: boolean) => number;
}

const types: Readonly<Record<string, NpyType>> = {
  b1: { bytes: 1, Array: Uint8Array, read: (view, at) => (view.getUint8(at) === 0 ? 0 : 1) },
  u1: { bytes: 1, Array: Uint8Array, read: (view, at) => view.getUint8(at) },
  i1: { bytes: 1, Array: Int32Array, read: (view, at) => view.getInt8(at) },
  u2: { bytes: 2, Array: Int32Array, read: (view, at, little) => view.getUint16(at, little) },
  i2: { bytes: 2, Array: Int32Array, read: (view, at, little) => view.getInt16(at, little) },
  u4: { bytes: 4, Array: Int32Array, read: (view, at, little) => view.getUint32(at, little) },
  i4: { bytes: 4, Array: Int32Array, read: (view, at, little) => view.getInt32(at, little) },
  u8: { bytes: 8, Array: Int32Array, read: (view, at, little) => Number(view.getBigUint64(at, little)) },
  i8: { bytes: 8, Array: Int32Array, read: (view, at, little) => Number(view.getBigInt64(at, little)) },
  f2: { bytes: 2, Array: Float32Array, read: (view, at, little) => half(view.getUint16(at, little)) },
  f4: { bytes: 4, Array: Float32Array, read: (view, at, little) => view.getFloat32(at, little) },
  f8: { bytes: 8, Array: Float64Array, read: (view, at, little) => view.getFloat64(at, little) },
};

/** The value of an IEEE half. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = (bits & 0x3ff) / 1024;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -14 : sign * (1 + fraction) * 2 ** (exponent - 15);
}

/** The header is a literal of Python's: `{'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28, 28), }`. */
function parseHeader(header: string, where: string): { dtype: string; fortran: boolean; shape: number[] } {
  const dtype = /'descr'\s*:\s*'([^']{2,8})'/.exec(header)?.[1];
  const fortran = /'fortran_order'\s*:\s*(True|False)/.exec(header)?.[1];
  const extents = /'shape'\s*:\s*\(([\d,\sL]{0,400})\)/.exec(header)?.[1];
  const shape = extents
    ?.split(",")
    .map((extent) => extent.trim().replace(/L$/, ""))
    .filter((extent) => extent !== "")
    .map(Number);
  if (
    dtype === undefined ||
    fortran === undefined ||
    !shape?.every((n) => Number.isSafeInteger(n)) ||
    shape.length > 32
  ) {
    const expected = "{'descr': '<f4', 'fortran_order': False, 'shape': (…)}, with a plain type";
    return failNpy(
      where,
      "the header is damaged, or that of another kind of array",
      expected,
      header.slice(0, 80).trim(),
    );
  }
  return { dtype, fortran: fortran === "True", shape };
}

/** Fortran order, where the first index runs fastest, as C order. */
function rowMajor(from: NpyArray["data"], shape: Shape): NpyArray["data"] {
  const to = new (from.constructor as new (length: number) => NpyArray["data"])(from.length);
  const index = new Array<number>(shape.length).fill(0);
  const strides = shape.map((_, axis) => sizeOf(shape.slice(0, axis)));
  let at = 0;
  for (let i = 0; i < to.length; i++) {
    to[i] = from[at]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]! += 1;
      at += strides[axis]!;
      if (index[axis]! < shape[axis]!) break;
      at -= index[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return to;
}

/**
 * Reads the bytes of a `.npz` file, what `numpy.savez` and `savez_compressed` write: arrays by name.
 *
 * Errors: code "format" for archives and arrays that are damaged; each names its entry.
 *
 * @example
 * async function load(file: Blob) {
 *   const { x_train, y_train } = await parseNpz(new Uint8Array(await file.arrayBuffer()), "mnist.npz");
 * }
 */
export async function parseNpz(bytes: Uint8Array, where: string): Promise<Record<string, NpyArray>> {
  const files = await unzip(bytes, where, largestArchive);
  const arrays = [...files].map(([name, content]) => {
    return [name.replace(/\.npy$/, ""), parseNpy(content, `${where}, entry "${name}"`)] as const;
  });
  return Object.fromEntries(arrays);
}

/**
 * Reads a `.npy` or `.npz` file: one array under the name "data", or arrays by their names.
 *
 * Errors: codes "file" and "format".
 *
 * @example
 * async function load() {
 *   const { x, y } = await readArrays("points.npz");
 *   return dataset({ inputs: x!.data as Float32Array, targets: y!.data as Int32Array, shape: x!.shape.slice(1) });
 * }
 */
export async function readArrays(path: string): Promise<Record<string, NpyArray>> {
  const bytes = await platform.files.read(path);
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
  return isZip ? parseNpz(bytes, path) : { data: parseNpy(bytes, path) };
}

function describeStart(bytes: Uint8Array): string {
  if (bytes.length === 0) return "an empty file";
  return [...bytes.subarray(0, 6)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

function failNpy(where: string, problem: string, expected?: string, received?: string): never {
  return fail({ code: "format", where, problem, expected, received });
}
