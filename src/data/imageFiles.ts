import { platform } from "#platform";
import { checkOptions, fail } from "../core/errors.js";
import { parseCsv } from "./csv.js";
import {
  classifiedFiles,
  type FileDataset,
  type FileExample,
  type FileOptions,
  fileDataset,
  fileOptionNames,
  lastPart,
  listFiles,
} from "./files.js";
import { checkImageSize, decodeImage, type ImageFile, type ImageSize, imageSizeNames } from "./images.js";

/** Names of files that count as images. */
export const imageExtensions = /\.(jpe?g|png|webp|avif|gif|tiff?)$/i;

export interface ImageDatasetOptions extends ImageSize, FileOptions {}

const optionNames = [...imageSizeNames, ...fileOptionNames];

/**
 * A folder of images in folders: `root/<class>/…/<file>.jpg` (also PNG, WebP, AVIF, TIFF, the first frame of a GIF). The
 * names of the first folders are the classes, in their order. See {@link readImage} for how images become pixels.
 *
 * Errors: code "data" where there are no images; codes "file" and "format", with the path, for files that cannot be read.
 *
 * @example
 * async function load() {
 *   const pets = await imageFolder("pets", { height: 64, width: 64, channels: 3, fit: "cover", damaged: "skip" });
 *   for (const { file, reason } of pets.skipped) console.log(file, reason);
 * }
 */
export async function imageFolder(folder: string, options: ImageDatasetOptions): Promise<FileDataset> {
  const where = `imageFolder "${folder}"`;
  checkOptions(where, options, optionNames);
  const { files, classes } = await classifiedFiles(where, folder, imageExtensions, "image");
  const items = files.map(({ path, label }) => ({ image: path, label }));
  return imagesOf(where, items, { name: lastPart(folder), ...options }, folder, classes);
}

/** An image and what is known of it. */
export interface LabelledImage {
  /** A path, or a file's content. */
  readonly image: ImageFile;
  /** What errors call it. Default: its path, or its number. */
  readonly name?: string;
  /** A class, by name or number, or a number to be learned. */
  readonly label: string | number;
}

export interface LabelledImagesOptions extends ImageDatasetOptions {
  /** Whether labels are classes, or numbers to be learned. Default: "classes". */
  targets?: "classes" | "numbers";
  /** Names of the classes, where labels are their numbers. Default: those numbers. */
  classes?: readonly string[];
}

/**
 * A data set of images that are listed: files of the user's in a browser, or from anywhere else. Labels that are text
 * are classes, numbered by their names' order; numbers are classes too, unless `targets` is "numbers".
 *
 * Errors: code "option" for labels of both kinds, or for `classes` beside labels that are text; codes "file" and "format"
 * for images that cannot be read.
 *
 * @example
 * async function load(files: FileList) {
 *   const items = [...files].map((image) => ({ image, name: image.name, label: image.name.split("-")[0]! }));
 *   return imageDataset(items, { height: 32, width: 32, channels: 3 });
 * }
 */
export async function imageDataset(
  items: readonly LabelledImage[],
  options: LabelledImagesOptions,
): Promise<FileDataset> {
  const { targets = "classes", classes = [], ...rest } = options;
  const where = "imageDataset";
  checkOptions(where, options, [...optionNames, "targets", "classes"]);
  if (classes.length > 0 && (targets === "numbers" || items.some(({ label }) => typeof label === "string"))) {
    const problem = "classes were given, but labels are not their numbers";
    fail({ code: "option", where, problem, expected: `labels 0 … ${classes.length - 1}` });
  }
  return imagesOf(where, items, rest, "a list of images", targets === "numbers" ? undefined : classes);
}

async function imagesOf(
  where: string,
  items: readonly LabelledImage[],
  options: ImageDatasetOptions,
  source: string,
  given: readonly string[] | undefined,
): Promise<FileDataset> {
  checkImageSize(where, options);
  const { height, width, channels } = options;
  const { labels, classes } = given === undefined ? numbersOf(where, items) : classesOf(where, items, given);
  const examples = items.map(({ image, name }, i): FileExample => {
    const file = name ?? (typeof image === "string" ? image : `image ${i}`);
    const decode = async (inputs: Uint8Array | Float32Array) => inputs.set(await decodeImage(image, file, options));
    return { name: file, target: labels[i]!, decode };
  });
  const layout = {
    source,
    shape: [height, width, channels],
    inputType: "uint8",
    targetShape: given === undefined ? [1] : [],
    targetType: given === undefined ? "float32" : "int32",
    readsTargets: false,
    classes,
  } as const;
  return fileDataset(where, examples, layout, options);
}

