import { fail } from "../core/errors.js";
import { type Shape, sizeOf } from "../core/shapes.js";
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
    const transform = transformOf(length);
    const step = sizeOf(shape.slice(axis + 1));
    const [re, im] = [new Float64Array(length), new Float64Array(length)];
    for (let line = 0; line < real.length / length; line++) {
      const first = Math.floor(line / step) * step * length + (line % step);
      for (let i = 0; i < length; i++) {
        re[i] = real[first + i * step]!;
        im[i] = imag[first + i * step]!;
      }
      transform(re, im);
      for (let i = 0; i < length; i++) {
        real[first + i * step] = re[i]!;
        imag[first + i * step] = im[i]!;
      }
    }
  });
}

/** The transform of one length, in place. */
type Transform = (real: Float64Array, imag: Float64Array) => void;

function transformOf(length: number): Transform {
  return (length & (length - 1)) === 0 ? radix2(length) : bluestein(length);
}

/** `e^{−2πi·k/N}` for k < count, each from the library's functions: recurrences would lose digits. */
function roots(count: number, length: number): { readonly cos: Float64Array; readonly sin: Float64Array } {
  const angle = (k: number) => (-2 * Math.PI * k) / length;
  return {
    cos: Float64Array.from({ length: count }, (_, k) => Math.cos(angle(k))),
    sin: Float64Array.from({ length: count }, (_, k) => Math.sin(angle(k))),
  };
}

/** Even and odd samples are transformed apart and joined: butterflies over spans of 2, 4, 8, … of the reordered samples. */
function radix2(length: number): Transform {
  const { cos, sin } = roots(length / 2, length);
  const bits = Math.log2(length);
  const reversed = new Uint32Array(length);
  for (let i = 1; i < length; i++) reversed[i] = (reversed[i >> 1]! >> 1) | ((i & 1) << (bits - 1));
  return (real, imag) => {
    for (let i = 0; i < length; i++) {
      const j = reversed[i]!;
      if (i >= j) continue;
      [real[i], real[j]] = [real[j]!, real[i]!];
      [imag[i], imag[j]] = [imag[j]!, imag[i]!];
    }
    for (let half = 1; half < length; half *= 2) {
      const stride = length / (2 * half);
      for (let first = 0; first < length; first += 2 * half) {
        for (let k = 0; k < half; k++) {
          const [even, odd] = [first + k, first + k + half];
          const [c, s] = [cos[k * stride]!, sin[k * stride]!];
          const re = real[odd]! * c - imag[odd]! * s;
          const im = real[odd]! * s + imag[odd]! * c;
          real[odd] = real[even]! - re;
          imag[odd] = imag[even]! - im;
          real[even]! += re;
          imag[even]! += im;
        }
      }
    }
  };
}

/**
 * Since `k·n = (k² + n² − (k − n)²) / 2`, a transform of any length is a convolution with the chirp `e^{πi·n²/N}`,
 * between two multiplications by its conjugate.
 */
function bluestein(length: number): Transform {
  const size = 2 ** Math.ceil(Math.log2(2 * length - 1));
  const transform = radix2(size);
  const { cos, sin } = roots(2 * length, 2 * length);
  // n² modulo the period 2N, by (n + 1)² = n² + 2n + 1, so that no square is rounded
  const chirp = new Uint32Array(length);
  for (let n = 0; n + 1 < length; n++) chirp[n + 1] = (chirp[n]! + 2 * n + 1) % (2 * length);
  const [kernelReal, kernelImag] = [new Float64Array(size), new Float64Array(size)];
  for (let n = 0; n < length; n++) {
    for (const place of [n, (size - n) % size]) {
      kernelReal[place] = cos[chirp[n]!]!;
      kernelImag[place] = -sin[chirp[n]!]!;
    }
  }
  transform(kernelReal, kernelImag);
  const [a, b] = [new Float64Array(size), new Float64Array(size)];
  return (real, imag) => {
    a.fill(0);
    b.fill(0);
    for (let n = 0; n < length; n++) {
      const [c, s] = [cos[chirp[n]!]!, sin[chirp[n]!]!];
      a[n] = real[n]! * c - imag[n]! * s;
      b[n] = real[n]! * s + imag[n]! * c;
    }
    transform(a, b);
    for (let k = 0; k < size; k++) {
      const [re, im] = [a[k]!, b[k]!];
      a[k] = re * kernelReal[k]! - im * kernelImag[k]!;
      b[k] = re * kernelImag[k]! + im * kernelReal[k]!;
    }
    // backwards by exchanging the parts
    transform(b, a);
    for (let n = 0; n < length; n++) {
      const [c, s] = [cos[chirp[n]!]!, sin[chirp[n]!]!];
      const [re, im] = [a[n]! / size, b[n]! / size];
      real[n] = re * c - im * s;
      imag[n] = re * s + im * c;
    }
  };
}
