import { readFileSync } from "node:fs";
import { deflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import {
  mono,
  parseCifar,
  parseCsv,
  parseNpy,
  parseNpz,
  parseWav,
  resampleSound,
  spectrogram,
} from "../../src/data/index.js";
import { unzip } from "../../src/data/zip.js";
import { messageOf } from "./messages.js";

interface Fixture {
  readonly arrays: readonly { dtype: string; fortran: boolean; shape: number[]; values: string[]; file: string }[];
  readonly archives: readonly { name: string; file: string }[];
  readonly sound: readonly number[];
  readonly spectrograms: readonly {
    frame: number;
    hop: number;
    mel: number;
    log: boolean;
    shape: number[];
    values: number[];
  }[];
  readonly waves: readonly { bits: number; values: number[]; file: string }[];
}
const fixture: Fixture = JSON.parse(readFileSync(new URL("../fixtures/data.json", import.meta.url), "utf8"));
const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, "base64"));

/** As Python writes it. */
const numberOf = (text: string) => (text === "inf" ? Infinity : Number(text));

describe("NumPy's arrays", () => {
  test.each(fixture.arrays)("of $dtype $shape, fortran $fortran, are read", ({ dtype, shape, values, file }) => {
    const array = parseNpy(bytesOf(file), "a.npy");
    expect([array.dtype, array.shape]).toEqual([dtype, shape]);
    expect([...array.data]).toEqual(values.map(numberOf));
    const types = { b: Uint8Array, u: Int32Array, i: Int32Array, f: Float32Array } as const;
    const wide = dtype.endsWith("f8") ? Float64Array : dtype.endsWith("u1") ? Uint8Array : undefined;
    expect(array.data).toBeInstanceOf(wide ?? types[dtype[1] as "b"]);
  });

  test.each(fixture.archives)("of an archive ($name) are read by name", async ({ file }) => {
    const { x, y } = await parseNpz(bytesOf(file), "a.npz");
    expect(x).toMatchObject({ shape: [10, 4], dtype: "<f4" });
    expect([...x!.data]).toEqual([...Array(40).keys()]);
    expect([...y!.data]).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2, 0]);
  });

  const good = () => bytesOf(fixture.arrays.find(({ dtype }) => dtype === "<f4")!.file);
  const edited = (from: string, to: string) => {
    const text = Buffer.from(good()).toString("latin1").replace(from, to);
    return new Uint8Array(Buffer.from(text, "latin1"));
  };

  test.each([
    [
      () => new Uint8Array(0),
      "a.npy: not a .npy file (expected \\x93NUMPY as the first bytes, received an empty file).",
    ],
    [
      () => new TextEncoder().encode("PK and more"),
      "a.npy: not a .npy file (expected \\x93NUMPY as the first bytes, received 50 4b 20 61 6e 64).",
    ],
    [() => good().subarray(0, 60), "a.npy: the file is truncated (expected a header of 128 bytes, received 60)."],
    [
      () => good().subarray(0, 140),
      "a.npy: the file has the wrong length (expected 152 bytes for <f4 [2, 3], received 140).",
    ],
    [
      () => edited("(2, 3)", "(2,99)"),
      "a.npy: the file has the wrong length (expected 920 bytes for <f4 [2, 99], received 152).",
    ],
    [
      () => edited("<f4", "|O8"),
      "a.npy: a type that is not known (expected one of b1, u1, i1, u2, i2, u4, i4, u8, i8, f2, f4, f8, received |O8).",
    ],
    [() => edited("'shape'", "'shope'"), /^a\.npy: the header is damaged, or that of another kind of array/],
  ])("say what is wrong (%#)", async (file, message) => {
    expect(await messageOf(() => parseNpy(file(), "a.npy"))).toEqual(
      typeof message === "string" ? message : expect.stringMatching(message),
    );
  });

  test("refuse integers that are too large", async () => {
    const file = bytesOf(fixture.arrays.find(({ dtype }) => dtype === "<i8")!.file);
    file[file.length - 1] = 1;
    expect(await messageOf(() => parseNpy(file, "a.npy"))).toBe(
      "a.npy: value 11 does not fit into an int32 (expected −2^31 … 2^31 − 1, received 72057594037928060).",
    );
  });
});

