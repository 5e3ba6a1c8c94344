import { platform } from "#platform";
import { checkOptions, fail } from "../core/errors.js";
import { checkInteger } from "./dataset.js";
import {
  classifiedFiles,
  type FileDataset,
  type FileExample,
  type FileOptions,
  fileDataset,
  fileOptionNames,
  lastPart,
} from "./files.js";
import { framesOf, type SpectrogramOptions, spectrogram } from "./spectrogram.js";
import { mono, parseWav, resampleSound } from "./wav.js";

export interface SoundFolderOptions extends FileOptions {
  /** Samples per second that all sounds are brought to. Default: 16000. */
  sampleRate?: number;
  /** Length that all sounds are cut to, at their end, or filled up to with silence. Default: 1. */
  seconds?: number;
  /** Frames by frequency instead of samples. Default: none. */
  spectrogram?: Omit<SpectrogramOptions, "sampleRate">;
  /** Spectrograms as channels by time, [frames, bands], or as images, [frames, bands, 1]. Default: 2. */
  dimensions?: 1 | 2;
}

/**
 * A folder of WAV files in folders: `root/<class>/…/<file>.wav`. The names of the first folders are the classes. Channels
 * are mixed into one. Examples are float32: samples [samples, 1], or spectrograms.
 *
 * Errors: code "data" where there are no sounds; codes "file" and "format", with the path, for files that cannot be read.
 *
 * @example
 * async function load() {
 *   return soundFolder("speech", { seconds: 1, spectrogram: { mel: 40 }, damaged: "skip" });
 * }
 */
export async function soundFolder(folder: string, options: SoundFolderOptions = {}): Promise<FileDataset> {
  const where = `soundFolder "${folder}"`;
  checkOptions(where, options, [...fileOptionNames, "sampleRate", "seconds", "spectrogram", "dimensions"]);
  const { sampleRate = 16000, seconds = 1, dimensions = 2, spectrogram: given } = options;
  checkInteger(where, "sampleRate", sampleRate, 1, 10_000_000);
  const samples = Math.round(seconds * sampleRate);
  if (!(samples >= 1 && samples <= 2 ** 28)) {
    const expected = "1 to 2^28 samples";
    fail({ code: "option", where, problem: "seconds is out of range", expected, received: `${seconds} s` });
  }
  const frames = given && framesFor(where, samples, given);
  const transform = given && spectrogram({ ...given, sampleRate });
  const { files, classes } = await classifiedFiles(where, folder, /\.wave?$/i, "WAV");
  const examples = files.map(({ path, label }): FileExample => {
    return {
      name: path,
      target: label,
      async decode(inputs) {
        const sound = resampleSound(mono(parseWav(await platform.files.read(path), path)), sampleRate);
        const cut = new Float32Array(samples);
        cut.set(sound.samples.subarray(0, samples));
        inputs.set(transform === undefined ? cut : transform(cut).values);
      },
    };
  });
  const shape = frames === undefined ? [samples, 1] : dimensions === 1 ? [...frames] : [...frames, 1];
  const layout = {
    source: folder,
    shape,
    inputType: "float32",
    targetShape: [],
    targetType: "int32",
    readsTargets: false,
    classes,
  } as const;
  return fileDataset(where, examples, layout, { name: lastPart(folder), ...options });
}

function framesFor(where: string, samples: number, options: SpectrogramOptions): [number, number] {
  const { frame = 400, hop = 160, mel = 64 } = options;
  if (samples < frame) {
    const problem = "sounds are shorter than a frame of the spectrogram";
    fail({ code: "option", where, problem, expected: `at least ${frame} samples`, received: `${samples}` });
  }
  return [framesOf(samples, frame, hop), mel === 0 ? Math.floor(frame / 2) + 1 : mel];
}
