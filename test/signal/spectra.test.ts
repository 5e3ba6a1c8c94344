import fc from "fast-check";
import { convolve, dtft, fft, ifft, signal } from "fovea/signal";
import { describe, expect, it, test } from "vitest";
import { messageOf } from "../data/messages.js";
import { integers, norm, scipy, u } from "./numbers.js";

/** The definition, with the angle reduced exactly. */
function naiveDft(x: ArrayLike<number>): { real: number[]; imag: number[] } {
  const length = x.length;
  const sum = (k: number, part: (angle: number) => number) =>
    Array.from(x).reduce((total, value, n) => total + value * part((-2 * Math.PI * ((k * n) % length)) / length), 0);
  return {
    real: Array.from({ length }, (_, k) => sum(k, Math.cos)),
    imag: Array.from({ length }, (_, k) => sum(k, Math.sin)),
  };
}

/**
 * How far the norm of the errors of a transform may be off: ε·‖X‖₂ = ε·√N·‖x‖₂ for a power of two. Bluestein's way has three
 * of length L, the spectrum of its chirp being at most 2N − 1 at each frequency and its error at most ε·√(L·(2N − 1)),
 * and a handful of multiplications. The naive sum is off by γ·‖x‖₁ at each of N frequencies.
 */
function boundOf(x: ArrayLike<number>): number {
  const N = x.length;
  const oneNorm = Array.from(x).reduce((sum, value) => sum + Math.abs(value), 0);
  const ofNaive = Math.sqrt(N) * u * (N + 16) * oneNorm;
  if (Number.isInteger(Math.log2(N))) return 8 * u * Math.log2(N) * Math.sqrt(N) * norm(x) + ofNaive;
  const L = 2 ** Math.ceil(Math.log2(2 * N - 1));
  const epsilon = 8 * u * Math.log2(L);
  return (4 * epsilon + 20 * u) * (2 * N - 1) * norm(x) + ofNaive;
}

describe("the fast Fourier transform", () => {
  test.each([...Array.from({ length: 40 }, (_, i) => i + 1), 97, 100, 128, 210, 251, 256])(
    "of %i samples is the sum that defines it",
    (length) => {
      const x = integers(length, [length]).values;
      const [fast, slow] = [fft(x), naiveDft(x)];
      const errors = [...slow.real.map((v, k) => v - fast.real[k]!), ...slow.imag.map((v, k) => v - fast.imag[k]!)];
      expect(norm(errors)).toBeLessThanOrEqual(boundOf(x));
    },
  );

  test.each(scipy.fft)("is NumPy's: $shape", ({ shape, real, imag }) => {
    const x = integers(5, shape);
    const spectrum = fft(x);
    expect(spectrum.shape).toEqual(shape);
    const errors = [...real.map((v, k) => v - spectrum.real[k]!), ...imag.map((v, k) => v - spectrum.imag[k]!)];
    expect(norm(errors)).toBeLessThanOrEqual(2 * boundOf(x.values));
  });

  it("is undone by its inverse", () => {
    for (const shape of [[1], [8], [30], [97], [5, 4], [2, 3, 7]]) {
      const x = integers(3, shape);
      const back = ifft(fft(x));
      expect(norm(back.real.map((value, n) => value - x.values[n]!))).toBeLessThanOrEqual(2 * boundOf(x.values));
      expect(norm(back.imag)).toBeLessThanOrEqual(2 * boundOf(x.values));
    }
  });

  it("keeps energy (Parseval), and is linear in complex numbers", () => {
    const x = integers(4, [24]).values;
    const spectrum = fft(x);
    expect(norm(spectrum.real) ** 2 + norm(spectrum.imag) ** 2).toBeCloseTo(24 * norm(x) ** 2, 6);
    // i·x has the spectrum i·X
    const turned = fft({ shape: [24], real: new Float64Array(24), imag: x });
    expect(norm(turned.imag.map((value, k) => value - spectrum.real[k]!))).toBeLessThan(1e-10);
    expect(norm(turned.real.map((value, k) => value + spectrum.imag[k]!))).toBeLessThan(1e-10);
  });

  it("leaves its input alone", () => {
    const x = Float64Array.of(1, 2, 3, 4);
    ifft(fft(x));
    expect([...x]).toEqual([1, 2, 3, 4]);
    const spectrum = fft(x);
    const before = [...spectrum.real];
    fft(spectrum);
    ifft(spectrum);
    expect([...spectrum.real]).toEqual(before);
  });

  it("refuses parts of different lengths", async () => {
    const broken = { shape: [2], real: Float64Array.of(1, 2), imag: Float64Array.of(1) };
    expect(await messageOf(async () => fft(broken))).toBe(
      "fft: real and imaginary parts do not fit the shape (expected 2 of each, received 2 and 1).",
    );
  });
});

describe("the discrete-time Fourier transform", () => {
  it("is the discrete one at k/N", () => {
    const x = integers(6, [15]).values;
    const [every, spectrum] = [
      dtft(
        x,
        Array.from(x, (_, k) => k / 15),
      ),
      fft(x),
    ];
    expect(norm(every.real.map((value, k) => value - spectrum.real[k]!))).toBeLessThanOrEqual(2 * boundOf(x));
    expect(norm(every.imag.map((value, k) => value - spectrum.imag[k]!))).toBeLessThanOrEqual(2 * boundOf(x));
  });

  it("turns convolution into multiplication", () => {
    const samples = fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(samples, samples, fc.double({ min: 0, max: 0.5, noNaN: true }), (x, w, f) => {
        const [a, b, z] = [dtft(x, [f]), dtft(w, [f]), dtft(convolve(x, w), [f])];
        // each sum has at most 24 terms of at most 9·9·12, each off by less than 100u
        const tolerance = 24 * 972 * 100 * u * 12;
        expect(Math.abs(z.real[0]! - (a.real[0]! * b.real[0]! - a.imag[0]! * b.imag[0]!))).toBeLessThan(tolerance);
        expect(Math.abs(z.imag[0]! - (a.real[0]! * b.imag[0]! + a.imag[0]! * b.real[0]!))).toBeLessThan(tolerance);
      }),
    );
  });

  it("takes samples along one axis", async () => {
    expect(await messageOf(async () => dtft(signal([[1]]), [0]))).toBe(
      "dtft: wrong signal (expected samples along one axis, received [1, 1]).",
    );
  });
});