describe("archives", () => {
  const archive = () => bytesOf(fixture.archives[1]!.file);

  test("that are damaged are refused, and the entry is named", async () => {
    expect(await messageOf(() => unzip(archive().subarray(0, 200), "a.npz", 1e6))).toBe(
      "a.npz: not a ZIP archive, or a truncated one (expected a directory at its end, received 200 bytes).",
    );
    const flipped = archive();
    flipped[80]! ^= 255;
    expect(await messageOf(() => unzip(flipped, "a.npz", 1e6))).toMatch(
      /^a\.npz, entry "x\.npy": the (compressed entry|file)/,
    );
    expect(await messageOf(() => unzip(archive(), "a.npz", 100))).toBe(
      'a.npz, entry "x.npy": the file is longer than is allowed (expected at most 100 bytes, received 288).',
    );
  });

  test("that lie about the length of a file get no more memory than they say", async () => {
    const bomb = deflateRawSync(new Uint8Array(1e6));
    const file = archive();
    // the first entry's content, in place of it: its directory says 288 bytes
    const view = new DataView(file.buffer);
    const start = 30 + view.getUint16(26, true) + view.getUint16(28, true);
    file.set(bomb.subarray(0, 100), start);
    expect(await messageOf(() => unzip(file, "a.npz", 1e6))).toMatch(/entry "x\.npy": the compressed entry/);
  });
});

describe("sound", () => {
  test.each(fixture.waves)("of $bits bits is read", ({ values, file }) => {
    const sound = parseWav(bytesOf(file), "a.wav");
    expect(sound).toMatchObject({ sampleRate: 22050, channels: 2 });
    expect([...sound.samples]).toEqual(values.map(Math.fround));
    expect(mono(sound).samples[1]).toBeCloseTo((values[2]! + values[3]!) / 2, 6);
  });

  const wave = () => bytesOf(fixture.waves[1]!.file);
  const withFormat = (tag: number, bits: number) => {
    const file = wave();
    const view = new DataView(file.buffer);
    view.setUint16(20, tag, true);
    view.setUint16(34, bits, true);
    return file;
  };

  test("of floats, and of programs that do not know how much comes, is read", () => {
    const file = withFormat(3, 32);
    const view = new DataView(file.buffer);
    view.setFloat32(44, 0.25, true);
    view.setFloat32(48, -2, true);
    view.setFloat32(52, 0, true);
    expect([...parseWav(file, "a.wav").samples]).toEqual([0.25, -2]);
    view.setUint32(40, 0xffffffff, true);
    expect(parseWav(file, "a.wav").samples).toHaveLength(2);
  });

  test.each([
    [() => wave().subarray(0, 8), 'a.wav: not a WAV file (expected "RIFF" and "WAVE" at its start, received 8 bytes).'],
    [() => wave().subarray(0, 50), "a.wav: the file is truncated (expected 12 bytes of samples, received 6)."],
    [() => wave().subarray(0, 40), "a.wav: there are no samples."],
    [() => wave().subarray(0, 20), "a.wav: the format chunk is truncated."],
    [
      () => withFormat(2, 4),
      "a.wav: the encoding is not known (expected PCM of 8, 16, 24 or 32 bits, or floats of 32 or 64, received format 2 of 4 bits).",
    ],
  ])("says what is wrong (%#)", async (file, message) => {
    expect(await messageOf(() => parseWav(file(), "a.wav"))).toBe(message);
  });

  test("keeps tones through another sample rate, and loses those that it cannot hold", () => {
    const tone = (frequency: number, rate: number) => ({
      sampleRate: rate,
      channels: 1,
      samples: Float32Array.from({ length: rate / 4 }, (_, n) => Math.sin((2 * Math.PI * frequency * n) / rate)),
    });
    for (const [from, to] of [
      [8000, 16000],
      [44100, 16000],
      [16000, 22050],
    ] as const) {
      const { samples } = resampleSound(tone(500, from), to);
      const expected = tone(500, to).samples;
      expect(Math.abs(samples.length - expected.length)).toBeLessThan(2);
      for (let i = 200; i < expected.length - 200; i++) expect(Math.abs(samples[i]! - expected[i]!)).toBeLessThan(2e-3);
    }
    const { samples } = resampleSound(tone(15_000, 44100), 16000);
    for (let i = 200; i < samples.length - 200; i++) expect(Math.abs(samples[i]!)).toBeLessThan(5e-3);
  });
});

