import { keyOf, normalAt } from "../core/random.js";

/** Ways of many numbers into the plane. Everything is float64 and without chance: the same points give the same plane. */

/** Points of a plane, one after the other, and the part of the variance along each of its axes. */
export interface Plane {
  /** count × 2 */
  readonly points: Float64Array;
  readonly explained: readonly [number, number];
}

/**
 * Principal components: the plane of the largest variance, through the mean. Subspace iteration with more vectors than are
 * wanted; the eigenvectors within are found by Jacobi's rotations. The largest coefficient of a direction is positive.
 *
 * @param values count × size
 */
export function principalPlane(values: ArrayLike<number>, count: number, size: number): Plane {
  const centred = centre(values, count, size);
  const variance = centred.reduce((sum, value) => sum + value * value, 0);
  const vectors = Math.min(size, count, 10);
  const key = keyOf(0, "principal components");
  let basis = Array.from({ length: vectors }, (_, k) =>
    Float64Array.from({ length: size }, (_, i) => normalAt(key, k * size + i)),
  );
  let eigenvalues: number[] = [];
  for (let step = 0; step < 40; step++) {
    orthonormalise(basis);
    const images = basis.map((vector) => timesCovariance(centred, count, size, vector));
    const inner = basis.map((a) => images.map((b) => dot(a, b)));
    const found = symmetricEigen(inner);
    eigenvalues = found.values;
    const mix = (of: readonly Float64Array[]) =>
      found.vectors.map((weights) => {
        const mixed = new Float64Array(size);
        weights.forEach((weight, k) => {
          const vector = of[k]!;
          for (let i = 0; i < size; i++) mixed[i]! += weight * vector[i]!;
        });
        return mixed;
      });
    // the vectors themselves at the end, what the covariance makes of them on the way
    basis = mix(step === 39 ? basis : images);
  }
  const axes = [0, 1].map((k) => pointing(basis[k] ?? new Float64Array(size)));
  const points = new Float64Array(2 * count);
  for (let n = 0; n < count; n++) {
    const row = centred.subarray(n * size, (n + 1) * size);
    points[2 * n] = dot(row, axes[0]!);
    points[2 * n + 1] = dot(row, axes[1]!);
  }
  const part = (k: number) => (variance === 0 ? 0 : Math.max(0, eigenvalues[k] ?? 0) / variance);
  return { points, explained: [part(0), part(1)] };
}

function centre(values: ArrayLike<number>, count: number, size: number): Float64Array {
  const means = new Float64Array(size);
  for (let i = 0; i < count * size; i++) means[i % size]! += values[i]! / count;
  return Float64Array.from({ length: count * size }, (_, i) => values[i]! - means[i % size]!);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Xᵀ·(X·v) */
function timesCovariance(x: Float64Array, count: number, size: number, v: Float64Array): Float64Array {
  const result = new Float64Array(size);
  for (let n = 0; n < count; n++) {
    const row = x.subarray(n * size, (n + 1) * size);
    const along = dot(row, v);
    for (let i = 0; i < size; i++) result[i]! += along * row[i]!;
  }
  return result;
}

/** Gram and Schmidt, twice; a vector that depends on others becomes 0. */
function orthonormalise(vectors: readonly Float64Array[]): void {
  vectors.forEach((vector, k) => {
    const before = Math.sqrt(dot(vector, vector));
    for (let round = 0; round < 2; round++) {
      for (const other of vectors.slice(0, k)) {
        const along = dot(vector, other);
        for (let i = 0; i < vector.length; i++) vector[i]! -= along * other[i]!;
      }
    }
    const length = Math.sqrt(dot(vector, vector));
    const scale = length > 1e-12 * before ? 1 / length : 0;
    for (let i = 0; i < vector.length; i++) vector[i]! *= scale;
  });
}

function pointing(vector: Float64Array): Float64Array {
  const largest = vector.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
  return largest < 0 ? vector.map((value) => -value) : vector;
}

/** Eigenvalues of a small symmetric matrix, the largest first, and their vectors: Jacobi's rotations. */
function symmetricEigen(matrix: readonly (readonly number[])[]): { values: number[]; vectors: number[][] } {
  const size = matrix.length;
  const a = matrix.map((row) => [...row]);
  const v: number[][] = matrix.map((_, i) => matrix.map((__, k) => (i === k ? 1 : 0)));
  for (let sweep = 0; sweep < 60; sweep++) {
    let changed = false;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        if (Math.abs(a[p]![q]!) <= 1e-15 * Math.sqrt(Math.abs(a[p]![p]! * a[q]![q]!))) continue;
        changed = true;
        const theta = (a[q]![q]! - a[p]![p]!) / (2 * a[p]![q]!);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const c = 1 / Math.hypot(t, 1);
        const s = t * c;
        for (let k = 0; k < size; k++) {
          const [kp, kq] = [a[k]![p]!, a[k]![q]!];
          a[k]![p] = c * kp - s * kq;
          a[k]![q] = s * kp + c * kq;
        }
        for (let k = 0; k < size; k++) {
          const [pk, qk] = [a[p]![k]!, a[q]![k]!];
          a[p]![k] = c * pk - s * qk;
          a[q]![k] = s * pk + c * qk;
          const [vp, vq] = [v[k]![p]!, v[k]![q]!];
          v[k]![p] = c * vp - s * vq;
          v[k]![q] = s * vp + c * vq;
        }
      }
    }
    if (!changed) break;
  }
  const order = matrix.map((_, i) => i).sort((i, k) => a[k]![k]! - a[i]![i]!);
  return { values: order.map((i) => a[i]![i]!), vectors: order.map((i) => v.map((row) => row[i]!)) };
}

