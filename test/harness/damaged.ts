import fc from "fast-check";
import { expect } from "vitest";
import { FoveaError } from "../../src/core/errors.js";

/**
 * Files that were damaged at random must be read or refused: with an error that says where, in short time, and with no
 * more memory than the file's length allows. FOVEA_FUZZ_RUNS is the number of files of each kind, e.g. 100000.
 */
export const fuzzRuns = Number(process.env.FOVEA_FUZZ_RUNS ?? 300);

/** What readers are told that the file's name is. */
export const fileName = "the file";

/** Milliseconds that a test of one kind may take. */
export const fuzzTimeout = Math.max(60_000, fuzzRuns * 60);

export interface Mutation {
  /** 0 … 1, a place in the file. */
  readonly at: number;
  readonly kind: "set" | "flip" | "cut" | "insert" | "repeat" | "word";
  readonly value: number;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  // headers are where the lengths stand
  at: fc.oneof(fc.double({ min: 0, max: 0.02, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
  kind: fc.constantFrom("set", "flip", "cut", "insert", "repeat", "word"),
  value: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 127, 128, 255, 0x7fff_ffff, 0xffff_ffff, 0x8000_0000)),
});

function mutate(file: Uint8Array, mutations: readonly Mutation[]): Uint8Array {
  let bytes = file.slice();
  for (const { at, kind, value } of mutations) {
    const place = Math.floor(at * bytes.length);
    if (kind === "cut") bytes = bytes.slice(0, place);
    else if (kind === "insert") bytes = Uint8Array.of(...bytes.subarray(0, place), value, ...bytes.subarray(place));
    else if (kind === "repeat") {
      const piece = bytes.subarray(place, place + (value % 64));
      bytes = Uint8Array.of(...bytes.subarray(0, place + piece.length), ...bytes.subarray(place));
    } else if (kind === "word" && place + 4 <= bytes.length)
      new DataView(bytes.buffer).setUint32(place, value, value % 2 === 0);
    else if (place < bytes.length) bytes[place] = kind === "flip" ? bytes[place]! ^ (1 << (value % 8)) : value;
  }
  return bytes;
}

/** Bytes of all typed arrays in a result. */
function bytesIn(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (value instanceof Map) return [...value.values()].reduce((sum, entry) => sum + bytesIn(entry), 0);
  if (typeof value === "string") return 2 * value.length;
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce((sum: number, entry) => sum + bytesIn(entry), 0);
}

/** A kind of file, and what reads it. */
export interface FileKind {
  readonly name: string;
  readonly files: readonly Uint8Array[];
  readonly read: (bytes: Uint8Array) => unknown;
  /** Bytes that a result may have for each byte of the file, and beside them (default: 64). */
  readonly factor: number;
  readonly beside?: number;
  /** What errors begin with (default: the file's name). Files are in no place of their own where it is "". */
  readonly prefix?: string;
  /** Codes of errors (default: format, data and label). */
  readonly codes?: readonly string[];
  /** Further damage, before that of bytes. */
  readonly damage?: fc.Arbitrary<(file: Uint8Array) => Uint8Array>;
}

/** No further damage. */
export const undamaged = fc.constant((file: Uint8Array) => file);

/** Damages files of a kind, `fuzzRuns` times, and reads them. */
export async function expectReadOrRefused(kind: FileKind): Promise<void> {
  const { files, read, factor, beside = 64, prefix = fileName, codes = ["format", "data", "label"] } = kind;
  let [refused, done, slowest] = [0, 0, 0];
  const property = fc.asyncProperty(
    fc.constantFrom(...files),
    kind.damage ?? undamaged,
    fc.array(mutation, { minLength: kind.damage === undefined ? 1 : 0, maxLength: 6 }),
    async (file, damage, mutations) => {
      const bytes = mutate(damage(file), mutations);
      const began = performance.now();
      try {
        expect(bytesIn(await read(bytes))).toBeLessThanOrEqual(factor * bytes.length + beside);
      } catch (error) {
        if (!(error instanceof FoveaError)) throw error;
        expect(error.where.startsWith(prefix) && error.where !== "").toBe(true);
        expect(codes).toContain(error.code);
        refused += 1;
      }
      done += 1;
      slowest = Math.max(slowest, performance.now() - began);
    },
  );
  await fc.assert(property, { numRuns: Math.max(100, fuzzRuns), seed: 20 });
  expect(done).toBeGreaterThanOrEqual(100);
  // most damage shows; pixels and samples have no wrong values
  expect(refused).toBeGreaterThan(done / 20);
  // no file of these sizes takes more than milliseconds, but others use the machine too
  expect(slowest).toBeLessThan(20_000);
}
