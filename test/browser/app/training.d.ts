export interface Trained {
  readonly threads: number;
  readonly losses: readonly number[];
  /** The bits of every weight. */
  readonly weights: Readonly<Record<string, readonly number[]>>;
}

/** Trains a small network with this option `threads`. Default: 2 epochs. */
export function train(threads: number | undefined, epochs?: number): Promise<Trained>;
