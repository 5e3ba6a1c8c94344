/** 16-bit floats as files have them: IEEE half (F16) and bfloat16 (BF16), from and to their bits. */

const floats = new Float32Array(1);
const words = new Uint32Array(floats.buffer);

/** The value of a half: sign, 5 bits of exponent, 10 of fraction. Exact. */
export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The nearest half, ties to even; too large becomes infinity. `value` is taken as float32. */
export function floatToHalf(value: number): number {
  floats[0] = value;
  const word = words[0];
  const sign = (word >>> 16) & 0x8000;
  const exponent = ((word >>> 23) & 0xff) - 127 + 15;
  const fraction = word & 0x7fffff;
  if (exponent === 0xff - 127 + 15) return sign | (fraction === 0 ? 0x7c00 : 0x7e00);
  if (exponent >= 31) return sign | 0x7c00;
  if (exponent < -10) return sign;
  // Below the normal range the leading one becomes explicit and the fraction shifts further.
  const significand = exponent > 0 ? fraction : fraction | 0x800000;
  const shift = exponent > 0 ? 13 : 14 - exponent;
  const kept = (Math.max(exponent, 0) << 10) + (significand >>> shift);
  const lost = significand & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  // A carry out of the fraction is right as it is: it raises the exponent.
  return sign | (lost > half || (lost === half && (kept & 1) === 1) ? kept + 1 : kept);
}

/** The value of a bfloat16, the upper half of a float32. Exact. */
export function bfloat16ToFloat(bits: number): number {
  words[0] = bits << 16;
  return floats[0];
}

/** The nearest bfloat16, ties to even. */
export function floatToBfloat16(value: number): number {
  floats[0] = value;
  const word = words[0];
  if (Number.isNaN(value)) return (word >>> 16) | 0x40;
  return ((word + 0x7fff + ((word >>> 16) & 1)) >>> 16) & 0xffff;
}
