import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { FoveaError } from "../../src/core/errors.js";
import { gunzip } from "../../src/data/gzip.js";
import { parseCifar, parseCsv, parseIdx, parseNpy, parseNpz, parseWav, readImage } from "../../src/data/index.js";
import { untar } from "../../src/data/tar.js";
import { expectReadOrRefused, type FileKind, fileName, fuzzRuns, fuzzTimeout } from "../harness/damaged.js";
import { idxFile } from "./idx-file.js";

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

const kinds: readonly FileKind[] = [
  {
    name: "IDX",
    files: [idxFile([3, 4, 5], new Uint8Array(60)), idxFile([9], new Uint8Array(9))],
    read: (bytes) => parseIdx(bytes, fileName),
    factor: 1,
  },
  { name: "CIFAR", files: [new Uint8Array(2 * 3073)], read: (bytes) => parseCifar(bytes, fileName), factor: 1 },
  { name: "NPY", files: decoded(data.arrays), read: (bytes) => parseNpy(bytes, fileName), factor: 8 },
  // entries are compressed a thousandfold at most, and arrays have up to eight times their bytes
  { name: "NPZ", files: decoded(data.archives), read: (bytes) => parseNpz(bytes, fileName), factor: 8 * 1032 },
  { name: "WAV", files: decoded(data.waves), read: (bytes) => parseWav(bytes, fileName), factor: 4 },
  { name: "TAR", files: [tarFile], read: (bytes) => untar(bytes, fileName), factor: 1 },
  {
    name: "gzip",
    files: [new Uint8Array(gzipSync(new Uint8Array(5000)))],
    read: (bytes) => gunzip(bytes, fileName, 10_000),
    factor: 0,
    beside: 10_000,
  },
  {
    name: "CSV",
    files: [new TextEncoder().encode('file,label\r\n"a, ""b"".png",cat\n"two\nlines",dog\n')],
    read: (bytes) => parseCsv(new TextDecoder().decode(bytes), fileName),
    factor: 8,
  },
  {
    name: "image",
    files: pictures,
    // decoders stop at 128 megapixels; what comes out has the size asked for
    read: (bytes) => readImage(new Blob([bytes as Uint8Array<ArrayBuffer>]), size),
    factor: 0,
    beside: 16 * 16 * 4,
    prefix: "image",
  },
];

describe("damaged files are read or refused", () => {
  test.each(kinds.map((kind) => [kind.name, kind] as const))("%s", (_, kind) => expectReadOrRefused(kind), fuzzTimeout);

  test("bytes that are no file at all, too", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(...kinds), async (bytes, { read }) => {
        try {
          await read(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(FoveaError);
        }
      }),
      { numRuns: fuzzRuns, seed: 21 },
    );
  });
});
