import { type FunctionBuilder, f32x4, i32x4, type Local, type V128, v128 } from "./assembler/index.js";

/**
 * Elementary functions on four float32 lanes. They append statements to `f` for what is used more than once, and
 * return the code of the result. The error bounds (in ulp of the float32 result, against float64) are asserted by
 * test/backends/wasm/math.test.ts, with and without fused multiply-add.
 */

/** a · b + c, in one rounding (relaxed SIMD) or two. */
export type MultiplyAdd = (a: V128, b: V128, c: V128) => V128;

/** `MultiplyAdd` for engines without relaxed SIMD. */
export const multiplyThenAdd: MultiplyAdd = (a, b, c) => f32x4.add(f32x4.mul(a, b), c);

/** Adding 1.5 · 2²³ rounds to an integer, and leaves that integer in the low bits of the sum. */
const roundingShift = 12582912;
/** log 2 = high + low, where n · high is exact for |n| < 2¹⁵ (Cody & Waite; the split of Cephes expf). */
const log2High = 0.693359375;
const log2Low = -2.1219444005469057e-4;
/**
 * Q of eʳ ≈ 1 + r + r²Q(r) for |r| ≤ ½ log 2: minimax in |r · δQ| (Lawson's iteration, coefficients rounded to
 * float32 one after the other), so that eʳ − 1 is relatively accurate too: error < 0.23 · 2⁻²⁴. Lowest degree first.
 */
const exponential = [
  0.5, 0.1666654348373413, 0.041666436940431595, 0.008366545662283897, 0.0013937862822785974,
] as const;
/** P of log(1 + y) ≈ y − y²/2 + y³P(y) for √½ ≤ 1 + y < √2, from Cephes logf (Moshier). Lowest degree first. */
const logarithm = [
  3.3333331174e-1, -2.4999993993e-1, 2.0000714765e-1, -1.6668057665e-1, 1.4249322787e-1, -1.242014155e-1,
  1.167699874e-1, -1.151461031e-1, 7.0376836292e-2,
] as const;

/**
 * P of erf x ≈ x + x P(x²) for |x| ≤ 1 and Q of erf x ≈ 1 − e^(−Q(x)) for 1 ≤ x ≤ 4, from scripts/fitErf.py: both are off
 * by less than 0.025 · 2⁻²⁴ of erf x before rounding. Lowest degree first.
 */
const errorNear = [
  0.128379166, -0.37612626, 0.112835787, -0.0268533472, 0.0051871622, -0.00079978531, 7.80690316e-5,
] as const;
const errorFar = [
  0.000341518316, 1.12708926, 0.638144612, 0.103107043, -0.0218382496, 0.00294771604, -0.000186386053,
] as const;

const number = f32x4.constant;
const one = (): V128 => number(1);

/** Horner's scheme. */
function polynomial(coefficients: readonly number[], x: V128, fma: MultiplyAdd): V128 {
  return coefficients
    .slice(0, -1)
    .reduceRight(
      (sum, coefficient) => fma(sum, x, number(coefficient)),
      number(coefficients[coefficients.length - 1]!),
    );
}

/** x = n log 2 + r: gives eʳ − 1, and 2ⁿ as what to add to the bits of a float (n modulo 512, shifted left by 23). */
function reduced(f: FunctionBuilder, x: V128, fma: MultiplyAdd): { minusOne: V128; scaleBits: V128 } {
  const shifted = f.local("v128", fma(x, number(Math.LOG2E), number(roundingShift)));
  const n = f.local("v128", f32x4.sub(shifted.get, number(roundingShift)));
  const coarse = fma(n.get, number(-log2High), x);
  const r = f.local("v128", fma(n.get, number(-log2Low), coarse));
  const square = f32x4.mul(r.get, r.get);
  const minusOne = fma(square, polynomial(exponential, r.get, fma), r.get);
  return { minusOne, scaleBits: i32x4.shl(shifted.get, 23) };
}

/** Largest float32 whose exponential is finite, and smallest whose exponential is normal. */
const expOverflow = 88.72283172607422;
const expUnderflow = -87.33654022216797;

/** eˣ for x ≤ 88.72 or NaN; below −87.33, where results would be denormal, 0. */
function expBounded(f: FunctionBuilder, x: Local<"v128">, fma: MultiplyAdd): V128 {
  const { minusOne, scaleBits } = reduced(f, x.get, fma);
  // 2ⁿ by adding n to the exponent: also right for n = 128, whose mantissa part is below 1 wherever eˣ is finite
  const result = i32x4.add(f32x4.add(minusOne, one()), scaleBits);
  const flushed = v128.andNot(result, f32x4.lt(x.get, number(expUnderflow)));
  return v128.or(flushed, f32x4.ne(x.get, x.get));
}

