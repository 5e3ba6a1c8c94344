import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Dataset,
  type FileDataset,
  imageDataset,
  imageFolder,
  imageList,
  maskedImages,
  readImage,
  soundFolder,
  spectrogram,
  split,
  subset,
} from "../../src/data/index.js";
import { messageOf } from "./messages.js";

let root: string;
const at = (...path: string[]) => join(root, ...path).replaceAll("\\", "/");

async function put(path: string, content: Uint8Array | string): Promise<void> {
  await mkdir(dirname(at(path)), { recursive: true });
  await writeFile(at(path), content);
}

/** A picture of one colour, in the format of its name. */
async function picture(path: string, colour: [number, number, number], width = 8, height = 8): Promise<void> {
  const [r, g, b] = colour;
  const image = sharp({ create: { width, height, channels: 3, background: { r, g, b } } });
  await put(
    path,
    await image.toFormat(path.replace(/^.*\./, "") as "png", { quality: 100, lossless: true }).toBuffer(),
  );
}

/** A WAV file of one channel of 16 bits. */
function wav(samples: readonly number[], sampleRate: number): Uint8Array {
  const file = new Uint8Array(44 + 2 * samples.length);
  const view = new DataView(file.buffer);
  const text = (position: number, letters: string) => file.set(new TextEncoder().encode(letters), position);
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, 2 * sampleRate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => view.setInt16(44 + 2 * i, Math.round(sample * 32767), true));
  return file;
}

const size = { height: 4, width: 4, channels: 3 } as const;

