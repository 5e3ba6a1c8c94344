import { fail } from "../core/errors.js";
import { type Shape, sizeOf } from "../core/shapes.js";
import { FourierTransform } from "./fft.js";
import { type SignalLike, signalOf } from "./signal.js";

/** Complex numbers over one to three axes, in row-major order. */
export interface Spectrum {
  readonly shape: Shape;
  readonly real: Float64Array;
  readonly imag: Float64Array;
}

/**
 * Discrete Fourier transform: `X[k] = Σ_n x[n] · e^{−2πi·k·n/N}`, along every axis. Any length: powers of two by
 * radix 2 (Cooley and Tukey), others as a convolution of a power of two (Bluestein), all in about N·log₂N steps.
 * X[k] belongs to the frequency k/N in cycles per sample; above N/2 stand the negative ones.
 *
 * Error: `‖ΔX‖₂ ≤ ε·‖X‖₂` with ε = 8u·log₂N for powers of two, u = 2⁻⁵³ (Higham, "Accuracy and stability of numerical
 * algorithms", theorem 24.2).
 *
 * Errors: code "shape" or "option" for what is no signal; code "shape" where real and imaginary parts differ in length.
 *
 * Source: Cooley and Tukey 1965; Bluestein, "A linear filtering approach to the computation of discrete Fourier
 * transform", 1970.
 *
 * NumPy: fft.fft, fft.fftn
 *
 * @param x real samples, or a spectrum
 * @example fft([1, 0, 0, 0]).real; // 1, 1, 1, 1: an impulse has all frequencies
 */
export function fft(x: SignalLike | Spectrum): Spectrum {
  const spectrum = spectrumOf("fft", x);
  transformAxes(spectrum);
  return spectrum;
}

/**
 * Inverse discrete Fourier transform: `x[n] = 1/N · Σ_k X[k] · e^{2πi·k·n/N}`, along every axis.
 *
 * @example ifft(fft([1, 2, 3])).real; // 1, 2, 3
 */
export function ifft(x: Spectrum): Spectrum {
  const { shape, real, imag } = spectrumOf("ifft", x);
  // exchanging the parts before and after turns the sign of the exponent
  transformAxes({ shape, real: imag, imag: real });
  const size = sizeOf(shape);
  return { shape, real: real.map((value) => value / size), imag: imag.map((value) => value / size) };
}

/** A copy, since transforms write over their input. */
function spectrumOf(where: string, x: SignalLike | Spectrum): Spectrum {
  if (typeof x !== "object" || !("imag" in x)) {
    const { shape, values } = signalOf(where, x);
    return { shape, real: values.slice(), imag: new Float64Array(values.length) };
  }
  const { shape, real, imag } = x;
  if (real.length !== sizeOf(shape) || imag.length !== sizeOf(shape)) {
    fail({
      code: "shape",
      where,
      problem: "real and imaginary parts do not fit the shape",
      expected: `${sizeOf(shape)} of each`,
      received: `${real.length} and ${imag.length}`,
    });
  }
  return { shape, real: Float64Array.from(real), imag: Float64Array.from(imag) };
}

/** One axis after the other, line by line, in place. */
function transformAxes({ shape, real, imag }: Spectrum): void {
  shape.forEach((length, axis) => {
    if (length === 1) return;
    const transform = new FourierTransform(length);
    const step = sizeOf(shape.slice(axis + 1));
    const [re, im] = [new Float64Array(length), new Float64Array(length)];
    for (let line = 0; line < real.length / length; line++) {
      const first = Math.floor(line / step) * step * length + (line % step);
      for (let i = 0; i < length; i++) {
        re[i] = real[first + i * step]!;
        im[i] = imag[first + i * step]!;
      }
      transform.forward(re, im);
      for (let i = 0; i < length; i++) {
        real[first + i * step] = re[i]!;
        imag[first + i * step] = im[i]!;
      }
    }
  });
}
