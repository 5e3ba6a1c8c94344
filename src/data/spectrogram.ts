import { checkOptions, fail } from "../core/errors.js";
import { FourierTransform } from "../signal/fft.js";
import { checkInteger } from "./dataset.js";

export interface SpectrogramOptions {
  /** Samples per second; needed for mel bands only. Default: 16000. */
  readonly sampleRate?: number;
  /** Samples of a frame. Default: 400 (25 ms of 16000 per second). */
  readonly frame?: number;
  /** Samples between the beginnings of two frames. Default: 160 (10 ms). */
  readonly hop?: number;
  /** Bands of equal width on the mel scale, or 0 for the frequencies of the transform. Default: 64. */
  readonly mel?: number;
  /** log(power + 1e-6), or power itself. Default: true. */
  readonly log?: boolean;
}

const optionNames = ["sampleRate", "frame", "hop", "mel", "log"] as const;

/** Frames of a sound by frequency, [frames, bands]. */
export interface Spectrogram {
  readonly frames: number;
  readonly bands: number;
  readonly values: Float32Array;
}

/**
 * The short-time Fourier transform of a sound as power by time and frequency. Frames are weighted by a Hann window
 * `½ − ½·cos(2πn/frame)`; a frame that would reach beyond the end is left out. Of a frame X come the powers
 * `|X_k|²`, k = 0 … frame/2, or their sums under triangles in `mel(f) = 2595·log₁₀(1 + f/700)`.
 *
 * frames = ⌊(samples − frame)/hop⌋ + 1
 *
 * librosa: melspectrogram(center=False, htk=True, norm=None) · torchaudio: MelSpectrogram(center=False)
 *
 * @returns an object that computes, for sounds of any length, so that windows and filters are computed once
 * Errors: code "option" for numbers out of range; code "data" for a sound that is shorter than a frame.
 * @example
 * const transform = spectrogram({ frame: 256, hop: 128, mel: 40 });
 * const { frames, bands, values } = transform(new Float32Array(16000)); // [124, 40]
 */
export function spectrogram(options: SpectrogramOptions = {}): (samples: Float32Array) => Spectrogram {
  const where = "spectrogram";
  checkOptions(where, options, optionNames);
  const { sampleRate = 16000, frame = 400, hop = 160, mel = 64, log = true } = options;
  checkInteger(where, "sampleRate", sampleRate, 1, 10_000_000);
  checkInteger(where, "frame", frame, 2, 2 ** 20);
  checkInteger(where, "hop", hop, 1, 2 ** 20);
  checkInteger(where, "mel", mel, 0, 4096);
  const bins = Math.floor(frame / 2) + 1;
  const transform = new FourierTransform(frame);
  const window = Float64Array.from({ length: frame }, (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / frame));
  const filters = mel === 0 ? undefined : melFilters(mel, bins, sampleRate, frame);
  const bands = filters?.length ?? bins;
  const [real, imaginary] = [new Float64Array(frame), new Float64Array(frame)];
  return (samples) => {
    if (samples.length < frame) {
      const expected = `at least ${frame} samples`;
      fail({
        code: "data",
        where,
        problem: "the sound is shorter than a frame",
        expected,
        received: `${samples.length}`,
      });
    }
    const frames = framesOf(samples.length, frame, hop);
    const values = new Float32Array(frames * bands);
    for (let at = 0; at < frames; at++) {
      for (let n = 0; n < frame; n++) real[n] = samples[at * hop + n] * window[n];
      imaginary.fill(0);
      transform.forward(real, imaginary);
      for (let k = 0; k < bins; k++) real[k] = real[k] ** 2 + imaginary[k] ** 2;
      for (let band = 0; band < bands; band++) {
        const power = filters === undefined ? real[band] : applyFilter(filters[band], real);
        values[at * bands + band] = log ? Math.log(power + 1e-6) : power;
      }
    }
    return { frames, bands, values };
  };
}

/** Frames that lie within a sound. */
export function framesOf(samples: number, frame: number, hop: number): number {
  return Math.floor((samples - frame) / hop) + 1;
}

interface Filter {
  readonly first: number;
  readonly weights: Float64Array;
}

function applyFilter({ first, weights }: Filter, powers: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += weights[i] * powers[first + i];
  return sum;
}

/** Triangles whose corners are equally far from each other on the mel scale; each reaches from one neighbour to the other. */
function melFilters(count: number, bins: number, sampleRate: number, frame: number): Filter[] {
  const highest = 2595 * Math.log10(1 + sampleRate / 2 / 700);
  const corner = (i: number) => 700 * (10 ** ((highest * i) / (count + 1) / 2595) - 1);
  return Array.from({ length: count }, (_, band) => {
    const [low, middle, high] = [corner(band), corner(band + 1), corner(band + 2)];
    const all = Float64Array.from({ length: bins }, (_, k) => {
      const frequency = (k * sampleRate) / frame;
      return Math.max(0, Math.min((frequency - low) / (middle - low), (high - frequency) / (high - middle)));
    });
    const first = Math.max(
      0,
      all.findIndex((weight) => weight > 0),
    );
    return { first, weights: all.slice(first, all.findLastIndex((weight) => weight > 0) + 1) };
  });
}
