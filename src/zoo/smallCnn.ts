import { checkOptions, fail } from "../core/errors.js";
import { formatShape } from "../core/shapes.js";
import { extents, numberThat, trueOrFalse, wholeNumber, withDefault } from "../model/check.js";
import { dense, dropout, globalAveragePool2d, maxPool2d, relu } from "../model/layers/index.js";
import type { Network } from "../model/network.js";
import type { SymbolicTensor } from "../model/symbolic.js";
import { imageInput, imageNetwork } from "./imageInput.js";
import { normalised } from "./normalised.js";

export interface SmallCnnOptions {
  /** Outputs of the last layer. Default: 10. */
  readonly classes?: number;
  /** Shape of one image; height and width from 16. Default: [64, 64, 3]. */
  readonly input?: readonly number[];
  /** Part of the features that is dropped before the last layer. Default: 0.2. */
  readonly dropout?: number;
  /** Whether the image passes a layer that normalises it; see `setNormalization`. Default: false. */
  readonly normalization?: boolean;
}

/** Filters of the three stages behind the stem; each begins by halving height and width. */
const widths = [64, 128, 256] as const;

/** Height and width that the stem leaves are below this. */
const mostBehindStem = 48;

/**
 * A modest CNN for small pictures, quick on few cores: a stem of 32 filters, then three stages of max pooling and two
 * 3 × 3 convolutions with 64, 128 and 256 filters, batch normalisation and ReLU after each convolution, global average
 * pooling, dropout and a dense layer; 1,166,506 parameters for 10 classes of colour images (and 1,856 running averages).
 * Gives logits, for `crossEntropy`.
 *
 * From 48 pixels on the stem halves the picture, from 96 on it is pooled as well, so that 64 × 64 costs what 32 × 32
 * does: 43 million multiply-adds.
 *
 * Errors: code "option" for unknown options, sizes that are not whole numbers ≥ 1, pictures below 16 × 16, or a dropout
 * that is not 0 to 1.
 *
 * @example smallCnn({ classes: 5, input: [48, 48, 3] })
 */
export function smallCnn(options: SmallCnnOptions = {}): Network {
  const where = "smallCnn";
  checkOptions(where, options, ["classes", "input", "dropout", "normalization"]);
  const classes = wholeNumber(where, "classes", withDefault(options.classes, 10));
  const rate = numberThat(where, "dropout", withDefault(options.dropout, 0.2), "a number ≥ 0 and < 1", (part) => {
    return part >= 0 && part < 1;
  });
  const shape = extents(where, "input", withDefault(options.input, [64, 64, 3]));
  if (shape.length !== 3 || Math.min(shape[0]!, shape[1]!) < 16) {
    const expected = "height and width of at least 16, and channels";
    fail({ code: "option", where, problem: "input is out of range", expected, received: formatShape(shape) });
  }
  const { image, x } = imageInput(
    shape,
    trueOrFalse(where, "normalization", withDefault(options.normalization, false)),
  );

  const side = Math.max(shape[0]!, shape[1]!);
  let y = block("stem", x, 32, side < mostBehindStem ? 1 : 2);
  if (side >= 2 * mostBehindStem) y = maxPool2d(2, { name: "stem.pool" })(y);
  widths.forEach((filters, i) => {
    const stage = `stage${i + 1}`;
    y = maxPool2d(2, { name: `${stage}.pool` })(y);
    y = block(`${stage}.0`, y, filters);
    y = block(`${stage}.1`, y, filters);
  });
  const features = globalAveragePool2d({ name: "features" })(y);
  const kept = rate === 0 ? features : dropout(rate, { name: "dropout" })(features);
  return imageNetwork(image, dense(classes, { name: "classifier" })(kept));
}

/** `relu(norm(conv(x)))`, 3 × 3. */
function block(name: string, x: SymbolicTensor, filters: number, stride = 1): SymbolicTensor {
  return relu({ name: `${name}.relu` })(normalised(`${name}.conv`, `${name}.norm`, x, filters, 3, { stride }));
}
