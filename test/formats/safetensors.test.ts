import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FoveaError } from "../../src/core/errors.js";
import { type NamedTensor, readSafetensors, writeSafetensors } from "../../src/formats/safetensors.js";

/** A file of the given header text and number of value bytes. */
function fileOf(header: string, values = 0): Uint8Array {
  const json = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + json.length + values);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  return file;
}

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof FoveaError) return error.message;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const reading = (header: string, values = 0) => messageOf(() => readSafetensors(fileOf(header, values), "m.st"));

const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 });

const tensors: fc.Arbitrary<NamedTensor> = fc
  .tuple(fc.string(), fc.constantFrom("F32", "F64", "I32", "I64", "U8", "F16", "I16", "BOOL"), shapes)
  .chain(([name, dtype, shape]) => {
    const length = shape.reduce((product, extent) => product * extent, 1);
    const bytes = (width: number) => fc.uint8Array({ minLength: length * width, maxLength: length * width });
    const data: fc.Arbitrary<NamedTensor["data"]> =
      dtype === "F32"
        ? bytes(4).map((raw) => new Float32Array(raw.slice().buffer))
        : dtype === "F64"
          ? bytes(8).map((raw) => new Float64Array(raw.slice().buffer))
          : dtype === "I32"
            ? bytes(4).map((raw) => new Int32Array(raw.slice().buffer))
            : dtype === "I64"
              ? bytes(8).map((raw) => new BigInt64Array(raw.slice().buffer))
              : dtype === "I16"
                ? bytes(2).map((raw) => new Int16Array(raw.slice().buffer))
                : dtype === "F16"
                  ? bytes(1).map((raw) => Float32Array.from(raw, (byte) => byte / 8 - 16))
                  : dtype === "BOOL"
                    ? bytes(1).map((raw) => raw.map((byte) => byte & 1))
                    : bytes(1).map((raw) => raw.slice());
    return data.map((values) => ({ name: `t${name}`, dtype, shape, data: values }) as NamedTensor);
  });

const manyTensors = fc.uniqueArray(tensors, { maxLength: 5, selector: ({ name }) => name });
const someMetadata = fc.dictionary(fc.string(), fc.string());

const bytesOf = (data: NamedTensor["data"]) => [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];

describe("writing", () => {
  test("the bytes of a small file", () => {
    const file = writeSafetensors(
      [
        { name: "label", dtype: "U8", shape: [3], data: new Uint8Array([1, 2, 3]) },
        { name: "bias", dtype: "F32", shape: [1], data: new Float32Array([1]) },
      ],
      { b: "2", a: "1" },
    );
    const header =
      `{"__metadata__":{"a":"1","b":"2"},"bias":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},` +
      `"label":{"dtype":"U8","shape":[3],"data_offsets":[4,7]}}`;
    const length = Math.ceil(header.length / 8) * 8;
    expect(Number(new DataView(file.buffer).getBigUint64(0, true))).toBe(length);
    expect(new TextDecoder().decode(file.subarray(8, 8 + length))).toBe(header.padEnd(length));
    expect([...file.subarray(8 + length)]).toEqual([0, 0, 128, 63, 1, 2, 3]);
  });

  test("an empty file", () => {
    const { tensors: none, metadata } = readSafetensors(writeSafetensors([]), "m.st");
    expect(none.size).toBe(0);
    expect(metadata).toEqual({});
  });

  test("comes back bit by bit, whatever the order given", () => {
    fc.assert(
      fc.property(manyTensors, someMetadata, (given, metadata) => {
        const file = writeSafetensors(given, metadata);
        expect(writeSafetensors([...given].reverse(), metadata)).toEqual(file);
        const read = readSafetensors(file, "m.st");
        expect(Object.entries(read.metadata).sort()).toEqual(Object.entries(metadata).sort());
        expect(read.tensors.size).toBe(given.length);
        for (const { name, dtype, shape, data } of given) {
          const tensor = read.tensors.get(name);
          expect(tensor?.dtype).toBe(dtype);
          expect(tensor?.shape).toEqual(shape);
          expect(tensor && bytesOf(tensor.data)).toEqual(bytesOf(data));
        }
      }),
    );
  });

  test("refuses what does not fit together", () => {
    const data = new Float32Array(6);
    const write = (...given: NamedTensor[]) => messageOf(() => writeSafetensors(given));
    expect(write({ name: "w", dtype: "F32", shape: [2, 2], data })).toBe(
      'tensor "w": shape and data do not match (expected 4 values for shape [2, 2], received 6).',
    );
    expect(write({ name: "w", dtype: "I32", shape: [6], data })).toBe(
      'tensor "w": data of dtype I32 has the wrong type (expected Int32Array, received Float32Array).',
    );
    const good: NamedTensor = { name: "w", dtype: "F32", shape: [6], data };
    expect(write(good, good)).toBe('tensor "w": the name is taken (expected each name once, received twice).');
    expect(write({ ...good, name: "__metadata__" })).toBe(
      'tensor "__metadata__": the name is reserved for metadata (expected another name, received __metadata__).',
    );
    const bad = { version: 1 } as unknown as Record<string, string>;
    expect(messageOf(() => writeSafetensors([], bad))).toBe(
      'metadata "version": the value is not text (expected a string, received number). Use JSON.stringify.',
    );
  });
});

