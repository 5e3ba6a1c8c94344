/**
 * Counter-based random numbers: threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011). A number is a pure function of (key, counter), so initialisation, shuffling, augmentation and
 * dropout do not depend on order, thread count or backend.
 */

const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const;
const parity = 0x1bd11bda;

/** Two 32-bit words that name an independent stream. */
export type Key = readonly [number, number];

/** The threefry-2x32-20 block: two words of key and two of counter give two random words (as unsigned integers). */
export function threefry2x32(key: Key, counter0: number, counter1: number): [number, number] {
  const k0 = key[0] | 0;
  const k1 = key[1] | 0;
  const k2 = k0 ^ k1 ^ parity;
  const schedule = [k1, k2, k0, k1, k2, k0];
  let x0 = (counter0 + k0) | 0;
  let x1 = (counter1 + k1) | 0;
  for (let group = 0; group < 5; group++) {
    for (let round = 0; round < 4; round++) {
      const r = rotations[(group % 2) * 4 + round]!;
      x0 = (x0 + x1) | 0;
      x1 = ((x1 << r) | (x1 >>> (32 - r))) ^ x0;
    }
    x0 = (x0 + schedule[group]!) | 0;
    x1 = (x1 + schedule[group + 1]! + group + 1) | 0;
  }
  return [x0 >>> 0, x1 >>> 0];
}

/** FNV-1a of a string: turns a name into a word of a key. */
export function hashString(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** A key for `seed` and a path of names or indices, e.g. `keyOf(seed, "shuffle", epoch)`. */
export function keyOf(seed: number, ...path: readonly (string | number)[]): Key {
  let key: Key = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
  for (const part of path) {
    const word = typeof part === "string" ? hashString(part) : part;
    key = threefry2x32(key, word >>> 0, typeof part === "string" ? 1 : 0);
  }
  return key;
}

/** Element `index` of the key's stream, uniform in [0, 1) with 24 bits, exactly representable in float32. */
export function uniformAt(key: Key, index: number): number {
  return (threefry2x32(key, index >>> 0, Math.floor(index / 2 ** 32) >>> 0)[0] >>> 8) / 16777216;
}

/** Element `index` of the key's stream, standard normal (Box–Muller on the two words of the block). */
export function normalAt(key: Key, index: number): number {
  const [a, b] = threefry2x32(key, index >>> 0, Math.floor(index / 2 ** 32) >>> 0);
  const radius = Math.sqrt(-2 * Math.log(((a >>> 8) + 0.5) / 16777216));
  return radius * Math.cos((2 * Math.PI * (b >>> 8)) / 16777216);
}

/** A sequential reader of a key's stream, for code that draws a varying number of values. */
export class RandomStream {
  #index = 0;
  constructor(readonly key: Key) {}

  /** Uniform in [low, high). */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * uniformAt(this.key, this.#index++);
  }

  normal(mean = 0, deviation = 1): number {
    return mean + deviation * normalAt(this.key, this.#index++);
  }

  /** Uniform integer in [0, bound), by rejection, so without bias. */
  integer(bound: number): number {
    const limit = Math.floor(2 ** 32 / bound) * bound;
    for (;;) {
      const word = threefry2x32(this.key, this.#index++, 1)[0];
      if (word < limit) return word % bound;
    }
  }
}

/** A permutation of 0 … length−1 (Fisher–Yates), a pure function of the key. */
export function permutation(length: number, key: Key): Uint32Array {
  const order = Uint32Array.from({ length }, (_, i) => i);
  const stream = new RandomStream(key);
  for (let i = length - 1; i > 0; i--) {
    const j = stream.integer(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
