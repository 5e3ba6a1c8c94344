import { expect, test } from "vitest";
import { keyOf, RandomStream } from "../../src/core/random.js";
import { FourierTransform } from "../../src/signal/fft.js";

const random = new RandomStream(keyOf(3, "fft"));
const numbers = (size: number) => Float64Array.from({ length: size }, () => random.normal());

/** The definition. */
function naive(real: Float64Array, imaginary: Float64Array): [Float64Array, Float64Array] {
  const size = real.length;
  const [re, im] = [new Float64Array(size), new Float64Array(size)];
  for (let k = 0; k < size; k++) {
    for (let n = 0; n < size; n++) {
      const angle = (-2 * Math.PI * ((k * n) % size)) / size;
      re[k]! += real[n]! * Math.cos(angle) - imaginary[n]! * Math.sin(angle);
      im[k]! += real[n]! * Math.sin(angle) + imaginary[n]! * Math.cos(angle);
    }
  }
  return [re, im];
}

const distance = (a: Float64Array, b: Float64Array) => Math.max(...a.map((v, i) => Math.abs(v - b[i]!)));

test.each([1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 31, 64, 100, 127, 400, 512])("size %i is the naive sum", (size) => {
  const [real, imaginary] = [numbers(size), numbers(size)];
  const [re, im] = [real.slice(), imaginary.slice()];
  const transform = new FourierTransform(size);
  transform.forward(re, im);
  const [expectedRe, expectedIm] = naive(real, imaginary);
  // rounding errors of both grow with the root of the size
  expect(distance(re, expectedRe)).toBeLessThan(1e-13 * size);
  expect(distance(im, expectedIm)).toBeLessThan(1e-13 * size);
  transform.inverse(re, im);
  expect(distance(re, real)).toBeLessThan(1e-14 * (size + 8));
  expect(distance(im, imaginary)).toBeLessThan(1e-14 * (size + 8));
});

test("says what is wrong", () => {
  expect(() => new FourierTransform(0)).toThrow(
    "FourierTransform: size is out of range (expected a whole number from 1 to 2^26, received 0).",
  );
  expect(() => new FourierTransform(4).forward(new Float64Array(4), new Float64Array(5))).toThrow(
    "FourierTransform: the arrays have another size (expected 4 values each, received 4 and 5).",
  );
});