function numbersOf(where: string, items: readonly LabelledImage[]) {
  const labels = items.map(({ label }) =>
    typeof label === "string" && label.trim() === "" ? Number.NaN : Number(label),
  );
  const bad = labels.findIndex((label) => !Number.isFinite(label));
  if (bad >= 0) {
    const problem = `the label of item ${bad} is no finite number`;
    fail({ code: "data", where, problem, received: JSON.stringify(items[bad]!.label) });
  }
  return { labels, classes: [] };
}

function classesOf(where: string, items: readonly LabelledImage[], given: readonly string[]) {
  const texts = items.filter(({ label }) => typeof label === "string").length;
  if (texts > 0 && texts < items.length) {
    fail({ code: "option", where, problem: "some labels are text and some are numbers", fix: "Use one of the two" });
  }
  if (texts > 0) {
    const classes = sortedClasses(items.map(({ label }) => String(label)));
    const number = new Map(classes.map((name, label) => [name, label]));
    return { labels: items.map(({ label }) => number.get(String(label))!), classes };
  }
  const labels = items.map(({ label }) => Number(label));
  const bad = labels.findIndex((label) => !(Number.isInteger(label) && label >= 0 && label < 1e6));
  if (bad >= 0) {
    const expected = "a whole number from 0";
    fail({
      code: "label",
      where,
      problem: `the label of item ${bad} is no class`,
      expected,
      received: `${labels[bad]}`,
    });
  }
  const count = labels.reduce((most, label) => Math.max(most, label + 1), given.length);
  return { labels, classes: Array.from({ length: count }, (_, label) => given[label] ?? `${label}`) };
}

/** Each name once, in order; where all are numbers, by value: "10" comes after "2". */
export function sortedClasses(names: Iterable<string>): string[] {
  const classes = [...new Set(names)].sort();
  if (classes.every((name) => /^\d+$/.test(name))) classes.sort((a, b) => Number(a) - Number(b));
  return classes;
}

export interface ImageListOptions extends ImageDatasetOptions {
  /** Name of the column of paths, relative to the list's folder. Default: the first column. */
  image?: string;
  /** Name of the column of labels. Default: the second column. */
  label?: string;
  /** Whether labels are classes, or numbers to be learned. Default: "classes". */
  targets?: "classes" | "numbers";
  /** Between cells. Default: ",". */
  separator?: string;
}

/**
 * Images by a list: a CSV file whose first line names the columns, one with paths, one with labels.
 *
 * Errors: code "format", with the line, for lists that are damaged; code "option" for columns that are not there.
 *
 * @example
 * async function load() {
 *   return imageList("ages.csv", { image: "file", label: "age", targets: "numbers", height: 64, width: 64, channels: 3 });
 * }
 */
export async function imageList(path: string, options: ImageListOptions): Promise<FileDataset> {
  const where = `imageList "${path}"`;
  checkOptions(where, options, [...optionNames, "image", "label", "targets", "separator"]);
  const { image, label, targets = "classes", separator, ...rest } = options;
  const items = await readImageList(where, path, { image, label, separator });
  return imagesOf(where, items, { name: lastPart(path), ...rest }, path, targets === "numbers" ? undefined : []);
}

/** The lines of a list: paths from the working directory, and labels as they stand. */
export async function readImageList(
  where: string,
  path: string,
  { image, label, separator = "," }: Pick<ImageListOptions, "image" | "label" | "separator">,
): Promise<{ readonly image: string; readonly label: string }[]> {
  const text = new TextDecoder().decode(await platform.files.read(path));
  const [titles, ...lines] = parseCsv(text, path, separator);
  if (titles === undefined || lines.length === 0) fail({ code: "data", where, problem: "the list is empty" });
  const column = (name: string | undefined, usual: number) => {
    const at = name === undefined ? usual : titles.indexOf(name);
    if (at >= 0 && at < titles.length) return at;
    const problem = name === undefined ? "there are too few columns" : `there is no column "${name}"`;
    return fail({ code: "option", where, problem, expected: `columns among ${titles.join(", ")}` });
  };
  const [imageAt, labelAt] = [column(image, 0), column(label, 1)];
  const folder = path.replace(/[^/\\]*$/, "");
  const isAbsolute = (file: string) => /^([/\\]|[A-Za-z]:)/.test(file);
  return lines.map((cells) => {
    const file = cells[imageAt]!;
    return { image: isAbsolute(file) ? file : `${folder}${file}`, label: cells[labelAt]! };
  });
}

