/** 1, primes, and the tiles 4, 8, 16, 32 of kernels, one less and one more: where tails go wrong. */
export const edgeSizes = [1, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 31, 33] as const;
