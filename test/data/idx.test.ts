import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FoveaError } from "../../src/core/errors.js";
import { gunzip } from "../../src/data/gzip.js";
import { parseIdx } from "../../src/data/idx.js";
import { idxFile } from "./idx-file.js";
import { messageOf } from "./messages.js";

const parsing = (bytes: Uint8Array, rank?: number) => messageOf(() => parseIdx(bytes, "images.idx", rank));

describe("parseIdx", () => {
  test("reads images and labels", () => {
    expect(parseIdx(idxFile([2, 1, 2], [1, 2, 3, 4]), "f", 3)).toEqual({
      shape: [2, 1, 2],
      data: new Uint8Array([1, 2, 3, 4]),
    });
    expect(parseIdx(idxFile([3], [7, 8, 9]), "f").shape).toEqual([3]);
  });

  test("says what is wrong", async () => {
    const labels = idxFile([3], [7, 8, 9]);
    expect(await parsing(labels, 3)).toBe(
      "images.idx: the magic number is not that of an IDX file of bytes " +
        "(expected 2051 for images, received 2049).",
    );
    expect(await parsing(new Uint8Array([1, 2, 3, 4]))).toBe(
      "images.idx: the magic number is not that of an IDX file of bytes (expected 2049 … 2052, received 16909060).",
    );
    const again = "The file is damaged: get it again.";
    expect(await parsing(new Uint8Array(2))).toBe(
      `images.idx: the file has the wrong length (expected at least 4 bytes of magic number, received 2 bytes). ${again}`,
    );
    expect(await parsing(labels.subarray(0, 6))).toBe(
      `images.idx: the file has the wrong length (expected a header of 8 bytes, received 6 bytes). ${again}`,
    );
    expect(await parsing(labels.subarray(0, 10))).toBe(
      `images.idx: the file has the wrong length (expected 11 bytes for shape [3], received 10 bytes). ${again}`,
    );
    expect(await parsing(new Uint8Array([...labels, 0]))).toBe(
      `images.idx: the file has the wrong length (expected 11 bytes for shape [3], received 12 bytes). ${again}`,
    );
  });

  test("extents beyond the file are refused before anything is allocated", async () => {
    const extents = [4294967295, 4294967295, 4294967295, 4294967295];
    expect(await parsing(idxFile(extents, []))).toMatch(/^images\.idx: the file has the wrong length \(expected 3\.4/);
  });

  test("mutated files are read or refused, never worse", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 4 }),
        fc.array(fc.tuple(fc.nat(30), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }),
        fc.nat(3),
        (shape, changes, cut) => {
          let file = idxFile(shape, new Uint8Array(shape.reduce((a, b) => a * b, 1)));
          for (const [at, value] of changes) file[at % file.length] = value;
          file = file.subarray(0, Math.max(0, file.length - cut));
          try {
            const { shape: read, data } = parseIdx(file, "f");
            expect(read.reduce((a, b) => a * b, 1)).toBe(data.length);
          } catch (error) {
            if (!(error instanceof FoveaError && error.code === "format")) throw error;
          }
        },
      ),
    );
  });
});

describe("gunzip", () => {
  const plain = Uint8Array.from({ length: 200_000 }, (_, i) => (i * i) >> 7);
  const packed = new Uint8Array(gzipSync(plain));

  test("gives the bytes back", async () => {
    expect(await gunzip(packed, "f.gz")).toEqual(plain);
    expect(await gunzip(new Uint8Array(gzipSync("")), "f.gz")).toEqual(new Uint8Array(0));
  });

  test("says what is wrong", async () => {
    expect(await messageOf(() => gunzip(new Uint8Array([80, 75, 3]), "f.gz"))).toBe(
      "f.gz: not a gzip file (expected 1f 8b as the first two bytes, received 50 4b).",
    );
    expect(await messageOf(() => gunzip(new Uint8Array(0), "f.gz"))).toBe(
      "f.gz: not a gzip file (expected 1f 8b as the first two bytes, received an empty file).",
    );
    for (const length of [2, 12, packed.length >> 1, packed.length - 1]) {
      expect(await messageOf(() => gunzip(packed.subarray(0, length), "f.gz"))).toBe(
        `f.gz: the gzip file is truncated or damaged (received ${length} bytes). Get the file again.`,
      );
    }
    const damaged = packed.slice();
    damaged[damaged.length - 6] ^= 1;
    expect(await messageOf(() => gunzip(damaged, "f.gz"))).toBe(
      `f.gz: the gzip file is truncated or damaged (received ${packed.length} bytes). Get the file again.`,
    );
  });

  test("a bomb is refused as it unfolds", async () => {
    const bomb = new Uint8Array(gzipSync(new Uint8Array(50_000_000)));
    expect(await messageOf(() => gunzip(bomb, "bomb.gz", 1_000_000))).toBe(
      "bomb.gz: the gzip file decompresses to more than is allowed (expected at most 1000000 bytes).",
    );
  });
});