/** eˣ, error ≤ 1.1 ulp; e⁰ = 1 exactly; +∞ above 88.7228, 0 where eˣ is denormal or less; NaN for NaN. */
export function vectorExp(f: FunctionBuilder, a: V128, fma: MultiplyAdd): V128 {
  const x = f.local("v128", a);
  const overflows = f32x4.gt(x.get, number(expOverflow));
  return v128.bitselect(overflows, number(Number.POSITIVE_INFINITY), expBounded(f, x, fma));
}

/**
 * eˣ − 1 as Q 2ⁿ + (2ⁿ − 1), which does not cancel: error ≤ 2 ulp; −1 below −20, ∞ above 88.7228, NaN for NaN. Above 20,
 * where 1 is less than half an ulp, it is eˣ.
 */
export function vectorExpm1(f: FunctionBuilder, a: V128, fma: MultiplyAdd): V128 {
  const x = f.local("v128", a);
  const bounded = f.local("v128", v128.bitselect(f32x4.lt(x.get, number(-20)), number(-20), x.get));
  const { minusOne, scaleBits } = reduced(f, bounded.get, fma);
  const scale = f.local("v128", i32x4.add(scaleBits, one()));
  const small = f.local("v128", fma(minusOne, scale.get, f32x4.sub(scale.get, one())));
  const large = f.local("v128", vectorExp(f, x.get, fma));
  return v128.bitselect(f32x4.gt(x.get, number(20)), large.get, small.get);
}

/**
 * log(1 + x) as log u + c/u with u = 1 + x rounded and c = x − (u − 1), exactly what rounding has taken away: error ≤ 2
 * ulp; −∞ at −1, ∞ at ∞, NaN below −1 and for NaN.
 */
export function vectorLog1p(f: FunctionBuilder, a: V128, fma: MultiplyAdd): V128 {
  const x = f.local("v128", a);
  const u = f.local("v128", f32x4.add(x.get, one()));
  const lost = f.local("v128", f32x4.sub(x.get, f32x4.sub(u.get, one())));
  const logarithm = f.local("v128", vectorLog(f, u.get, fma));
  // where nothing is lost there may be nothing to divide by either, and at ∞ the difference is no number
  const correction = v128.and(f32x4.div(lost.get, u.get), f32x4.gt(f32x4.abs(lost.get), number(0)));
  return f32x4.add(logarithm.get, correction);
}

/** erf x: error ≤ 2 ulp; odd; ±1 from |x| = 4 on, NaN for NaN. */
export function vectorErf(f: FunctionBuilder, a: V128, fma: MultiplyAdd): V128 {
  const x = f.local("v128", a);
  const size = f.local("v128", f32x4.abs(x.get));
  const square = f.local("v128", f32x4.mul(x.get, x.get));
  const near = f.local("v128", fma(x.get, polynomial(errorNear, square.get, fma), x.get));
  const bounded = f.local("v128", v128.bitselect(f32x4.gt(size.get, number(4)), number(4), size.get));
  const exponent = f.local("v128", f32x4.neg(polynomial(errorFar, bounded.get, fma)));
  const complement = expBounded(f, exponent, fma);
  const far = v128.or(f32x4.sub(one(), complement), v128.and(x.get, i32x4.constant(0x80000000)));
  return v128.bitselect(f32x4.lt(size.get, one()), near.get, far);
}

/** log x, error ≤ 1 ulp, also of denormals; log ±0 = −∞, log ∞ = ∞, NaN for negative numbers and NaN. */
export function vectorLog(f: FunctionBuilder, a: V128, fma: MultiplyAdd): V128 {
  const x = f.local("v128", a);
  const tiny = f.local("v128", f32x4.lt(x.get, number(2 ** -126)));
  const normal = f.local("v128", v128.bitselect(tiny.get, f32x4.mul(x.get, number(2 ** 23)), x.get));
  // the exponent, such that the mantissa 1 + y lies in [√½, √2): 0x3f3504f3 are the bits of √½
  const exponent = f.local("v128", i32x4.shrS(i32x4.sub(normal.get, i32x4.constant(0x3f3504f3)), 23));
  const mantissa = i32x4.sub(normal.get, i32x4.shl(exponent.get, 23));
  const n = f.local("v128", f32x4.sub(f32x4.fromI32x4(exponent.get), v128.and(tiny.get, number(23))));
  const y = f.local("v128", f32x4.sub(mantissa, one()));
  const square = f.local("v128", f32x4.mul(y.get, y.get));
  const cubic = f32x4.mul(f32x4.mul(y.get, square.get), polynomial(logarithm, y.get, fma));
  const small = fma(square.get, number(-0.5), fma(n.get, number(log2Low), cubic));
  const finite = fma(n.get, number(log2High), f32x4.add(y.get, small));
  const atZero = v128.bitselect(f32x4.eq(x.get, number(0)), number(Number.NEGATIVE_INFINITY), finite);
  const atInfinity = v128.bitselect(f32x4.eq(x.get, number(Number.POSITIVE_INFINITY)), x.get, atZero);
  return v128.or(atInfinity, v128.not(f32x4.ge(x.get, number(0))));
}

