import { fail } from "../core/errors.js";

/** Sound as numbers. */
export interface Sound {
  /** Samples per second. */
  readonly sampleRate: number;
  readonly channels: number;
  /** −1 … 1; the channels of each point in time one after the other. */
  readonly samples: Float32Array;
}

const pcm = 1;
const float = 3;
const extensible = 0xfffe;

/**
 * Reads the bytes of a WAV file: integers of 8, 16, 24 or 32 bits, floats of 32 or 64. Allocates at most four times the
 * file's length. A length that was never filled in, as programs that write to a pipe leave it, means the rest of the file.
 *
 * Errors: code "format" for other encodings, and for files that are damaged.
 *
 * @example
 * async function load(file: Blob) {
 *   const { sampleRate, samples } = parseWav(new Uint8Array(await file.arrayBuffer()), file.type);
 * }
 */
export function parseWav(bytes: Uint8Array, where: string): Sound {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || view.getUint32(0) !== 0x52494646 || view.getUint32(8) !== 0x57415645) {
    failWav(where, "not a WAV file", '"RIFF" and "WAVE" at its start', `${bytes.length} bytes`);
  }
  let format: Format | undefined;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const kind = view.getUint32(at);
    const length = view.getUint32(at + 4, true);
    const start = at + 8;
    if (kind === 0x666d7420) {
      if (length < 16 || start + length > bytes.length) failWav(where, "the format chunk is truncated");
      format = readFormat(view, start, length, where);
    } else if (kind === 0x64617461) {
      if (format === undefined) return failWav(where, "the samples come before their format");
      const streamed = length === 0xffffffff || (length === 0 && start < bytes.length);
      const size = streamed ? bytes.length - start : length;
      if (start + size > bytes.length) {
        failWav(where, "the file is truncated", `${size} bytes of samples`, `${bytes.length - start}`);
      }
      return readSamples(view, start, size, format, where);
    }
    // chunks begin at even places
    at = start + length + (length % 2);
  }
  return failWav(where, format === undefined ? "there is no format chunk" : "there are no samples");
}

interface Format {
  readonly channels: number;
  readonly sampleRate: number;
  readonly kind: number;
  readonly bits: number;
}

function readFormat(view: DataView, start: number, length: number, where: string): Format {
  const tag = view.getUint16(start, true);
  const kind = tag === extensible && length >= 40 ? view.getUint16(start + 24, true) : tag;
  const channels = view.getUint16(start + 2, true);
  const sampleRate = view.getUint32(start + 4, true);
  const bits = view.getUint16(start + 14, true);
  const known = (kind === pcm && [8, 16, 24, 32].includes(bits)) || (kind === float && [32, 64].includes(bits));
  if (!known) {
    const expected = "PCM of 8, 16, 24 or 32 bits, or floats of 32 or 64";
    failWav(where, "the encoding is not known", expected, `format ${kind} of ${bits} bits`);
  }
  if (channels === 0 || channels > 64) failWav(where, "impossible channels", "1 … 64", `${channels}`);
  if (sampleRate === 0 || sampleRate > 10_000_000) {
    failWav(where, "impossible sample rate", "1 … 10,000,000 per second", `${sampleRate}`);
  }
  return { channels, sampleRate, kind, bits };
}

function readSamples(view: DataView, start: number, size: number, format: Format, where: string): Sound {
  const { channels, sampleRate, kind, bits } = format;
  const bytes = bits / 8;
  const count = Math.floor(size / (bytes * channels)) * channels;
  const samples = new Float32Array(count);
  for (let i = 0, at = start; i < count; i++, at += bytes) {
    if (kind === float) samples[i] = bits === 32 ? view.getFloat32(at, true) : view.getFloat64(at, true);
    else if (bits === 8) samples[i] = (view.getUint8(at) - 128) / 128;
    else if (bits === 16) samples[i] = view.getInt16(at, true) / 32768;
    else if (bits === 24) samples[i] = (view.getUint16(at, true) + view.getInt8(at + 2) * 65536) / 8388608;
    else samples[i] = view.getInt32(at, true) / 2147483648;
  }
  const bad = kind === float ? samples.findIndex((sample) => !Number.isFinite(sample)) : -1;
  if (bad >= 0) failWav(where, `sample ${bad} is not a finite number`, undefined, `${samples[bad]}`);
  return { sampleRate, channels, samples };
}

/**
 * One channel: the mean of all.
 *
 * @example mono({ sampleRate: 8000, channels: 2, samples: Float32Array.of(1, 0, 0, 0.5) }).samples // [0.5, 0.25]
 */
export function mono({ sampleRate, channels, samples }: Sound): Sound {
  if (channels === 1) return { sampleRate, channels, samples };
  const mixed = new Float32Array(samples.length / channels);
  for (let i = 0; i < samples.length; i++) mixed[Math.floor(i / channels)] += samples[i] / channels;
  return { sampleRate, channels: 1, samples: mixed };
}

/** Zero crossings of the filter to each side: more are sharper, and slower. */
const crossings = 16;

/**
 * Another sample rate, by a sinc filter with a Hann window, 16 zero crossings wide to each side. Frequencies that the
 * lower of the two rates cannot hold are filtered out. One channel only.
 *
 * @example resampleSound({ sampleRate: 44100, channels: 1, samples: new Float32Array(44100) }, 16000).samples.length // 16000
 */
export function resampleSound(sound: Sound, sampleRate: number): Sound {
  if (sound.sampleRate === sampleRate) return sound;
  const { samples } = mono(sound);
  const step = sound.sampleRate / sampleRate;
  const cutoff = Math.min(1, 1 / step);
  const reach = crossings / cutoff;
  const result = new Float32Array(Math.round(samples.length / step));
  for (let i = 0; i < result.length; i++) {
    const middle = i * step;
    const last = Math.min(samples.length - 1, Math.floor(middle + reach));
    let sum = 0;
    for (let j = Math.max(0, Math.ceil(middle - reach)); j <= last; j++) {
      const t = (j - middle) * cutoff;
      const sinc = t === 0 ? 1 : Math.sin(Math.PI * t) / (Math.PI * t);
      sum += samples[j] * sinc * (0.5 + 0.5 * Math.cos((Math.PI * t) / crossings));
    }
    result[i] = sum * cutoff;
  }
  return { sampleRate, channels: 1, samples: result };
}

function failWav(where: string, problem: string, expected?: string, received?: string): never {
  return fail({ code: "format", where, problem, expected, received });
}
