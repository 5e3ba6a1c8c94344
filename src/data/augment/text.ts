import { checkOptions, didYouMean, fail } from "../../core/errors.js";
import { type Augment, augment, sometimes, stepFromJSON } from "./augment.js";
import type { Augmentation } from "./augmentation.js";

type Options = Readonly<Record<string, unknown>>;

/** Of each augmentation: the option that may stand without its name, and what holds where a text says nothing. */
const kinds = new Map<string, readonly [first: string | undefined, defaults?: Options]>(
  Object.entries({
    rotate: ["degrees", { degrees: 10 }],
    shift: ["part", { part: 0.1 }],
    scale: ["part", { part: 0.1 }],
    shear: ["degrees", { degrees: 10 }],
    flip: ["direction"],
    randomCrop: ["padding", { padding: 4 }],
    randomResizedCrop: [undefined],
    elastic: ["deviation", { deviation: 1 }],
    brightness: ["part", { part: 0.2 }],
    contrast: ["part", { part: 0.2 }],
    saturation: ["part", { part: 0.2 }],
    hue: ["part", { part: 0.05 }],
    noise: ["deviation", { deviation: 0.05 }],
    blur: ["deviation", { deviation: 1 }],
    erasing: ["probability"],
    timeShift: ["part", { part: 0.1, fill: "minimum" }],
    timeMask: ["frames", { frames: 10 }],
    frequencyMask: ["bands", { bands: 5 }],
    mixUp: ["alpha"],
    cutMix: ["alpha"],
  }),
);

/** Names of augmentations that a text can ask for. */
export const augmentationNames: readonly string[] = [...kinds.keys()];

const number = String.raw`\d*\.?\d+(?:e[+-]?\d+)?`;
const range = new RegExp(`^(${number})\\.\\.(${number})$`, "i");
const stepPattern = /^(?:([\d.]+)\s*\*\s*)?(\w+)\s*(?:[:=]\s*([^():=,]+)|\(([^()]*)\))?$/;

/**
 * Reads augmentations as a command line or a config names them: steps with commas between them, each a name with its
 * first number, as in `rotate:10`, or with options in parentheses, as in `randomCrop(4, fill=reflect)`; ranges are
 * written `0.5..1`. What stands before a `*` is the part of the examples that it happens to. `none` is no step at all.
 *
 * Errors: code "usage" for what is no augmentation, code "option" for numbers out of range and unknown options.
 *
 * @example parseAugment("rotate:10, shift:0.1, 0.3*blur:1").steps.length // 3
 */
export function parseAugment(text: string): Augment {
  if (/^\s*(none)?\s*$/.test(text)) return augment();
  return augment(...text.split(/,(?![^(]*\))/).map((part) => parseStep(part.trim())));
}

function parseStep(text: string): Augmentation {
  const [, probability, kind, single, list] = stepPattern.exec(text) ?? [];
  const known = kinds.get(kind ?? "");
  if (kind === undefined || known === undefined) return failName(text, kind);
  const [first, defaults] = known;
  const given: Record<string, unknown> = {};
  const parts = (single ?? list ?? "").split(",").map((part) => part.trim());
  parts.forEach((part, i) => {
    if (part === "") return;
    const [, name = i === 0 ? first : undefined, value = ""] = /^(?:(\w+)\s*=\s*)?(.+)$/.exec(part) ?? [];
    if (name === undefined) failName(text, kind);
    given[name!] = readValue(value);
  });
  const step = stepFromJSON({ kind, options: { ...defaults, ...given } as Record<string, never> });
  checkOptions(kind, given, Object.keys(step.options));
  return probability === undefined ? step : sometimes(Number(probability), step);
}

function readValue(text: string): unknown {
  const [, low, high] = range.exec(text) ?? [];
  if (high !== undefined) return [Number(low), Number(high)];
  return Number.isNaN(Number(text)) ? text : Number(text);
}

function failName(text: string, kind: string | undefined): never {
  return fail({
    code: "usage",
    where: "augmentation",
    problem: `"${text}" is no augmentation`,
    expected: `names with a number each, as in rotate:10,flip: ${augmentationNames.join(", ")}`,
    fix: kind === undefined || kinds.has(kind) ? undefined : didYouMean(kind, augmentationNames),
  });
}

/**
 * The text of augmentations, which `parseAugment` reads.
 *
 * @example formatAugment(augment(rotate(10), flip())) // "rotate:10,flip:horizontal"
 */
export function formatAugment({ steps }: Augment): string {
  return steps.length === 0 ? "none" : steps.map(formatStep).join(",");
}

function formatStep({ kind, options }: { readonly kind: string; readonly options: object }): string {
  if (kind === "sometimes") {
    const { probability, step } = options as { probability: number; step: Augmentation };
    return `${probability}*${formatStep(step)}`;
  }
  const first = kinds.get(kind)?.[0];
  const { [first ?? ""]: value, ...rest } = options as Record<string, unknown>;
  const texts = Object.entries(rest).map(([name, option]) => `${name}=${formatValue(option)}`);
  if (texts.length === 0) return value === undefined ? kind : `${kind}:${formatValue(value)}`;
  return `${kind}(${[...(value === undefined ? [] : [formatValue(value)]), ...texts].join(",")})`;
}

const formatValue = (value: unknown) => (Array.isArray(value) ? value.join("..") : String(value));