/**
 * tanh x = sign(x) · (1 − e)/(1 + e) with e = exp(−2|x|), where e − 1 is computed without cancellation (as
 * Q 2ⁿ + (2ⁿ − 1)), so that small x keep their relative accuracy: error ≤ 3 ulp; ±1 from |x| = 9.1 on; odd; NaN for NaN.
 */
export function vectorTanh(f: FunctionBuilder, a: V128, fma: MultiplyAdd): V128 {
  const x = f.local("v128", a);
  const double = f.local("v128", f32x4.mul(f32x4.abs(x.get), number(-2)));
  const bounded = f.local("v128", v128.bitselect(f32x4.lt(double.get, number(-20)), number(-20), double.get));
  const { minusOne, scaleBits } = reduced(f, bounded.get, fma);
  const scale = f.local("v128", i32x4.add(scaleBits, one()));
  const difference = f.local("v128", fma(minusOne, scale.get, f32x4.sub(scale.get, one())));
  const quotient = f32x4.div(difference.get, f32x4.add(difference.get, number(2)));
  const sign = v128.and(x.get, i32x4.constant(0x80000000));
  return v128.or(f32x4.abs(quotient), sign);
}

/**
 * 1/(1 + e⁻ˣ) as (x ≥ 0 ? 1 : e)/(1 + e) with e = exp(−|x|), which cannot overflow and stays relatively accurate for
 * negative x down to −87.33 (0 below): error ≤ 3 ulp; NaN for NaN.
 */
export function vectorSigmoid(f: FunctionBuilder, a: V128, fma: MultiplyAdd): V128 {
  const x = f.local("v128", a);
  const negative = f.local("v128", v128.or(x.get, i32x4.constant(0x80000000)));
  const e = f.local("v128", expBounded(f, negative, fma));
  const numerator = v128.bitselect(f32x4.ge(x.get, number(0)), one(), e.get);
  return f32x4.div(numerator, f32x4.add(e.get, one()));
}

const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const;
const keyParity = 0x1bd11bda;

/** First word of threefry-2x32-20 (Salmon et al., SC 2011) in four int32 lanes: the bits of src/core/random.ts. */
export function vectorThreefry(f: FunctionBuilder, key0: V128, key1: V128, counter0: V128, counter1: V128): V128 {
  const k0 = f.local("v128", key0);
  const k1 = f.local("v128", key1);
  const k2 = f.local("v128", v128.xor(v128.xor(k0.get, k1.get), i32x4.constant(keyParity)));
  const schedule = [k1, k2, k0, k1, k2, k0];
  const x0 = f.local("v128", i32x4.add(counter0, k0.get));
  const x1 = f.local("v128", i32x4.add(counter1, k1.get));
  for (let group = 0; group < 5; group++) {
    for (let round = 0; round < 4; round++) {
      const by = rotations[(group % 2) * 4 + round]!;
      f.set(x0, i32x4.add(x0.get, x1.get));
      if (group === 4 && round === 3) break; // the second word is not wanted
      const rotated = v128.or(i32x4.shl(x1.get, by), i32x4.shrU(x1.get, 32 - by));
      f.set(x1, v128.xor(rotated, x0.get));
    }
    f.set(x0, i32x4.add(x0.get, schedule[group]!.get));
    if (group < 4) f.set(x1, i32x4.add(x1.get, i32x4.add(schedule[group + 1]!.get, i32x4.constant(group + 1))));
  }
  return x0.get;
}

/** The top 24 bits of random words as float32 in [0, 1), exactly. */
export function vectorUniform(words: V128): V128 {
  return f32x4.mul(f32x4.fromI32x4(i32x4.shrU(words, 8)), number(2 ** -24));
}
