/**
 * The safetensors format (https://huggingface.co/docs/safetensors): eight bytes with the length N of the header as
 * little-endian uint64, N bytes of JSON, then the tensors' values, little-endian, without gaps. Nothing in a file is
 * executed, and nothing is allocated by a number of the file before that number is checked against the file's length.
 */
import { checkOptions, fail } from "../core/errors.js";
import { formatShape } from "../core/shapes.js";
import { bfloat16ToFloat, floatToBfloat16, floatToHalf, halfToFloat } from "./half.js";

export type SafetensorsDType =
  | "F64"
  | "F32"
  | "F16"
  | "BF16"
  | "I64"
  | "U64"
  | "I32"
  | "U32"
  | "I16"
  | "U16"
  | "I8"
  | "U8"
  | "BOOL";

export type SafetensorsArray =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

export interface SafetensorsTensor {
  /** How the file stores the values. */
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  /** The values: F16 and BF16 as Float32Array, BOOL as Uint8Array of 0 and 1, all others as their own kind of array. */
  readonly data: SafetensorsArray;
}

export interface NamedTensor extends SafetensorsTensor {
  readonly name: string;
}

export interface SafetensorsFile {
  /** In the order of their values in the file. */
  readonly tensors: Map<string, SafetensorsTensor>;
  readonly metadata: Record<string, string>;
}

/** Largest header, as the reference implementation has it. */
const maximumHeader = 100_000_000;

interface Codec {
  readonly bytes: number;
  /** The array that holds the values in memory. */
  readonly Values: { new (length: number): SafetensorsArray; readonly name: string };
  /** For 16-bit floats: value to bits and back. */
  readonly half?: { readonly encode: (value: number) => number; readonly decode: (bits: number) => number };
}

const codecs: { readonly [D in SafetensorsDType]: Codec } = {
  F64: { bytes: 8, Values: Float64Array },
  F32: { bytes: 4, Values: Float32Array },
  F16: { bytes: 2, Values: Float32Array, half: { encode: floatToHalf, decode: halfToFloat } },
  BF16: { bytes: 2, Values: Float32Array, half: { encode: floatToBfloat16, decode: bfloat16ToFloat } },
  I64: { bytes: 8, Values: BigInt64Array },
  U64: { bytes: 8, Values: BigUint64Array },
  I32: { bytes: 4, Values: Int32Array },
  U32: { bytes: 4, Values: Uint32Array },
  I16: { bytes: 2, Values: Int16Array },
  U16: { bytes: 2, Values: Uint16Array },
  I8: { bytes: 1, Values: Int8Array },
  U8: { bytes: 1, Values: Uint8Array },
  BOOL: { bytes: 1, Values: Uint8Array },
};

/**
 * The file's bytes. They depend on the tensors and the metadata only, not on the order in which these are given:
 * tensors are sorted by size of element (so that each is aligned), then by name, metadata by name.
 */