export interface MaskedImagesOptions extends ImageDatasetOptions {
  /** Names of the classes, or their number. */
  classes?: readonly string[] | number;
  /**
   * What the classes look like in masks: grey values, or colours [red, green, blue]. Default: the grey value is the class.
   */
  values?: readonly (number | readonly [number, number, number])[];
}

/**
 * Pairs of images and masks, for segmentation: files of the same name, but for the extension, in two folders. Targets are
 * int32 [height, width]: a class for each pixel, for `crossEntropy` on outputs [height, width, classes]. Masks are
 * resized to the nearest pixel, and `fit` is the same for both.
 *
 * Errors: code "data" for images without masks; codes "file", "format" and "label", with the path, for others.
 *
 * @example
 * async function load() {
 *   const size = { height: 128, width: 128, channels: 3 } as const;
 *   return maskedImages("photos", "masks", { ...size, classes: ["ground", "pet"], values: [0, 255] });
 * }
 */
export async function maskedImages(
  imagesFolder: string,
  masksFolder: string,
  options: MaskedImagesOptions,
): Promise<FileDataset> {
  const where = `maskedImages "${imagesFolder}"`;
  checkOptions(where, options, [...optionNames, "classes", "values"]);
  checkImageSize(where, options);
  const { classes, values, ...rest } = options;
  const { height, width, channels, fit } = options;
  const stem = (name: string) => name.replace(imageExtensions, "");
  const masks = new Map((await listFiles(masksFolder, imageExtensions)).map((name) => [stem(name), name]));
  const names = await listFiles(imagesFolder, imageExtensions);
  const alone = names.filter((name) => !masks.has(stem(name)));
  if (alone.length > 0) {
    const problem = `${alone.length} of ${names.length} images have no mask in ${masksFolder}`;
    fail({ code: "data", where, problem, received: alone.slice(0, 3).join(", ") });
  }
  const known = typeof classes === "number" ? classes : (classes?.length ?? values?.length ?? 256);
  const maskSize = {
    height,
    width,
    fit,
    channels: values?.some((value) => typeof value === "object") ? 3 : 1,
  } as const;
  const toClass = classFinder(values, known);
  const examples = names.map((name): FileExample => {
    const path = `${imagesFolder}/${name}`;
    return {
      name: path,
      async decode(inputs, targets) {
        inputs.set(await decodeImage(path, path, options));
        const maskPath = `${masksFolder}/${masks.get(stem(name))!}`;
        const mask = await decodeImage(maskPath, maskPath, maskSize, "nearest");
        for (let i = 0; i < height * width; i++) {
          const label = toClass(mask, i * maskSize.channels);
          if (label < 0)
            failMask(maskPath, i, width, mask.subarray(i * maskSize.channels, (i + 1) * maskSize.channels));
          targets[i] = label;
        }
      },
    };
  });
  const layout = {
    source: `${imagesFolder} and ${masksFolder}`,
    shape: [height, width, channels],
    inputType: "uint8",
    targetShape: [height, width],
    targetType: "int32",
    readsTargets: true,
    classes: typeof classes === "object" ? classes : Array.from({ length: known }, (_, label) => `${label}`),
  } as const;
  return fileDataset(where, examples, layout, { name: lastPart(imagesFolder), ...rest });
}

/** The class of the pixel at a place of a mask; −1 for none. */
function classFinder(values: MaskedImagesOptions["values"], known: number) {
  if (values === undefined) return (mask: Uint8Array, at: number) => (mask[at] < known ? mask[at] : -1);
  const isColour = values.some((value) => typeof value === "object");
  const code = (r: number, g: number, b: number) => (r << 16) | (g << 8) | b;
  const numbers = values.map((value) => (typeof value === "number" ? code(value, value, value) : code(...value)));
  return (mask: Uint8Array, at: number) => {
    return numbers.indexOf(isColour ? code(mask[at], mask[at + 1], mask[at + 2]) : code(mask[at], mask[at], mask[at]));
  };
}

function failMask(where: string, pixel: number, width: number, value: Uint8Array): never {
  return fail({
    code: "label",
    where,
    problem: `the pixel at (${pixel % width}, ${Math.floor(pixel / width)}) is of no class`,
    received: [...value].join(", "),
    fix: "Pass values: what each class looks like in masks",
  });
}
