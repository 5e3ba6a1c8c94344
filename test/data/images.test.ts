import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readImage } from "../../src/data/images.js";
import { messageOf } from "./messages.js";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "fovea-images-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Writes pixels (HWC) as a PNG or, with an orientation, as a TIFF; returns the path. */
async function image(name: string, width: number, height: number, pixels: number[], orientation?: number) {
  const channels = (pixels.length / (width * height)) as 1 | 2 | 3 | 4;
  const path = join(root, name);
  const picture = sharp(new Uint8Array(pixels), { raw: { width, height, channels } });
  await (orientation === undefined ? picture : picture.withMetadata({ orientation })).toFile(path);
  return path;
}

test("reads pixels as they are, RGB or grey", async () => {
  const path = await image("rgb.png", 2, 1, [255, 0, 0, 10, 20, 30]);
  expect([...(await readImage(path, { height: 1, width: 2, channels: 3 }))]).toEqual([255, 0, 0, 10, 20, 30]);
  const grey = await image("grey.png", 2, 2, [0, 80, 160, 255]);
  expect([...(await readImage(grey, { height: 2, width: 2, channels: 1 }))]).toEqual([0, 80, 160, 255]);
  const three = await readImage(grey, { height: 2, width: 2, channels: 3 });
  expect([...three]).toEqual([0, 0, 0, 80, 80, 80, 160, 160, 160, 255, 255, 255]);
  expect((await readImage(path, { height: 1, width: 2, channels: 1 })).length).toBe(2);
});

test("stretches to the size asked for", async () => {
  const path = await image("wide.png", 4, 1, [9, 9, 9, 9]);
  expect([...(await readImage(path, { height: 3, width: 2, channels: 1 }))]).toEqual(new Array(6).fill(9));
});

test("lays transparency on black", async () => {
  const path = await image("clear.png", 2, 1, [255, 255, 255, 0, 200, 100, 50, 255]);
  expect([...(await readImage(path, { height: 1, width: 2, channels: 3 }))]).toEqual([0, 0, 0, 200, 100, 50]);
  expect((await readImage(path, { height: 1, width: 2, channels: 1 }))[0]).toBe(0);
});

test("turns as the EXIF orientation says", async () => {
  // Orientation 6: the file's top is the picture's right, so the row [0, 255] becomes a column from the top.
  const path = await image("turned.tiff", 2, 1, [0, 0, 0, 255, 255, 255], 6);
  expect([...(await readImage(path, { height: 2, width: 1, channels: 1 }))]).toEqual([0, 255]);
});

test("16 bits per channel become 8", async () => {
  const path = join(root, "deep.png");
  const raw = { width: 2, height: 1, channels: 1 } as const;
  await sharp(new Uint16Array([0, 65535]), { raw })
    .toColourspace("grey16")
    .png()
    .toFile(path);
  expect([...(await readImage(path, { height: 1, width: 2, channels: 3 }))]).toEqual([0, 0, 0, 255, 255, 255]);
});

test("says what is wrong", async () => {
  const size = { height: 2, width: 2, channels: 1 } as const;
  const missing = join(root, "missing.png");
  expect(await messageOf(() => readImage(missing, size))).toBe(
    `${missing}: cannot be read because it does not exist. Check the path.`,
  );
  const text = join(root, "text.jpg");
  await writeFile(text, "not an image");
  expect(await messageOf(() => readImage(text, size))).toBe(
    `${text}: the image cannot be decoded (expected a JPEG, PNG, WebP, AVIF, GIF, TIFF or SVG file, ` +
      "received 12 bytes: Input buffer contains unsupported image format).",
  );
  const whole = await sharp({ create: { width: 64, height: 64, channels: 3, background: "red" } })
    .jpeg()
    .toBuffer();
  const cut = join(root, "cut.jpg");
  await writeFile(cut, whole.subarray(0, whole.length - 40));
  expect(await messageOf(() => readImage(cut, size))).toMatch(/cut\.jpg: the image cannot be decoded /);
  await writeFile(cut, "");
  expect(await messageOf(() => readImage(cut, size))).toMatch(/cut\.jpg: the image cannot be decoded /);
  expect(await messageOf(() => readImage(text, { ...size, channels: 2 as 1 }))).toBe(
    "readImage: channels is out of range (expected 1 (grey) or 3 (RGB), received 2).",
  );
  expect(await messageOf(() => readImage(text, { ...size, width: 0 }))).toBe(
    "readImage: width is out of range (expected an integer in 1 … 16384, received 0).",
  );
});