export interface TsneOptions {
  /** How many neighbours a point has, about. */
  readonly perplexity: number;
  readonly steps: number;
  /** Lets others run; called now and then. */
  readonly pause?: () => Promise<void>;
}

/** Steps in which neighbours attract each other twelve times as much, so that groups find together. */
const gathering = { steps: 250, factor: 12 };

/**
 * t-SNE: points of a plane whose neighbours, by Student's distribution, are those of the space, by Gauss's of a width for
 * each point that gives it so many neighbours. Every pair counts: no approximation. It begins with the principal plane.
 *
 * Source: van der Maaten and Hinton, "Visualizing data using t-SNE", JMLR 2008.
 *
 * @param values count × size
 */
export async function tsnePlane(values: ArrayLike<number>, count: number, size: number, options: TsneOptions) {
  const { perplexity, steps, pause } = options;
  const p = neighbourhoods(values, count, size, perplexity);
  const { points } = principalPlane(values, count, size);
  const spread = Math.sqrt(points.reduce((sum, value, i) => (i % 2 === 0 ? sum + value * value : sum), 0) / count);
  for (let i = 0; i < points.length; i++) points[i]! *= spread === 0 ? 0 : 1e-4 / spread;
  const velocity = new Float64Array(2 * count);
  const gains = new Float64Array(2 * count).fill(1);
  const rate = Math.max(count / gathering.factor / 4, 50);
  const gradient = new Float64Array(2 * count);
  const near = new Float64Array(count * count);
  for (let step = 0; step < steps; step++) {
    const together = step < gathering.steps;
    tsneGradient(p, points, gradient, near, together ? gathering.factor : 1);
    for (let i = 0; i < points.length; i++) {
      gains[i] = Math.max(0.01, velocity[i]! * gradient[i]! < 0 ? gains[i]! + 0.2 : gains[i]! * 0.8);
      velocity[i] = (together ? 0.5 : 0.8) * velocity[i]! - rate * gains[i]! * gradient[i]!;
      points[i]! += velocity[i]!;
    }
    if (step % 25 === 24) await pause?.();
  }
  return { points, divergence: tsneDivergence(p, points, near) };
}

