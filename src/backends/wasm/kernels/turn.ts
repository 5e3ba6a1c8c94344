import { type FunctionBuilder, type I32, i32, type V128, v128 } from "../assembler/index.js";

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

/** Rows of the source that are turned together: they fill whole cache lines of the target. */
const stripeRows = 16;

/**
 * Emits the transposition of a matrix: to[j][i] = from[i][j]. The source is read in long runs along its rows, and the
 * target written a cache line at a time. Rows of the target have room for whole vectors. In `panels`, they are cut:
 * every `width` of their columns, a multiple of four, begin so many bytes behind those before.
 */
export function emitTransposition(
  f: FunctionBuilder,
  source: { readonly from: I32; readonly rowBytes: number; readonly rows: number; readonly columns: number },
  target: {
    readonly to: I32;
    readonly rowBytes: number;
    readonly panels?: { readonly width: number; readonly bytes: number };
  },
): void {
  const { rows, columns } = source;
  const { width, bytes } = target.panels ?? { width: stripeRows, bytes: 4 * stripeRows };
  const stripeFrom = f.local("i32", source.from);
  const stripeTo = f.local("i32", target.to);
  const [from, to, end] = [f.local("i32"), f.local("i32"), f.local("i32")];
  const stripe = (height: number) => {
    const turn = (count: number) => {
      for (let row = 0; row < height; row += 4) {
        const square = { from: i32.add(from.get, row * source.rowBytes), rowBytes: source.rowBytes };
        const place = { to: i32.add(to.get, 4 * row), rowBytes: target.rowBytes };
        emitTurn(f, { ...square, rows: Math.min(4, height - row) }, { ...place, rows: count });
      }
    };
    f.set(from, stripeFrom.get);
    f.set(to, stripeTo.get);
    const rest = columns % 4;
    if (columns > rest) {
      f.set(end, i32.add(from.get, 4 * (columns - rest)));
      f.doWhile(
        () => {
          turn(4);
          f.increase(from, 16);
          f.increase(to, 4 * target.rowBytes);
        },
        () => i32.ne(from.get, end.get),
      );
    }
    if (rest > 0) turn(rest);
  };
  const rest = rows % width;
  if (rows > rest) {
    const last = f.local("i32", i32.add(stripeFrom.get, (rows - rest) * source.rowBytes));
    f.doWhile(
      () => {
        stripe(width);
        f.increase(stripeFrom, width * source.rowBytes);
        f.increase(stripeTo, bytes);
      },
      () => i32.ne(stripeFrom.get, last.get),
    );
  }
  if (rest > 0) stripe(rest);
}
