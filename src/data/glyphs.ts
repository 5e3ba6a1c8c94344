/** How people write the ten digits, as pen strokes: what `strokes` bends, slants and draws. */

/**
 * One movement of the pen: smooth pieces, each a list of points that the curve goes through. A piece starts at the
 * last point of the piece before, so pieces meet in corners. Points are [x, y] in a box 60 wide and 100 high, y down.
 */
export type PenStroke = readonly (readonly (readonly [x: number, y: number])[])[];

/** One way to write a digit; `weight` says how common it is among those of the digit. */
export interface Glyph {
  readonly weight: number;
  readonly strokes: readonly PenStroke[];
}

/** Points as "x,y", corners as "|": `"16,22 32,2 | 31,98"` is the hook and the stem of a 1. */
function penStroke(text: string): PenStroke {
  const pieces: [number, number][][] = [];
  for (const part of text.split(" | ")) {
    const points = part.split(" ").map((point) => {
      const [x, y] = point.split(",").map(Number);
      return [x, y] as [number, number];
    });
    const before = pieces.at(-1)?.at(-1);
    pieces.push(before === undefined ? points : [before, ...points]);
  }
  return pieces;
}

function glyph(weight: number, ...strokes: string[]): Glyph {
  return { weight, strokes: strokes.map(penStroke) };
}

/** `glyphs[digit]` lists the ways to write it. */
export const glyphs: readonly (readonly Glyph[])[] = [
  [
    glyph(3, "38,4 20,6 8,25 4,52 9,80 24,97 42,92 54,70 56,42 49,16 34,3"),
    glyph(1, "24,8 10,26 6,56 14,88 32,98 50,82 56,48 46,16 26,3 14,12"),
    glyph(1, "46,10 28,4 12,18 6,50 14,84 30,96 46,84 53,52 46,16 38,2"),
  ],
  [
    glyph(5, "31,2 30,50 29,98"),
    glyph(1, "36,2 31,40 28,98"),
    glyph(2, "16,24 32,3 | 31,50 31,98"),
    glyph(0.7, "15,23 31,3 | 30,96", "10,97 30,95 52,96"),
  ],
  [
    glyph(2, "8,24 14,8 30,2 47,9 50,28 38,52 8,94 | 30,93 56,95"),
    glyph(2, "8,22 18,5 38,4 48,22 40,50 22,78 9,92 5,86 14,79 32,88 57,92"),
    glyph(1, "12,16 28,3 46,12 44,36 26,66 6,95 | 24,90 40,96 58,88"),
  ],
  [
    glyph(3, "8,12 26,2 45,8 47,26 38,41 22,47 | 42,52 54,70 46,90 26,98 6,90"),
    glyph(1, "8,6 28,5 48,4 | 24,41 | 44,48 54,68 46,90 26,98 6,90"),
    glyph(2, "10,12 28,2 46,12 43,32 26,46 20,45 28,43 46,55 51,74 38,95 8,93"),
  ],
  [
    glyph(2, "18,6 12,32 6,56 | 30,56 57,53", "44,8 42,50 39,98"),
    glyph(1.5, "45,97 45,50 46,4 | 24,38 4,66 | 30,67 59,64"),
    glyph(2, "12,6 7,34 12,52 32,54 47,46", "50,5 48,46 45,98"),
  ],
  [
    glyph(2, "48,6 32,7 15,6 | 12,24 10,45 | 28,38 48,50 52,72 40,94 20,97 4,86"),
    glyph(2, "16,8 13,26 11,45 | 30,41 50,56 49,80 32,97 7,92", "15,8 34,7 53,4"),
    glyph(1.5, "47,7 20,9 13,24 16,40 36,48 49,66 40,91 7,93"),
  ],
  [
    glyph(3, "42,3 22,20 9,52 9,80 24,98 46,90 50,68 36,55 18,60 9,78"),
    glyph(2, "30,2 15,36 7,72 18,96 40,94 49,76 38,60 21,63 10,80"),
    glyph(1, "46,6 28,10 12,34 6,66 16,94 38,96 52,78 44,60 24,58 8,70"),
  ],
  [
    glyph(3, "6,9 30,8 52,6 | 38,40 24,98"),
    glyph(1, "8,9 30,8 52,7 | 37,48 28,98", "15,52 32,49 50,48"),
    glyph(1.5, "8,24 9,8 | 30,8 53,6 | 34,46 25,98"),
    glyph(2, "5,16 16,6 40,6 52,10 46,34 32,64 24,98"),
  ],
  [
    glyph(4, "47,14 30,2 11,13 16,32 34,47 52,70 44,92 24,98 7,85 13,65 33,46 46,28 45,12"),
    glyph(1, "29,4 13,11 12,32 28,44 44,34 45,12 29,3", "29,45 9,58 7,83 27,98 48,86 50,62 30,45"),
    glyph(1, "30,47 14,32 16,8 34,2 46,14 40,34 24,50 10,72 18,94 38,97 50,80 42,60 26,44"),
  ],
  [
    glyph(2, "46,21 30,4 11,13 7,34 21,47 40,38 47,18 | 46,50 41,98"),
    glyph(2, "48,20 29,3 9,17 12,42 33,45 48,22 50,42 46,76 31,97 12,93"),
    glyph(1.5, "47,10 25,4 9,23 17,45 36,41 47,8 | 45,50 45,98"),
  ],
];
