/**
 * Arithmetic of literal types: `Add<28, 4>` is the type 32. Numbers are strings of decimal digits in here, so that the
 * work grows with the digits and not with the numbers: extents and products of millions are as cheap as small ones.
 *
 * Every operation gives `number` where an operand is not one literal whole number ≥ 0: what is not known stays unknown.
 */

/** `A + B` */
export type Add<A extends number, B extends number> = Known<A, B> extends true ? NumberOf<Sum<`${A}`, `${B}`>> : number;

/** `A − B`, or "negative" where B is larger. */
export type Subtract<A extends number, B extends number> =
  Known<A, B> extends true
    ? Difference<`${A}`, `${B}`> extends infer Digits extends string
      ? Digits extends "negative"
        ? Digits
        : NumberOf<Digits>
      : never
    : number;

/** `A · B` */
export type Multiply<A extends number, B extends number> =
  Known<A, B> extends true ? NumberOf<Product<`${A}`, `${B}`>> : number;

/** `⌊A / B⌋`; `number` for B = 0. */
export type FloorDivide<A extends number, B extends number> =
  Known<A, B> extends true
    ? Division<`${A}`, `${B}`> extends [infer Quotient extends string, unknown]
      ? NumberOf<Quotient>
      : never
    : number;

/** `A − B · ⌊A / B⌋`; `number` for B = 0. */
export type Remainder<A extends number, B extends number> =
  Known<A, B> extends true
    ? Division<`${A}`, `${B}`> extends [unknown, infer Rest extends string]
      ? NumberOf<Rest>
      : never
    : number;

/** `⌈A / B⌉`; `number` for B = 0. */
export type CeilDivide<A extends number, B extends number> =
  Known<A, B> extends true
    ? Division<`${A}`, `${B}`> extends [infer Quotient extends string, infer Rest]
      ? NumberOf<Rest extends "" | "0" ? Quotient : Sum<Quotient, "1">>
      : never
    : number;

/** The product of all numbers of a list; 1 for none, `number` for a list of unknown length. */
export type ProductOf<List extends readonly number[], Sofar extends number = 1> = number extends List["length"]
  ? number
  : List extends readonly [infer First extends number, ...infer Rest extends readonly number[]]
    ? ProductOf<Rest, Multiply<Sofar, First>>
    : Sofar;

/** Whether a type is one literal whole number ≥ 0: neither `number` nor `1 | 2` nor a fraction. */
export type IsKnown<N extends number> = number extends N
  ? false
  : IsUnion<N> extends true
    ? false
    : `${N}` extends `${string}${"." | "-" | "e"}${string}`
      ? false
      : true;

export type IsUnion<T, Member = T> = [T] extends [never]
  ? false
  : Member extends unknown
    ? [T] extends [Member]
      ? false
      : true
    : never;

type Known<A extends number, B extends number> = IsKnown<A> extends true ? IsKnown<B> : false;

type NumberOf<Digits extends string> = Digits extends `${infer N extends number}` ? N : number;

type Digit = "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9";

/** The sums of two digits: row a, column b, or b + 1 under a carry. */
type Sums = [
  ["00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10"],
  ["01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11"],
  ["02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12"],
  ["03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13"],
  ["04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14"],
  ["05", "06", "07", "08", "09", "10", "11", "12", "13", "14", "15"],
  ["06", "07", "08", "09", "10", "11", "12", "13", "14", "15", "16"],
  ["07", "08", "09", "10", "11", "12", "13", "14", "15", "16", "17"],
  ["08", "09", "10", "11", "12", "13", "14", "15", "16", "17", "18"],
  ["09", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19"],
];

type Next = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];

type NinesComplement = ["9", "8", "7", "6", "5", "4", "3", "2", "1", "0"];

/** The lowest digit of a reversed number; 0 after its last. */
type Lowest<Reversed extends string> = Reversed extends `${infer First extends Digit}${string}` ? First : "0";
type Higher<Reversed extends string> = Reversed extends `${string}${infer Rest}` ? Rest : "";

type Reverse<S extends string, Done extends string = ""> = S extends `${infer First}${infer Rest}`
  ? Reverse<Rest, `${First}${Done}`>
  : Done;

type Trim<Digits extends string> = Digits extends `0${infer Rest}` ? (Rest extends "" ? "0" : Trim<Rest>) : Digits;

/** The carry of the highest digits, then the digits of the sum; takes reversed numbers. */
type Carried<A extends string, B extends string, Carry extends string = "0", Done extends string = ""> = [
  A,
  B,
] extends ["", ""]
  ? `${Carry}${Done}`
  : Sums[Lowest<A>][Carry extends "1" ? Next[Lowest<B>] : Lowest<B>] extends `${infer C}${infer D}`
    ? Carried<Higher<A>, Higher<B>, C, `${D}${Done}`>
    : never;

type Sum<A extends string, B extends string> = Trim<Carried<Reverse<A>, Reverse<B>>>;

/** `10ⁿ − 1 − B`, where A has n digits: added to A, and 1, it gives `10ⁿ + A − B`. Both are reversed. */
type Complement<A extends string, B extends string, Done extends string = ""> = A extends ""
  ? B extends ""
    ? Done
    : "negative"
  : Complement<Higher<A>, Higher<B>, `${Done}${NinesComplement[Lowest<B>]}`>;

type Difference<A extends string, B extends string> =
  Complement<Reverse<A>, Reverse<B>> extends infer C extends string
    ? C extends "negative"
      ? C
      : Carried<Reverse<A>, C, "1"> extends `1${infer Digits}`
        ? Trim<Digits>
        : "negative"
    : never;

/** A times each digit; TypeScript works out the ones that are read. */
interface Multiples<A extends string> {
  times0: "0";
  times1: A;
  times2: Sum<A, A>;
  times3: Sum<this["times2"], A>;
  times4: Sum<this["times2"], this["times2"]>;
  times5: Sum<this["times4"], A>;
  times6: Sum<this["times4"], this["times2"]>;
  times7: Sum<this["times4"], this["times3"]>;
  times8: Sum<this["times4"], this["times4"]>;
  times9: Sum<this["times8"], A>;
}

type Product<
  A extends string,
  B extends string,
  Done extends string = "0",
> = B extends `${infer D extends Digit}${infer Rest}`
  ? Product<A, Rest, Sum<Trim<`${Done}0`>, Multiples<A>[`times${D}`]>>
  : Done;

/** Long division: [quotient, remainder], both empty for B = 0. */
type Division<
  A extends string,
  B extends string,
  Quotient extends string = "",
  Rest extends string = "0",
> = B extends "0"
  ? ["", ""]
  : B extends "1"
    ? [A, "0"]
    : A extends `${infer D}${infer Lower}`
      ? Times<Trim<`${Rest}${D}`>, B> extends [infer Q extends string, infer R extends string]
        ? Division<Lower, B, `${Quotient}${Q}`, R>
        : never
      : [Trim<Quotient>, Rest];

/** How often B goes into A, at most 9 times, and what is left. */
type Times<A extends string, B extends string, Count extends Digit = "0"> =
  Difference<A, B> extends infer Left extends string
    ? Left extends "negative"
      ? [Count, A]
      : Times<Left, B, Next[Count] & Digit>
    : never;