/** All examples of a data set, read if need be. */
async function examplesOf(data: Dataset) {
  const { reader } = data;
  if (reader === undefined) return { inputs: [...data.inputs], targets: [...data.targets] };
  const [each, eachTarget] = [data.shape, data.targetShape].map((shape) => shape.reduce((a, b) => a * b, 1));
  const [inputs, targets]: [number[], number[]] = [[], []];
  for (let i = 0; i < data.length; i++) {
    const own = data.inputs instanceof Uint8Array ? new Uint8Array(each!) : new Float32Array(each!);
    const ownTargets = data.targets instanceof Int32Array ? new Int32Array(eachTarget!) : new Float32Array(eachTarget!);
    await reader.read(i, own, ownTargets);
    inputs.push(...own);
    targets.push(...(reader.readsTargets ? ownTargets : data.targets.subarray(i * eachTarget!, (i + 1) * eachTarget!)));
  }
  return { inputs, targets };
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "fovea-files-"));
  await picture("pets/cat/1.png", [255, 0, 0]);
  await picture("pets/cat/more/2.webp", [0, 255, 0]);
  await picture("pets/dog/1.gif", [0, 0, 255]);
  await picture("pets/dog/3.jpg", [100, 100, 100]);
  await put("pets/README.md", "what there is");
  await put("pets/dog/notes", "not an image");
  await put("pets/.cache/x.png", "hidden");
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe("a folder of images", () => {
  const expectPets = async (pets: FileDataset) => {
    expect(pets).toMatchObject({ name: "pets", length: 4, shape: [4, 4, 3], classes: ["cat", "dog"], skipped: [] });
    const { inputs, targets } = await examplesOf(pets);
    expect(targets).toEqual([0, 0, 1, 1]);
    const first = [0, 1, 2, 3].map((i) => inputs.slice(i * 48, i * 48 + 3));
    expect(first.slice(0, 3)).toEqual([
      [255, 0, 0],
      [0, 255, 0],
      [0, 0, 255],
    ]);
    for (const value of first[3]!) expect(Math.abs(value - 100)).toBeLessThan(3);
  };

  test("of folders of classes is read, in whatever format", async () => {
    await expectPets(await imageFolder(at("pets"), size));
  });

  test("is read as it is needed, if that is asked for", async () => {
    const pets = await imageFolder(at("pets"), { ...size, inMemory: false });
    expect([pets.inputs.length, pets.reader?.readsTargets]).toEqual([0, false]);
    await expectPets(pets);
    const [rest, part] = split(pets, 0.5, { seed: 3 });
    const [kept, known] = split(await imageFolder(at("pets"), size), 0.5, { seed: 3 });
    expect(await examplesOf(rest)).toEqual(await examplesOf(kept));
    expect(await examplesOf(subset(part, [1, 0]))).toEqual(await examplesOf(subset(known, [1, 0])));
  });

  test("says which file is damaged, or lists it and goes on", async () => {
    await picture("flawed/a/1.png", [1, 2, 3]);
    await put("flawed/a/2.png", "no picture");
    await put("flawed/b/3.jpg", new Uint8Array(0));
    await picture("flawed/b/4.png", [4, 5, 6]);
    const message = `${at("flawed/a/2.png")}: the image cannot be decoded`;
    expect(await messageOf(() => imageFolder(at("flawed"), size))).toContain(message);
    const lazy = await imageFolder(at("flawed"), { ...size, inMemory: false });
    expect(lazy.length).toBe(4);
    expect(await messageOf(() => examplesOf(lazy))).toContain(message);
    for (const inMemory of [true, false]) {
      const rest = await imageFolder(at("flawed"), { ...size, inMemory, damaged: "skip" });
      expect(rest.skipped.map(({ file }) => file)).toEqual([at("flawed/a/2.png"), at("flawed/b/3.jpg")]);
      expect(rest.skipped[0]!.reason).toMatch(/^the image cannot be decoded \(10 bytes: /);
      const { inputs, targets } = await examplesOf(rest);
      expect([inputs[0], inputs[48], targets]).toEqual([1, 4, [0, 1]]);
    }
    await put("hopeless/a/1.png", "no picture");
    expect(await messageOf(() => imageFolder(at("hopeless"), { ...size, damaged: "skip" }))).toContain(
      `imageFolder "${at("hopeless")}": none of 1 files can be decoded`,
    );
  });

  test("says what is wrong", async () => {
    await picture("flat/1.png", [1, 2, 3]);
    expect(await messageOf(() => imageFolder(at("flat"), size))).toBe(
      `imageFolder "${at("flat")}": there are no image files in folders of it (expected ${at("flat")}/<class>/<file>).`,
    );
    expect(await messageOf(() => imageFolder(at("nowhere"), size))).toBe(
      `${at("nowhere")}: cannot be read because it does not exist. Check the path.`,
    );
    expect(await messageOf(() => imageFolder(at("pets"), { ...size, height: 0 }))).toMatch(/height is out of range/);
    expect(await messageOf(() => imageFolder(at("pets"), { ...size, damaged: "ignore" as never }))).toBe(
      `imageFolder "${at("pets")}": damaged is out of range (expected "fail" or "skip", received ignore).`,
    );
  });
});

describe("images", () => {
  test("are made to fit: stretched, cut around the centre, or with bars", async () => {
    // left half red, middle green, right half blue: 8 × 2
    const row = [0, 0, 0, 1, 1, 2, 2, 2].flatMap((c) => [0, 1, 2].map((i) => (i === c ? 255 : 0)));
    const raw = { width: 8, height: 2, channels: 3 } as const;
    const wide = await sharp(new Uint8Array([...row, ...row]), { raw })
      .png()
      .toBuffer();
    const pixels = async (fit: "fill" | "cover" | "contain", width: number, height: number) =>
      [...(await readImage(new Uint8Array(wide), { width, height, channels: 3, fit }))].join();
    expect(await pixels("cover", 2, 2)).toBe([...Array(2)].map(() => "0,255,0,0,255,0").join());
    const barred = (await pixels("contain", 8, 8)).split(",").map(Number);
    expect(barred.slice(0, 72).every((v) => v === 0)).toBe(true);
    expect(barred.slice(72, 120)).toEqual([...row, ...row]);
    expect(await pixels("fill", 8, 2)).toBe([...row, ...row].join());
  });

  test("come from memory too, under names of their own", async () => {
    const good = await sharp({ create: { width: 2, height: 2, channels: 3, background: "white" } })
      .png()
      .toBuffer();
    const items = [
      { image: new Uint8Array(good), label: "b" },
      { image: new Blob([new Uint8Array(good)]), label: "a" },
    ];
    const data = await imageDataset(items, size);
    expect([data.classes, [...data.targets], data.inputs[0]]).toEqual([["a", "b"], [1, 0], 255]);
    const told: string[] = [];
    const numbered = items.map(({ image }) => ({ image, label: 1 }));
    const named = await imageDataset(numbered, {
      ...{ ...size, classes: ["cat", "dog", "fox"] },
      onProgress: (done, total) => told.push(`${done} of ${total}`),
    });
    expect([named.classes, [...named.targets], told]).toEqual([
      ["cat", "dog", "fox"],
      [1, 1],
      ["1 of 2", "2 of 2"],
    ]);
    expect(await messageOf(() => imageDataset(items, { ...size, classes: ["cat", "dog"] }))).toBe(
      "imageDataset: classes were given, but labels are not their numbers (expected labels 0 … 1).",
    );
    const bad = [{ image: new Uint8Array(3), name: "from the phone", label: 0 }];
    expect(await messageOf(() => imageDataset(bad, size))).toMatch(/^from the phone: the image cannot be decoded/);
    expect(await messageOf(() => imageDataset([...items, { image: "x.png", label: 2 }], size))).toBe(
      "imageDataset: some labels are text and some are numbers. Use one of the two.",
    );
  });

  test("that claim to be huge are refused", async () => {
    const small = await sharp({ create: { width: 1, height: 1, channels: 3, background: "white" } })
      .png()
      .toBuffer();
    const liar = new Uint8Array(small);
    new DataView(liar.buffer).setUint32(16, 40_000);
    new DataView(liar.buffer).setUint32(20, 40_000);
    expect(await messageOf(() => readImage(liar, size))).toMatch(/^image: the image cannot be decoded/);
  });
});

describe("a list of images", () => {
  test("gives labels, by names of columns", async () => {
    await put("list.csv", "age,file,kind\n3,pets/cat/1.png,10\n5.5,pets/dog/3.jpg,9\n");
    const kinds = await imageList(at("list.csv"), { ...size, image: "file", label: "kind" });
    expect([kinds.classes, [...kinds.targets], kinds.targetShape]).toEqual([["9", "10"], [1, 0], []]);
    expect(kinds.inputs[0]).toBe(255);
    for (const inMemory of [true, false]) {
      const options = { ...size, image: "file", label: "age", targets: "numbers", inMemory } as const;
      const ages = await imageList(at("list.csv"), options);
      expect([ages.classes, [...ages.targets], ages.targetShape]).toEqual([[], [3, 5.5], [1]]);
    }
  });

  test("says what is wrong", async () => {
    expect(await messageOf(() => imageList(at("list.csv"), { ...size, image: "path" }))).toBe(
      `imageList "${at("list.csv")}": there is no column "path" (expected columns among age, file, kind).`,
    );
    await put("lost.csv", "file,label\npets/cat/9.png,a\n");
    expect(await messageOf(() => imageList(at("lost.csv"), size))).toContain(`${at("pets/cat/9.png")}: cannot be read`);
    await put("text.csv", "file,age\npets/cat/1.png,old\n");
    expect(await messageOf(() => imageList(at("text.csv"), { ...size, targets: "numbers" }))).toBe(
      `imageList "${at("text.csv")}": the label of item 0 is no finite number (received "old").`,
    );
  });
});

describe("images and masks", () => {
  test("are paired by name; masks are classes, by grey or by colour", async () => {
    await picture("seg/images/a.jpg", [9, 9, 9]);
    await picture("seg/masks/a.png", [255, 255, 255]);
    await picture("seg/colours/a.png", [0, 128, 0]);
    const grey = await maskedImages(at("seg/images"), at("seg/masks"), { ...size, values: [0, 255] });
    expect(grey).toMatchObject({ shape: [4, 4, 3], targetShape: [4, 4], classes: ["0", "1"], length: 1 });
    expect([...grey.targets]).toEqual(new Array(16).fill(1));
    const values = [
      [0, 0, 0],
      [128, 0, 0],
      [0, 128, 0],
    ] as const;
    for (const inMemory of [true, false]) {
      const options = { ...size, values, classes: ["ground", "car", "tree"], inMemory };
      const data = await maskedImages(at("seg/images"), at("seg/colours"), options);
      expect((await examplesOf(data)).targets).toEqual(new Array(16).fill(2));
      expect(data.classes).toEqual(["ground", "car", "tree"]);
    }
    expect(await messageOf(() => maskedImages(at("seg/images"), at("seg/masks"), { ...size, classes: 2 }))).toBe(
      `${at("seg/masks/a.png")}: the pixel at (0, 0) is of no class (received 255). Pass values: what each class looks like in masks.`,
    );
    await picture("seg/images/b.jpg", [9, 9, 9]);
    expect(await messageOf(() => maskedImages(at("seg/images"), at("seg/masks"), size))).toBe(
      `maskedImages "${at("seg/images")}": 1 of 2 images have no mask in ${at("seg/masks")} (received b.jpg).`,
    );
  });
});

describe("a folder of sounds", () => {
  const tone = (frequency: number, length: number, rate: number) =>
    Array.from({ length }, (_, n) => 0.5 * Math.sin((2 * Math.PI * frequency * n) / rate));

  test("is cut to one length, at one sample rate, as samples or spectrograms", async () => {
    await put("speech/high/1.wav", wav(tone(2000, 900, 8000), 8000));
    await put("speech/low/1.wav", wav(tone(300, 3000, 16000), 16000));
    const waves = await soundFolder(at("speech"), { sampleRate: 8000, seconds: 0.125 });
    expect(waves).toMatchObject({ shape: [1000, 1], classes: ["high", "low"], length: 2 });
    const [high, low] = [waves.inputs.subarray(0, 1000), waves.inputs.subarray(1000)];
    expect(high[101]).toBeCloseTo(0.5 * Math.sin((2 * Math.PI * 2000 * 101) / 8000), 3);
    expect([...high.subarray(900)]).toEqual(new Array(100).fill(0));
    expect(low[501]).toBeCloseTo(0.5 * Math.sin((2 * Math.PI * 300 * 501) / 8000), 2);
    const options = { frame: 200, hop: 100, mel: 20 };
    const common = { sampleRate: 8000, seconds: 0.125, spectrogram: options };
    const images = await soundFolder(at("speech"), common);
    expect(images.shape).toEqual([9, 20, 1]);
    const direct = spectrogram({ ...options, sampleRate: 8000 })(high as Float32Array);
    expect([...images.inputs.subarray(0, 180)]).toEqual([...direct.values]);
    expect((await soundFolder(at("speech"), { ...common, dimensions: 1, inMemory: false })).shape).toEqual([9, 20]);
  });

  test("says which file is damaged", async () => {
    await put("noise/a/1.wav", wav(tone(300, 100, 8000), 8000).subarray(0, 60));
    expect(await messageOf(() => soundFolder(at("noise")))).toBe(
      `${at("noise/a/1.wav")}: the file is truncated (expected 200 bytes of samples, received 16).`,
    );
  });
});