export function writeSafetensors(
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const names = new Set<string>();
  for (const tensor of tensors) checkTensor(tensor, names);
  const sorted = [...tensors].sort(
    (a, b) => codecs[b.dtype].bytes - codecs[a.dtype].bytes || compareText(a.name, b.name),
  );
  const entries: string[] = [];
  const keys = Object.keys(metadata).sort(compareText);
  if (keys.length > 0) {
    const pairs = keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(metadataText(key, metadata[key]))}`);
    entries.push(`"__metadata__":{${pairs.join(",")}}`);
  }
  let end = 0;
  for (const { name, dtype, shape, data } of sorted) {
    const begin = end;
    end += data.length * codecs[dtype].bytes;
    entries.push(
      `${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${shape.join(",")}],"data_offsets":[${begin},${end}]}`,
    );
  }
  const json = new TextEncoder().encode(`{${entries.join(",")}}`);
  const headerLength = Math.ceil(json.length / 8) * 8;
  if (headerLength > maximumHeader) {
    fail({
      code: "format",
      where: "writeSafetensors",
      problem: "the header is too long",
      expected: `at most ${maximumHeader} bytes`,
      received: `${headerLength}`,
    });
  }
  const file = new Uint8Array(8 + headerLength + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength), true);
  file.fill(0x20, 8, 8 + headerLength);
  file.set(json, 8);
  let position = 8 + headerLength;
  for (const { dtype, data } of sorted) {
    const values = encode(data, codecs[dtype]);
    file.set(values, position);
    position += values.length;
  }
  return file;
}

/** By UTF-16 code units: the same everywhere, unlike the order of a locale. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function checkTensor(tensor: NamedTensor, names: Set<string>): void {
  const { name, dtype, shape, data } = tensor;
  const where = `tensor "${name}"`;
  checkOptions(where, tensor, ["name", "dtype", "shape", "data"]);
  const refuse = (problem: string, expected: string, received: string) =>
    fail({ code: "option", where, problem, expected, received });
  if (names.has(name)) refuse("the name is taken", "each name once", "twice");
  if (name === "__metadata__") refuse("the name is reserved for metadata", "another name", name);
  names.add(name);
  if (!isDType(dtype)) refuse("unknown dtype", `one of ${Object.keys(codecs).join(", ")}`, String(dtype));
  const { Values } = codecs[dtype];
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (!shape.every(isCount) || size !== data.length) {
    refuse("shape and data do not match", `${size} values for shape ${formatShape(shape)}`, `${data.length}`);
  }
  if (!(data instanceof Values)) {
    refuse(`data of dtype ${dtype} has the wrong type`, Values.name, data.constructor.name);
  }
}

function metadataText(key: string, value: unknown): string {
  if (typeof value === "string") return value;
  fail({
    code: "option",
    where: `metadata "${key}"`,
    problem: "the value is not text",
    expected: "a string",
    received: typeof value,
    fix: "Use JSON.stringify",
  });
}

function encode(data: SafetensorsArray, { half }: Codec): Uint8Array {
  if (half === undefined) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const bits = new Uint16Array(data.length);
  for (let i = 0; i < data.length; i++) bits[i] = half.encode(Number(data[i]));
  return new Uint8Array(bits.buffer);
}

interface Entry extends Omit<SafetensorsTensor, "data"> {
  readonly name: string;
  readonly where: string;
  readonly begin: number;
  readonly end: number;
}

/** Reads a file's bytes; `where` names the file in errors, which have code "format". The tensors are copies. */
export function readSafetensors(bytes: Uint8Array, where: string): SafetensorsFile {
  const { header, start } = readHeader(bytes, where);
  const metadata: Record<string, string> = {};
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") readMetadata(value, where, metadata);
    else entries.push(readEntry(name, value, where));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkLayout(entries, bytes.length - start, where);
  const tensors = new Map<string, SafetensorsTensor>();
  for (const { name, dtype, shape, begin, end, where: place } of entries) {
    const data = decode(bytes.subarray(start + begin, start + end), dtype, place);
    tensors.set(name, { dtype, shape, data });
  }
  return { tensors, metadata };
}

function refuseFile(where: string, problem: string, expected?: string, received?: string, cause?: unknown): never {
  fail({ code: "format", where, problem, expected, received, cause });
}

function readHeader(bytes: Uint8Array, where: string): { header: Record<string, unknown>; start: number } {
  if (bytes.length < 8) {
    refuseFile(where, "the file is too short for safetensors", "at least 8 bytes", `${bytes.length}`);
  }
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > maximumHeader) {
    refuseFile(where, "the header is too long", `at most ${maximumHeader} bytes`, `${length}`);
  }
  if (length > bytes.length - 8) {
    refuseFile(where, "the file ends inside the header", `${8 + length} bytes or more`, `${bytes.length}`);
  }
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(8, 8 + length));
    header = JSON.parse(text);
  } catch (error) {
    refuseFile(where, "the header is not JSON", undefined, error instanceof Error ? error.message : undefined, error);
  }
  if (!text.startsWith("{") || !isObject(header)) {
    refuseFile(
      where,
      "the header is not a JSON object",
      '"{" as its first character',
      JSON.stringify(text.slice(0, 1)),
    );
  }
  const twice = findDuplicateKey(text);
  if (twice !== undefined) refuseFile(where, `the header names ${twice} twice`, "each name once");
  return { header, start: 8 + length };
}

/** The first key (as JSON) that an object of valid JSON has twice; JSON.parse silently keeps the last. */
function findDuplicateKey(json: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  let text = "";
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(undefined);
    else if (token === "}" || token === "]") open.pop();
    else if (token !== ":") text = token;
    else {
      // Parsed, since "a" and "\u0061" are the same name.
      const key = JSON.stringify(JSON.parse(text));
      if (open.at(-1)?.has(key)) return key;
      open.at(-1)?.add(key);
    }
  }
  return undefined;
}

function readMetadata(value: unknown, where: string, metadata: Record<string, string>): void {
  if (!isObject(value)) refuseFile(where, "__metadata__ is not an object", "texts by name", JSON.stringify(value));
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") {
      refuseFile(where, `metadata "${key}" is not text`, "a string", JSON.stringify(text));
    }
    // Not by assignment, which would take the name "__proto__" for something else.
    Object.defineProperty(metadata, key, { value: text, enumerable: true, configurable: true, writable: true });
  }
}

function readEntry(name: string, value: unknown, file: string): Entry {
  const where = `${file}, tensor "${name}"`;
  if (!isObject(value)) {
    refuseFile(where, "the entry is not an object", "dtype, shape and data_offsets", JSON.stringify(value));
  }
  const { dtype, shape, data_offsets: offsets, ...others } = value;
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) {
    refuseFile(where, `unknown field "${unknown}"`, "dtype, shape and data_offsets only");
  }
  if (!isDType(dtype)) {
    refuseFile(where, "unknown dtype", `one of ${Object.keys(codecs).join(", ")}`, JSON.stringify(dtype));
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    refuseFile(where, "the shape is not a list of sizes", "integers of at least 0", JSON.stringify(shape));
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount) || offsets[0] > offsets[1]) {
    refuseFile(where, "data_offsets are not a range", "[begin, end]", JSON.stringify(offsets));
  }
  const [begin, end]: number[] = offsets;
  const length = shape.reduce((product: number, extent: number) => product * extent, codecs[dtype].bytes);
  if (end - begin !== length) {
    const text = `${length} bytes for ${dtype} ${formatShape(shape)}`;
    refuseFile(where, "data_offsets do not match dtype and shape", text, `${end - begin}`);
  }
  return { name, where, dtype, shape, begin, end };
}

/** The ranges, sorted, have to cover the rest of the file exactly: no gaps, no overlaps. */
function checkLayout(entries: readonly Entry[], length: number, where: string): void {
  let position = 0;
  for (const { begin, end, where: place } of entries) {
    if (begin !== position) {
      const problem =
        begin > position ? "there is a gap before the values" : "the values overlap those of another tensor";
      refuseFile(place, problem, `values from byte ${position}`, `${begin}`);
    }
    if (end > length) {
      refuseFile(place, "the file ends before the values do", `${end} bytes of values`, `${length}`);
    }
    position = end;
  }
  if (position !== length) {
    refuseFile(where, "the file goes on after the last tensor", `${position} bytes of values`, `${length}`);
  }
}

/** Copies, so the array is aligned and does not keep the whole file in memory. Processors are little-endian. */
function decode(bytes: Uint8Array, dtype: SafetensorsDType, where: string): SafetensorsArray {
  const { bytes: width, Values, half } = codecs[dtype];
  const length = bytes.length / width;
  if (half !== undefined) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const values = new Float32Array(length);
    for (let i = 0; i < length; i++) values[i] = half.decode(view.getUint16(2 * i, true));
    return values;
  }
  if (dtype === "BOOL") {
    const bad = bytes.findIndex((byte) => byte > 1);
    if (bad >= 0) refuseFile(where, `value ${bad} is not a truth value`, "0 or 1", `${bytes[bad]}`);
  }
  const values = new Values(length);
  new Uint8Array(values.buffer).set(bytes);
  return values;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isDType(value: unknown): value is SafetensorsDType {
  return typeof value === "string" && Object.hasOwn(codecs, value);
}
