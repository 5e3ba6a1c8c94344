import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { FoveaError } from "../../src/core/errors.js";
import { gunzip } from "../../src/data/gzip.js";
import { parseCifar, parseCsv, parseIdx, parseNpy, parseNpz, parseWav, readImage } from "../../src/data/index.js";
import { untar } from "../../src/data/tar.js";
import { idxFile } from "./idx-file.js";

/**
 * Files that were damaged at random must be read or refused: with an error that names the file, in short time, and with no
 * more memory than the file's length allows. FOVEA_FUZZ_RUNS is the number of files of each kind, e.g. 100000.
 */
const runs = Number(process.env.FOVEA_FUZZ_RUNS ?? 300);
const where = "the file";

interface Mutation {
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

interface Kind {
  readonly name: string;
  readonly files: readonly Uint8Array[];
  readonly read: (bytes: Uint8Array) => unknown;
  /** Bytes that a result may have for each byte of the file, and beside them. */
  readonly factor: number;
  readonly beside?: number;
}

const data = JSON.parse(readFileSync(new URL("../fixtures/data.json", import.meta.url), "utf8"));
const decoded = (entries: readonly { file: string }[]) =>
  entries.map(({ file }) => new Uint8Array(Buffer.from(file, "base64")));
const pixels = { width: 12, height: 9, channels: 3 } as const;
const picture = sharp(
  Uint8Array.from({ length: 12 * 9 * 3 }, (_, i) => (i * 41) % 256),
  { raw: pixels },
);
const pictures: Uint8Array[] = [];
for (const format of ["png", "jpeg", "webp", "gif"] as const)
  pictures.push(new Uint8Array(await picture.toFormat(format).toBuffer()));
const size = { height: 16, width: 16, channels: 3 } as const;

const tarFile = new Uint8Array(2048);
tarFile.set(new TextEncoder().encode("data/test_batch.bin"));
tarFile.set(new TextEncoder().encode("00000000200"), 124);
tarFile[156] = 0x30;

const kinds: readonly Kind[] = [
  {
    name: "IDX",
    files: [idxFile([3, 4, 5], new Uint8Array(60)), idxFile([9], new Uint8Array(9))],
    read: (bytes) => parseIdx(bytes, where),
    factor: 1,
  },
  { name: "CIFAR", files: [new Uint8Array(2 * 3073)], read: (bytes) => parseCifar(bytes, where), factor: 1 },
  { name: "NPY", files: decoded(data.arrays), read: (bytes) => parseNpy(bytes, where), factor: 8 },
  // entries are compressed a thousandfold at most, and arrays have up to eight times their bytes
  { name: "NPZ", files: decoded(data.archives), read: (bytes) => parseNpz(bytes, where), factor: 8 * 1032 },
  { name: "WAV", files: decoded(data.waves), read: (bytes) => parseWav(bytes, where), factor: 4 },
  { name: "TAR", files: [tarFile], read: (bytes) => untar(bytes, where), factor: 1 },
  {
    name: "gzip",
    files: [new Uint8Array(gzipSync(new Uint8Array(5000)))],
    read: (bytes) => gunzip(bytes, where, 10_000),
    factor: 0,
    beside: 10_000,
  },
  {
    name: "CSV",
    files: [new TextEncoder().encode('file,label\r\n"a, ""b"".png",cat\n"two\nlines",dog\n')],
    read: (bytes) => parseCsv(new TextDecoder().decode(bytes), where),
    factor: 8,
  },
  {
    name: "image",
    files: pictures,
    // decoders stop at 128 megapixels; what comes out has the size asked for
    read: (bytes) => readImage(new Blob([bytes as Uint8Array<ArrayBuffer>]), size),
    factor: 0,
    beside: 16 * 16 * 4,
  },
];

describe("damaged files are read or refused", () => {
  test.each(kinds.map((kind) => [kind.name, kind] as const))(
    "%s",
    async (name, { files, read, factor, beside = 64 }) => {
      let [refused, done, slowest] = [0, 0, 0];
      const property = fc.asyncProperty(
        fc.constantFrom(...files),
        fc.array(mutation, { minLength: 1, maxLength: 6 }),
        async (file, mutations) => {
          const bytes = mutate(file, mutations);
          const began = performance.now();
          try {
            expect(bytesIn(await read(bytes))).toBeLessThanOrEqual(factor * bytes.length + beside);
          } catch (error) {
            if (!(error instanceof FoveaError)) throw error;
            expect(error.where.startsWith(name === "image" ? "image" : where)).toBe(true);
            expect(["format", "data", "label"]).toContain(error.code);
            refused += 1;
          }
          done += 1;
          slowest = Math.max(slowest, performance.now() - began);
        },
      );
      await fc.assert(property, { numRuns: Math.max(100, runs), seed: 20 });
      expect(done).toBeGreaterThanOrEqual(100);
      // most damage shows; pixels and samples have no wrong values
      expect(refused).toBeGreaterThan(done / 20);
      // no file of these sizes takes more than milliseconds, but others use the machine too
      expect(slowest).toBeLessThan(20_000);
    },
    Math.max(60_000, runs * 60),
  );

  test("bytes that are no file at all, too", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(...kinds), async (bytes, { read }) => {
        try {
          await read(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(FoveaError);
        }
      }),
      { numRuns: runs, seed: 21 },
    );
  });
});