/** Symmetric probabilities that two points are neighbours, count × count; they add up to 1. */
export function neighbourhoods(
  values: ArrayLike<number>,
  count: number,
  size: number,
  perplexity: number,
): Float64Array {
  const distances = squaredDistances(values, count, size);
  const wanted = Math.log(perplexity);
  const p = new Float64Array(count * count);
  for (let i = 0; i < count; i++) {
    const row = p.subarray(i * count, (i + 1) * count);
    let nearest = Number.POSITIVE_INFINITY;
    for (let k = 0; k < count; k++) if (k !== i) nearest = Math.min(nearest, distances[i * count + k]!);
    let low = 0;
    let high = Number.POSITIVE_INFINITY;
    let beta = 1;
    for (let step = 0; step < 200; step++) {
      let sum = 0;
      let weighted = 0;
      for (let k = 0; k < count; k++) {
        const beyond = distances[i * count + k]! - nearest;
        row[k] = k === i ? 0 : Math.exp(-beta * beyond);
        sum += row[k]!;
        weighted += row[k]! * beyond;
      }
      for (let k = 0; k < count; k++) row[k]! /= sum;
      // the entropy of the row, in nats
      const excess = Math.log(sum) + (beta * weighted) / sum - wanted;
      if (Math.abs(excess) < 1e-10) break;
      if (excess > 0) [low, beta] = [beta, high === Number.POSITIVE_INFINITY ? 2 * beta : (beta + high) / 2];
      else [high, beta] = [beta, (beta + low) / 2];
    }
  }
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < i; k++) {
      const mean = (p[i * count + k]! + p[k * count + i]!) / (2 * count);
      p[i * count + k] = p[k * count + i] = mean;
    }
  }
  return p;
}

function squaredDistances(values: ArrayLike<number>, count: number, size: number): Float64Array {
  const result = new Float64Array(count * count);
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < i; k++) {
      let sum = 0;
      for (let c = 0; c < size; c++) {
        const apart = values[i * size + c]! - values[k * size + c]!;
        sum += apart * apart;
      }
      result[i * count + k] = result[k * count + i] = sum;
    }
  }
  return result;
}

/**
 * The gradient of the divergence KL(P‖Q), `4 Σ_k (f·p_ik − q_ik) (y_i − y_k) / (1 + |y_i − y_k|²)`.
 *
 * @param near memory for the numbers `1 / (1 + |y_i − y_k|²)`, count × count
 * @param factor f: how much more neighbours attract each other
 */
export function tsneGradient(
  p: Float64Array,
  y: Float64Array,
  gradient: Float64Array,
  near: Float64Array,
  factor: number,
): void {
  const total = nearness(y, near);
  const count = y.length / 2;
  gradient.fill(0);
  for (let i = 0; i < count; i++) {
    const [xi, yi] = [y[2 * i]!, y[2 * i + 1]!];
    let [gx, gy] = [0, 0];
    for (let k = 0; k < i; k++) {
      const own = near[i * count + k]!;
      const force = 4 * (factor * p[i * count + k]! - own / total) * own;
      const [fx, fy] = [force * (xi - y[2 * k]!), force * (yi - y[2 * k + 1]!)];
      gx += fx;
      gy += fy;
      gradient[2 * k]! -= fx;
      gradient[2 * k + 1]! -= fy;
    }
    gradient[2 * i]! += gx;
    gradient[2 * i + 1]! += gy;
  }
}

/** Fills in the lower half of `near`. @returns the sum over all ordered pairs */
function nearness(y: Float64Array, near: Float64Array): number {
  const count = y.length / 2;
  let total = 0;
  for (let i = 0; i < count; i++) {
    const [xi, yi] = [y[2 * i]!, y[2 * i + 1]!];
    for (let k = 0; k < i; k++) {
      const [dx, dy] = [xi - y[2 * k]!, yi - y[2 * k + 1]!];
      const own = 1 / (1 + dx * dx + dy * dy);
      near[i * count + k] = own;
      total += own;
    }
  }
  return 2 * total;
}

/** `KL(P‖Q) = Σ p·log(p / q)` */
export function tsneDivergence(p: Float64Array, y: Float64Array, near: Float64Array): number {
  const total = nearness(y, near);
  const count = y.length / 2;
  let divergence = 0;
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < i; k++) {
      const own = p[i * count + k]!;
      if (own > 0) divergence += 2 * own * Math.log((own * total) / near[i * count + k]!);
    }
  }
  return divergence;
}
