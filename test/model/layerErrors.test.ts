import { expect, it } from "vitest";
import {
  average,
  concatenate,
  cropping1d,
  cropping2d,
  multiply,
  permute,
  subtract,
  upSampling1d,
  upSampling2d,
  zeroPadding1d,
  zeroPadding2d,
} from "../../src/model/layers/index.js";
import { input } from "../../src/model/symbolic.js";

const sequence = input(7, 3);
const image = input(28, 28, 3);
const wrong = <T>(value: unknown) => value as T;

/** What is done wrong, and the whole message. */
const wordings: readonly [() => unknown, string][] = [
  [
    () => multiply()(image, sequence),
    'multiply "multiply": inputs differ in shape (expected [28, 28, 3] for all, or 1 where they differ, received [28, 28, 3] and [7, 3]).',
  ],
  [() => average()(image), 'average "average": takes several inputs (expected 2 tensors or more, received 1 tensor).'],
  [
    () => subtract()(image, image, image),
    'subtract "subtract": takes two inputs (expected 2 tensors, received 3 tensors).',
  ],
  [() => concatenate({ axis: 0.5 }), "concatenate: wrong axis (expected a whole number, received 0.5)."],
  [
    () => concatenate({ axis: 3 })(image, image),
    'concatenate "concatenate": there is no such axis (expected -3 to 2 for [28, 28, 3], received 3).',
  ],
  [
    () => concatenate()(image, input(28, 14, 3)),
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
    () => cropping1d(3)(image),
    'cropping1d "cropping1d": input [28, 28, 3] is not a sequence (expected [steps, channels], received [28, 28, 3]).',
  ],
  [
    () => cropping2d([14, 0])(image),
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
    () => permute([1, 0])(image),
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
    () => upSampling1d(2)(image),
    'upSampling1d "upSampling1d": input [28, 28, 3] is not a sequence (expected [steps, channels], received [28, 28, 3]).',
  ],
];

it.each(wordings.map(([body, message]) => [message, body] as const))("%s", (message, body) => {
  expect(body).toThrow(expect.objectContaining({ name: "FoveaError", message }));
});
