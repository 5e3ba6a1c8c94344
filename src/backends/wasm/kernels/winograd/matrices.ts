/**
 * The matrices of Winograd's short convolutions, by the construction of Cook and Toom: a product of polynomials is
 * determined by its values at as many points as it has coefficients. One dimension, m outputs and r taps, a = m + r − 1
 * points (the last at infinity):
 *
 * - correlation `y_i = Σ_k d_{i+k} g_k`:   `y = Aᵀ [(G g) ⊙ (B d)]`
 * - its gradient for the taps:             `∂g = Gᵀ [(A ∂y) ⊙ (B d)]`
 *
 * In two dimensions each matrix is applied to rows and columns. Source: Lavin and Gray, "Fast algorithms for
 * convolutional neural networks", CVPR 2016; Blahut, "Fast algorithms for signal processing", ch. 5.
 */
export interface WinogradMatrices {
  /** Outputs and taps per axis. */
  readonly outputs: number;
  readonly taps: number;
  /** Points per axis: outputs + taps − 1. */
  readonly points: number;
  /** points × outputs */
  readonly a: readonly (readonly number[])[];
  /** points × taps */
  readonly g: readonly (readonly number[])[];
  /** points × points */
  readonly b: readonly (readonly number[])[];
}

/** Small numbers whose powers are exact, in the order in which they keep errors small: 0, ±1, ±2, ±½. */
const finitePoints = [0, 1, -1, 2, -2, 0.5, -0.5];

/** The matrices for F(outputs, taps); at most eight points. */
export function winogradMatrices(outputs: number, taps: number): WinogradMatrices {
  const points = outputs + taps - 1;
  const finite = finitePoints.slice(0, points - 1);
  if (finite.length < points - 1) throw new RangeError(`F(${outputs}, ${taps}) needs more than eight points`);
  const others = (j: number) => finite.filter((_, i) => i !== j);
  const scale = (j: number) => others(j).reduce((product, point) => product * (finite[j]! - point), 1);
  const powers = (length: number, factor: (j: number) => number) => [
    ...finite.map((point, j) => Array.from({ length }, (_, k) => point ** k * factor(j))),
    Array.from({ length }, (_, k) => Number(k === length - 1)),
  ];
  return {
    outputs,
    taps,
    points,
    a: powers(outputs, () => 1),
    // the interpolation's divisors go with the taps, which are transformed once
    g: powers(taps, (j) => 1 / scale(j)),
    b: [...finite.map((_, j) => [...monic(others(j)), 0]), monic(finite)],
  };
}

/** Coefficients of Π (x − root), constant term first. */
function monic(roots: readonly number[]): number[] {
  let polynomial = [1];
  for (const root of roots) {
    const shifted = [0, ...polynomial];
    polynomial = shifted.map((coefficient, power) => coefficient - root * (polynomial[power] ?? 0));
  }
  return polynomial;
}

export function transpose(matrix: readonly (readonly number[])[]): number[][] {
  return matrix[0]!.map((_, column) => matrix.map((row) => row[column]!));
}
