import { fail } from "../core/errors.js";

/**
 * Discrete Fourier transforms of one size, in float64: `X_k = Σ_n x_n·e^(−2πi·kn/N)`. Sizes that are powers of two are cut
 * in halves (Cooley and Tukey 1965); all others become a convolution of such a size (Bluestein 1970), so that any size
 * takes N·log N steps. Sines and cosines are computed once.
 *
 * Errors: code "option" for a size that is no whole number from 1 to 2^26.
 */
export class FourierTransform {
  readonly #plan: Plan;

  constructor(readonly size: number) {
    if (!Number.isInteger(size) || size < 1 || size > 2 ** 26) {
      const expected = "a whole number from 1 to 2^26";
      fail({
        code: "option",
        where: "FourierTransform",
        problem: "size is out of range",
        expected,
        received: `${size}`,
      });
    }
    this.#plan = (size & (size - 1)) === 0 ? new Halving(size) : new Chirp(size);
  }

  /** Transforms `real` + i·`imaginary` in place. */
  forward(real: Float64Array, imaginary: Float64Array): void {
    this.#check(real, imaginary);
    this.#plan.run(real, imaginary);
  }

  /** The inverse, in place: `x_n = 1/N·Σ_k X_k·e^(2πi·kn/N)`. */
  inverse(real: Float64Array, imaginary: Float64Array): void {
    this.#check(real, imaginary);
    // exchanging the two parts turns e^(−i…) into e^(i…)
    this.#plan.run(imaginary, real);
    for (let i = 0; i < this.size; i++) {
      real[i]! /= this.size;
      imaginary[i]! /= this.size;
    }
  }

  #check(real: Float64Array, imaginary: Float64Array): void {
    if (real.length === this.size && imaginary.length === this.size) return;
    fail({
      code: "shape",
      where: "FourierTransform",
      problem: "the arrays have another size",
      expected: `${this.size} values each`,
      received: `${real.length} and ${imaginary.length}`,
    });
  }
}

interface Plan {
  run(real: Float64Array, imaginary: Float64Array): void;
}

/** Powers of two: even and odd terms apart, from pairs upwards. */
class Halving implements Plan {
  readonly #cos: Float64Array;
  readonly #sin: Float64Array;
  readonly #reversed: Uint32Array;

  constructor(readonly size: number) {
    this.#cos = Float64Array.from({ length: size / 2 }, (_, k) => Math.cos((-2 * Math.PI * k) / size));
    this.#sin = Float64Array.from({ length: size / 2 }, (_, k) => Math.sin((-2 * Math.PI * k) / size));
    this.#reversed = new Uint32Array(size);
    for (let i = 1; i < size; i++) this.#reversed[i] = (this.#reversed[i >> 1]! >> 1) | (i & 1 ? size >> 1 : 0);
  }

  run(real: Float64Array, imaginary: Float64Array): void {
    const { size } = this;
    const [cosines, sines, reversed] = [this.#cos, this.#sin, this.#reversed];
    for (let i = 0; i < size; i++) {
      const j = reversed[i]!;
      if (j <= i) continue;
      const [re, im] = [real[i]!, imaginary[i]!];
      real[i] = real[j]!;
      imaginary[i] = imaginary[j]!;
      real[j] = re;
      imaginary[j] = im;
    }
    for (let half = 1; half < size; half *= 2) {
      const stride = size / (2 * half);
      for (let start = 0; start < size; start += 2 * half) {
        for (let k = 0; k < half; k++) {
          const [even, odd] = [start + k, start + k + half];
          const [cos, sin] = [cosines[k * stride]!, sines[k * stride]!];
          const re = cos * real[odd]! - sin * imaginary[odd]!;
          const im = sin * real[odd]! + cos * imaginary[odd]!;
          real[odd] = real[even]! - re;
          imaginary[odd] = imaginary[even]! - im;
          real[even]! += re;
          imaginary[even]! += im;
        }
      }
    }
  }
}

/** Any size: since kn = (k² + n² − (k − n)²)/2, the sum is a convolution with a chirp. */
class Chirp implements Plan {
  readonly #inner: Halving;
  readonly #cos: Float64Array;
  readonly #sin: Float64Array;
  /** The transform of the chirp. */
  readonly #filterReal: Float64Array;
  readonly #filterImaginary: Float64Array;
  readonly #real: Float64Array;
  readonly #imaginary: Float64Array;

  constructor(readonly size: number) {
    const padded = 2 ** Math.ceil(Math.log2(2 * size - 1));
    this.#inner = new Halving(padded);
    // k² modulo 2N keeps the angle exact; it fits into a float64 for all sizes allowed
    const angle = (k: number) => (Math.PI * ((k * k) % (2 * size))) / size;
    this.#cos = Float64Array.from({ length: size }, (_, k) => Math.cos(angle(k)));
    this.#sin = Float64Array.from({ length: size }, (_, k) => Math.sin(angle(k)));
    this.#filterReal = new Float64Array(padded);
    this.#filterImaginary = new Float64Array(padded);
    for (let k = 0; k < size; k++) {
      const mirrored = (padded - k) % padded;
      this.#filterReal[k] = this.#filterReal[mirrored] = this.#cos[k]!;
      this.#filterImaginary[k] = this.#filterImaginary[mirrored] = this.#sin[k]!;
    }
    this.#inner.run(this.#filterReal, this.#filterImaginary);
    this.#real = new Float64Array(padded);
    this.#imaginary = new Float64Array(padded);
  }

  run(real: Float64Array, imaginary: Float64Array): void {
    const { size } = this;
    const padded = this.#inner.size;
    const [re, im, cosines, sines] = [this.#real.fill(0), this.#imaginary.fill(0), this.#cos, this.#sin];
    for (let n = 0; n < size; n++) {
      re[n] = real[n]! * cosines[n]! + imaginary[n]! * sines[n]!;
      im[n] = imaginary[n]! * cosines[n]! - real[n]! * sines[n]!;
    }
    this.#inner.run(re, im);
    for (let k = 0; k < padded; k++) {
      const [a, b] = [re[k]!, im[k]!];
      re[k] = a * this.#filterReal[k]! - b * this.#filterImaginary[k]!;
      im[k] = a * this.#filterImaginary[k]! + b * this.#filterReal[k]!;
    }
    // the inverse, with the two parts exchanged
    this.#inner.run(im, re);
    for (let k = 0; k < size; k++) {
      const [a, b] = [re[k]! / padded, im[k]! / padded];
      real[k] = a * cosines[k]! + b * sines[k]!;
      imaginary[k] = b * cosines[k]! - a * sines[k]!;
    }
  }
}
