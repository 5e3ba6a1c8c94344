import { type FunctionBuilder, type I32, type V128, v128 } from "../assembler/index.js";

/** Bytes of a shuffle that interleaves the lower floats of two vectors, and the upper ones. */
const interleaveLow = [0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23];
const interleaveHigh = interleaveLow.map((byte) => byte + 8);
/** The first halves of two vectors, and the second ones. */
const firstHalves = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
const secondHalves = firstHalves.map((byte) => byte + 8);

/**
 * Emits the transposition of four rows of four floats: to[j][i] = from[i][j]. Of the source only `rows` rows exist, of
 * the target only `rows` are written.
 */
export function emitTurn(
  f: FunctionBuilder,
  source: { readonly from: I32; readonly rowBytes: number; readonly rows?: number },
  target: { readonly to: I32; readonly rowBytes: number; readonly rows?: number },
): void {
  const { rows = 4 } = source;
  const kept = (value: V128) => f.local("v128", value).get;
  const row = (i: number) => kept(v128.load(source.from, source.rowBytes * Math.min(i, rows - 1)));
  const [a, b, c, d] = [row(0), row(1), row(2), row(3)];
  const [abLow, cdLow] = [kept(v128.shuffle(a, b, interleaveLow)), kept(v128.shuffle(c, d, interleaveLow))];
  const [abHigh, cdHigh] = [kept(v128.shuffle(a, b, interleaveHigh)), kept(v128.shuffle(c, d, interleaveHigh))];
  const turned = [
    v128.shuffle(abLow, cdLow, firstHalves),
    v128.shuffle(abLow, cdLow, secondHalves),
    v128.shuffle(abHigh, cdHigh, firstHalves),
    v128.shuffle(abHigh, cdHigh, secondHalves),
  ];
  for (let j = 0; j < (target.rows ?? 4); j++) f.storeV128(target.to, turned[j]!, target.rowBytes * j);
}