describe("spectrograms", () => {
  test.each(fixture.spectrograms)("are NumPy's: frame $frame, mel $mel, log $log", ({ shape, values, ...options }) => {
    const {
      frames,
      bands,
      values: own,
    } = spectrogram({ ...options, sampleRate: 8000 })(Float32Array.from(fixture.sound));
    expect([frames, bands]).toEqual(shape);
    const largest = Math.max(...values.map(Math.abs));
    // float64 transforms, written as float32; the logarithm of nothing but rounding is of the order of 1e-6
    own.forEach((value, i) => {
      expect(Math.abs(value - values[i]!)).toBeLessThan(1e-6 * (options.log ? 20 : largest));
    });
  });

  test("say what is wrong", async () => {
    expect(await messageOf(() => spectrogram({ frame: 256 })(new Float32Array(255)))).toBe(
      "spectrogram: the sound is shorter than a frame (expected at least 256 samples, received 255).",
    );
    expect(await messageOf(() => spectrogram({ hop: 0 }))).toMatch(/hop is out of range/);
  });
});

describe("lists", () => {
  test("of comma-separated values are read, with quotes, ends of lines of all systems, and a byte order mark", () => {
    expect(parseCsv('\ufeffa,b\r\n"x, ""y""","two\nlines"\r\n\n1,\n', "a.csv")).toEqual([
      ["a", "b"],
      ['x, "y"', "two\nlines"],
      ["1", ""],
    ]);
    expect(parseCsv("a;b\n1;2", "a.csv", ";")).toEqual([
      ["a", "b"],
      ["1", "2"],
    ]);
    expect(parseCsv("", "a.csv")).toEqual([]);
  });

  test.each([
    ["a,b\n1,2,3\n", "a.csv, line 2: another number of cells (expected 2, received 3)."],
    ['a,b\n"1,2\n', "a.csv, line 2: a quote is not closed."],
    ['a,b\n"1" 2,3\n', "a.csv, line 2: text follows a closed quote."],
  ])("that are damaged are refused: %j", async (text, message) => {
    expect(await messageOf(() => parseCsv(text, "a.csv"))).toBe(message);
  });
});

describe("CIFAR-10's records", () => {
  const file = Uint8Array.from({ length: 2 * 3073 }, (_, i) =>
    i % 3073 === 0 ? 3 + Math.floor(i / 3073) : (i * 31) % 256,
  );

  test("are planes of colours", () => {
    const { images, labels } = parseCifar(file, "a.bin");
    expect([...labels]).toEqual([3, 4]);
    for (const [record, channel, pixel] of [
      [0, 0, 0],
      [0, 2, 1023],
      [1, 1, 77],
    ] as const) {
      expect(images[record * 3072 + 3 * pixel + channel]).toBe(file[record * 3073 + 1 + channel * 1024 + pixel]);
    }
  });

  test("say what is wrong", async () => {
    expect(await messageOf(() => parseCifar(file.subarray(1), "a.bin"))).toBe(
      "a.bin: the file does not divide into records (expected a multiple of 3073 bytes, received 6145).",
    );
    const wrong = file.slice();
    wrong[3073] = 10;
    expect(await messageOf(() => parseCifar(wrong, "a.bin"))).toBe(
      "a.bin: the label of record 1 is not a class (expected 0 … 9, received 10).",
    );
  });
});
