import { expect, it } from "vitest";
import {
  adaptiveMaxPool2d,
  average,
  averagePool2d,
  concatenate,
  cropping1d,
  cropping2d,
  elu,
  gelu,
  globalMaxPool3d,
  groupNorm,
  hardTanh,
  instanceNorm,
  lambda,
  layerNorm,
  localResponseNorm,
  maxout,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  maxUnpool2d,
  multiply,
  permute,
  prelu,
  silu,
  softplus,
  spatialDropout2d,
  subtract,
  upSampling1d,
  upSampling2d,
  zeroPadding1d,
  zeroPadding2d,
} from "../../src/model/layers/index.js";
import { math } from "../../src/model/math.js";
import { input } from "../../src/model/symbolic.js";

const sequence = input(7, 3);
const image = input(28, 28, 3);
const wrong = (value: unknown) => value as never;

/** What is done wrong, and the whole message. */
const wordings: readonly [() => unknown, string][] = [
  [
    () => multiply()(wrong(image), sequence),
    'multiply "multiply": inputs differ in shape (expected [28, 28, 3] for all, or 1 where they differ, received [28, 28, 3] and [7, 3]).',
  ],
  [
    () => average()(wrong(image)),
    'average "average": takes several inputs (expected 2 tensors or more, received 1 tensor).',
  ],
  [
    () => subtract()(wrong(image), wrong(image), wrong(image)),
    'subtract "subtract": takes two inputs (expected 2 tensors, received 3 tensors).',
  ],
  [() => concatenate({ axis: 0.5 }), "concatenate: wrong axis (expected a whole number, received 0.5)."],
  [
    () => concatenate({ axis: 3 })(wrong(image), image),
    'concatenate "concatenate": there is no such axis (expected -3 to 2 for [28, 28, 3], received 3).',
  ],
  [
    () => concatenate()(wrong(image), input(28, 14, 3)),
    'concatenate "concatenate": inputs differ elsewhere than along axis 2 (expected [28, 28, 3] but for axis 2, received [28, 28, 3] and [28, 14, 3]).',
  ],
  [
    () => cropping1d(wrong([1, 2, 3])),
    "cropping1d: wrong cropping (expected a whole number ≥ 0 or [before, after], received [1, 2, 3]).",
  ],
  [
    () => cropping2d(wrong([1, -2])),
    "cropping2d: wrong cropping (expected a whole number ≥ 0 or [vertical, horizontal], each a number or [before, after], received [1, -2]).",
  ],
  [
    () => cropping1d(3)(wrong(image)),
    'cropping1d "cropping1d": input [28, 28, 3] is not a sequence (expected [steps, channels], received [28, 28, 3]).',
  ],
  [
    () => cropping2d([14, 0])(wrong(image)),
    'cropping2d "cropping2d": cropping leaves nothing of input [28, 28, 3] (expected at least 1 element along each axis, received [0, 28]).',
  ],
  [
    () => zeroPadding2d(1, { mode: wrong("mirror") }),
    'zeroPadding2d: unknown mode "mirror" (expected one of constant, reflect, replicate, circular).',
  ],
  [
    () => zeroPadding2d(1, { mode: "reflect", value: 1 }),
    'zeroPadding2d: a border of mode "reflect" has no value. Leave value out.',
  ],
  [
    () => zeroPadding1d([0, 7], { mode: "reflect" })(sequence),
    'zeroPadding1d "zeroPadding1d": input [7, 3] has too little to repeat in mode "reflect" (expected padding of at most 6 along axis 0, received [0, 7]).',
  ],
  [
    () => permute([0, 0]),
    "permute: wrong axes (expected every axis once, counted from 0, such as [1, 0, 2], received [0, 0]).",
  ],
  [
    () => permute([1, 0])(wrong(image)),
    'permute "permute": input [28, 28, 3] has another number of axes than [1, 0] (expected 2 axes, received 3 axes).',
  ],

  [
    () => upSampling2d(wrong([2, 0])),
    "upSampling2d: wrong size (expected a whole number ≥ 1 or two of them, [vertical, horizontal], received [2, 0]).",
  ],
  [
    () => upSampling2d(2, { interpolation: wrong("linear") }),
    'upSampling2d: unknown interpolation "linear" (expected one of nearest, bilinear). Did you mean "bilinear".',
  ],
  [
    () => upSampling2d(2, { alignCorners: true }),
    'upSampling2d: the nearest elements have no corners to align. Leave alignCorners out, or interpolate "bilinear".',
  ],
  [
    () => upSampling1d({ outputSize: 2.5 }),
    "upSampling1d: wrong outputSize (expected a whole number ≥ 1 or one in a list, [steps], received 2.5).",
  ],
  [
    () => upSampling1d(2)(wrong(image)),
    'upSampling1d "upSampling1d": input [28, 28, 3] is not a sequence (expected [steps, channels], received [28, 28, 3]).',
  ],

  [
    () => maxPool1d(wrong([2, 2])),
    "maxPool1d: wrong size (expected a whole number ≥ 1 or one in a list, [steps], received [2, 2]).",
  ],
  [
    () => maxPool3d(2, { padding: wrong([1, 1]) }),
    'maxPool3d: wrong padding (expected "same", "valid", a whole number ≥ 0, [depth, vertical, horizontal] or [front, back, top, bottom, left, right], received [1, 1]).',
  ],
  [() => maxPool2d(2, { ceilMode: wrong(1) }), "maxPool2d: wrong ceilMode (expected true or false, received 1)."],
  [
    () => maxPool2d(2, { dilation: 0 }),
    "maxPool2d: wrong dilation (expected a whole number ≥ 1 or two of them, [vertical, horizontal], received 0).",
  ],
  [
    () => maxPool2d(2, { stride: 1, strides: 1 }),
    "maxPool2d: stride and strides are both given. Keep one of them; they mean the same.",
  ],
  [() => averagePool2d(2, { divisor: 0 }), "averagePool2d: wrong divisor (expected a number ≠ 0, received 0)."],
  [
    () => globalMaxPool3d()(wrong(image)),
    'globalMaxPool3d "globalMaxPool3d": input [28, 28, 3] is not a volume (expected [depth, height, width, channels], received [28, 28, 3]).',
  ],
  [
    () => adaptiveMaxPool2d([7, 0]),
    "adaptiveMaxPool2d: wrong outputSize (expected a whole number ≥ 1 or two of them, [vertical, horizontal], received [7, 0]).",
  ],
  [
    () => maxUnpool2d(2)(wrong(image), image),
    'maxUnpool2d "maxUnpool2d": the values do not have the shape that pooling the second input gives (expected [14, 14, 3], received [28, 28, 3]).',
  ],

  [
    () => layerNorm({ axis: wrong("last") }),
    'layerNorm: wrong axis (expected a whole number, or several such as [-3, -2, -1], received "last").',
  ],
  [
    () => layerNorm({ axis: [0, -3] })(image),
    'layerNorm "layerNorm": input [28, 28, 3] does not have these axes, each once (expected -3 to 2, received [0, -3]).',
  ],
  [() => layerNorm({ epsilon: 0 }), "layerNorm: wrong epsilon (expected a number > 0, received 0)."],
  [() => groupNorm({ groups: 0 }), "groupNorm: wrong groups (expected a whole number ≥ 1, received 0)."],
  [
    () => groupNorm()(wrong(image)),
    'groupNorm "groupNorm": input [28, 28, 3] has 3 channels, which cannot be split into 32 groups. Make the groups a divisor of the channels.',
  ],
  [
    () => instanceNorm()(wrong(input(7))),
    'instanceNorm "instanceNorm": input [7] has one value per channel, which normalisation would make 0 (expected axes before the channels, received [7]).',
  ],
  [() => localResponseNorm({ k: 0 }), "localResponseNorm: wrong k (expected a number > 0, received 0)."],
  [() => spatialDropout2d(1), "spatialDropout2d: wrong rate (expected a number ≥ 0 and < 1, received 1)."],
  [
    () => spatialDropout2d(0.5)(wrong(sequence)),
    'spatialDropout2d "spatialDropout2d": input [7, 3] is not an image (expected [height, width, channels], received [7, 3]).',
  ],

  [() => elu({ alpha: 0 }), "elu: wrong alpha (expected a number > 0, received 0)."],
  [() => gelu({ approximate: wrong("erf") }), 'gelu: unknown approximate "erf" (expected one of none, tanh).'],
  [() => softplus({ beta: -1 }), "softplus: wrong beta (expected a number > 0, received -1)."],
  [() => hardTanh({ min: 1 }), "hardTanh: wrong max (expected a number > 1, received 1)."],
  [() => hardTanh({ min: NaN }), "hardTanh: wrong min (expected a finite number, received NaN)."],
  [() => prelu({ shared: wrong(1) }), "prelu: wrong shared (expected true or false, received 1)."],
  [() => silu(wrong({ beta: 1 })), 'silu: unknown option "beta" (expected one of name).'],
  [() => maxout(0), "maxout: wrong pieces (expected a whole number ≥ 1, received 0)."],
  [
    () => maxout(2)(wrong(image)),
    'maxout "maxout": input [28, 28, 3] has 3 channels, which cannot be split into 2 pieces each. Make the pieces a divisor of the channels.',
  ],

  [
    () => lambda(wrong("a + 1")),
    'lambda: wrong function (expected a function such as (a) => math.multiply(a, math.sigmoid(a)), received "a + 1").',
  ],
  [() => lambda(wrong(() => undefined)), "lambda: wrong result (expected an object, received nothing)."],
  [
    () =>
      lambda(
        wrong(() => ({ kind: "unary", fn: "sin", a: { kind: "input", index: 0 } })),
        { name: "wave" },
      ),
    'lambda "wave": unknown result.fn "sin" (expected one of negate, absolute, exp, expm1, log, log1p, sqrt, tanh, sigmoid, erf, floor).',
  ],
  [
    () => lambda((a, b) => math.add(a, b))(image),
    'lambda "lambda": takes as many inputs as its function (expected 2 tensors, received 1).',
  ],
  [
    () => lambda((a, b) => math.add(a, b))(wrong(image), sequence),
    'lambda "lambda": inputs differ in shape (expected [28, 28, 3] for all, or 1 where they differ, received [28, 28, 3] and [7, 3]).',
  ],
];

it.each(wordings.map(([body, message]) => [message, body] as const))("%s", (message, body) => {
  expect(body).toThrow(expect.objectContaining({ name: "FoveaError", message }));
});
