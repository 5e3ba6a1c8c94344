import type { RandomStream } from "../../core/random.js";
import { checkRange, type ExampleView, type MixingAugmentation } from "./augmentation.js";
import { byte } from "./colourMap.js";

/**
 * Mixes each example with another one, drawn from the whole data set: `λ·x + (1 − λ)·x′`, the targets likewise, with λ
 * from Beta(α, α). Targets have to be numbers: those of `oneHot(data)` under
 * `crossEntropy({ targets: "probabilities" })`, or those of a regression.
 *
 * Source: Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018
 *
 * @param alpha α > 0. Default: 0.2
 * Errors: code "option" for numbers out of range.
 * @example augment(flip(), mixUp(0.2))
 */
export function mixUp(alpha = 0.2): MixingAugmentation {
  checkRange("mixUp", "alpha", alpha, 1e-3, 1000);
  return {
    kind: "mixUp",
    options: { alpha },
    stage: "mix",
    needs: 0,
    mix(example, partner, random) {
      const part = beta(alpha, random);
      const [to, from] = [example.inputs, partner.inputs];
      if (to instanceof Uint8Array) for (let i = 0; i < to.length; i++) to[i] = byte(blend(to[i]!, from[i]!, part));
      else for (let i = 0; i < to.length; i++) to[i] = blend(to[i]!, from[i]!, part);
      blendTargets(example, partner, part);
    },
  };
}

/**
 * Puts a rectangle of another image, drawn from the whole data set, into each image; the targets are mixed by area, the
 * part of which is drawn from Beta(α, α). For the targets, see {@link mixUp}.
 *
 * Source: Yun et al., "CutMix: regularization strategy to train strong classifiers", ICCV 2019
 *
 * @param alpha α > 0. Default: 1
 * Errors: code "option" for numbers out of range.
 * @example augment(flip(), cutMix())
 */
export function cutMix(alpha = 1): MixingAugmentation {
  checkRange("cutMix", "alpha", alpha, 1e-3, 1000);
  return {
    kind: "cutMix",
    options: { alpha },
    stage: "mix",
    needs: "images",
    mix(example, partner, random) {
      const side = Math.sqrt(1 - beta(alpha, random));
      const [height, width, channels] = example.shape as [number, number, number];
      const middleX = random.uniform(0, width);
      const middleY = random.uniform(0, height);
      const left = Math.max(0, Math.round(middleX - (side * width) / 2));
      const right = Math.min(width, Math.round(middleX + (side * width) / 2));
      const top = Math.max(0, Math.round(middleY - (side * height) / 2));
      const bottom = Math.min(height, Math.round(middleY + (side * height) / 2));
      for (let y = top; y < bottom; y++) {
        const start = (y * width + left) * channels;
        const end = (y * width + right) * channels;
        for (let i = start; i < end; i++) example.inputs[i] = partner.inputs[i]!;
      }
      const cut = (Math.max(0, right - left) * Math.max(0, bottom - top)) / (height * width);
      blendTargets(example, partner, 1 - cut);
    },
  };
}

function blend(a: number, b: number, part: number): number {
  return b + (a - b) * part;
}

function blendTargets({ targets }: ExampleView, partner: ExampleView, part: number): void {
  for (let i = 0; i < targets.length; i++) targets[i] = blend(targets[i]!, partner.targets[i]!, part);
}

/** Beta(α, α), as one gamma number among two. */
function beta(alpha: number, random: RandomStream): number {
  const [first, second] = [logGamma(alpha, random), logGamma(alpha, random)];
  return 1 / (1 + Math.exp(second - first));
}

/**
 * The logarithm of a number from Gamma(α, 1), since numbers of small α are smaller than any float.
 * Source: Marsaglia and Tsang, "A simple method for generating gamma variables", 2000
 */
function logGamma(alpha: number, random: RandomStream): number {
  if (alpha < 1) return logGamma(alpha + 1, random) + Math.log(1 - random.uniform()) / alpha;
  const d = alpha - 1 / 3;
  for (;;) {
    const x = random.normal();
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return Math.log(d * v);
  }
}