describe("reading", () => {
  test("16-bit floats become float32", () => {
    const header = `{"h":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[4,6]}}`;
    const file = fileOf(header, 6);
    file.set([0x00, 0x3c, 0x00, 0xc0, 0x80, 0x3f], file.length - 6);
    const { tensors: read } = readSafetensors(file, "m.st");
    expect(read.get("h")?.data).toEqual(new Float32Array([1, -2]));
    expect(read.get("b")).toEqual({ dtype: "BF16", shape: [1], data: new Float32Array([1]) });
  });

  test("says what is wrong with a file", () => {
    expect(messageOf(() => readSafetensors(new Uint8Array(3), "m.st"))).toBe(
      "m.st: the file is too short for safetensors (expected at least 8 bytes, received 3).",
    );
    const huge = new Uint8Array(16).fill(255);
    expect(messageOf(() => readSafetensors(huge, "m.st"))).toBe(
      "m.st: the header is too long (expected at most 100000000 bytes, received 18446744073709552000).",
    );
    const truncated = fileOf("{}".padEnd(96)).subarray(0, 50);
    expect(messageOf(() => readSafetensors(truncated, "m.st"))).toBe(
      "m.st: the file ends inside the header (expected 104 bytes or more, received 50).",
    );
    expect(reading("{oops}")).toMatch(/^m\.st: the header is not JSON \(received .+\)\.$/);
    expect(reading("[1]")).toBe(
      'm.st: the header is not a JSON object (expected "{" as its first character, received "[").',
    );
    expect(reading(" {}")).toBe(
      'm.st: the header is not a JSON object (expected "{" as its first character, received " ").',
    );
    const entry = `{"dtype":"U8","shape":[1],"data_offsets":[0,1]}`;
    expect(reading(`{"a":${entry},"\\u0061":${entry}}`, 1)).toBe(
      'm.st: the header names "a" twice (expected each name once).',
    );
    expect(reading(`{"__metadata__":{"n":1}}`)).toBe('m.st: metadata "n" is not text (expected a string, received 1).');
    expect(reading(`{"__metadata__":7}`)).toBe(
      "m.st: __metadata__ is not an object (expected texts by name, received 7).",
    );
  });

  test("says what is wrong with a tensor", () => {
    const one = (dtype: string, shape: string, offsets: string, values: number) =>
      reading(`{"w":{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}}`, values);
    expect(one(`"F8"`, "[1]", "[0,1]", 1)).toBe(
      'm.st, tensor "w": unknown dtype (expected one of F64, F32, F16, BF16, I64, U64, I32, U32, I16, U16, I8, U8, ' +
        'BOOL, received "F8").',
    );
    expect(one(`"F32"`, "[-1]", "[0,4]", 4)).toBe(
      'm.st, tensor "w": the shape is not a list of sizes (expected integers of at least 0, received [-1]).',
    );
    expect(one(`"F32"`, "[1]", "[4,0]", 4)).toBe(
      'm.st, tensor "w": data_offsets are not a range (expected [begin, end], received [4,0]).',
    );
    expect(one(`"F32"`, "[2,3]", "[0,20]", 20)).toBe(
      'm.st, tensor "w": data_offsets do not match dtype and shape (expected 24 bytes for F32 [2, 3], received 20).',
    );
    expect(one(`"F32"`, "[1]", "[4,8]", 8)).toBe(
      'm.st, tensor "w": there is a gap before the values (expected values from byte 0, received 4).',
    );
    expect(one(`"F32"`, "[1000000000000]", "[0,4000000000000]", 8)).toBe(
      'm.st, tensor "w": the file ends before the values do (expected 4000000000000 bytes of values, received 8).',
    );
    expect(one(`"F32"`, "[1]", "[0,4]", 5)).toBe(
      "m.st: the file goes on after the last tensor (expected 4 bytes of values, received 5).",
    );
    expect(reading(`{"w":3}`)).toBe(
      'm.st, tensor "w": the entry is not an object (expected dtype, shape and data_offsets, received 3).',
    );
    const entry = (offsets: string) => `{"dtype":"U8","shape":[2],"data_offsets":${offsets}}`;
    expect(reading(`{"a":${entry("[0,2]")},"b":${entry("[1,3]")}}`, 3)).toBe(
      'm.st, tensor "b": the values overlap those of another tensor (expected values from byte 2, received 1).',
    );
    const file = fileOf(`{"m":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}}`, 2);
    file[file.length - 1] = 7;
    expect(messageOf(() => readSafetensors(file, "m.st"))).toBe(
      'm.st, tensor "m": value 1 is not a truth value (expected 0 or 1, received 7).',
    );
  });

  test("names like __proto__ are names", () => {
    const entry = `{"dtype":"U8","shape":[1],"data_offsets":[0,1]}`;
    const file = fileOf(`{"__metadata__":{"__proto__":"text"},"__proto__":${entry}}`, 1);
    const { tensors: read, metadata } = readSafetensors(file, "m.st");
    expect([...read.keys()]).toEqual(["__proto__"]);
    expect(Object.entries(metadata)).toEqual([["__proto__", "text"]]);
  });

  test("mutated, cut and random files are read or refused, never worse", () => {
    const mutations = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(manyTensors, someMetadata, mutations, fc.nat(), (given, metadata, changes, cut) => {
        let file = writeSafetensors(given, metadata);
        for (const [at, value] of changes) file[at % file.length] = value;
        if (cut % 3 === 0) file = file.slice(0, cut % (file.length + 1));
        try {
          readSafetensors(file, "m.st");
        } catch (error) {
          if (!(error instanceof FoveaError && error.code === "format")) throw error;
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("files that PyTorch's users wrote", ({ skip }) => {
    const path = "../shared/data/pretrained/cifar10_resnet20.safetensors";
    if (!existsSync(path)) skip("../shared/data is not there");
    const { tensors: read } = readSafetensors(readFileSync(path), path);
    expect(read.size).toBe(97);
    for (const { data } of read.values()) expect(data.every((value) => Number.isFinite(Number(value)))).toBe(true);
  });
});
