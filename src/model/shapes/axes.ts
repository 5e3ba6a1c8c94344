import type { Shape } from "../../core/shapes.js";
import type { Add, FloorDivide, IsKnown, ProductOf, Remainder, Subtract } from "./arithmetic.js";
import type { MayEqual, OneInput, Plain, ShapeRule, Show, ShowAll, ShowShape } from "./rule.js";
import type { ChannelsOf, GroupsProblem } from "./spatial.js";

/** Shape rules of the layers that work on any number of axes. Each mirrors the layer's `outputShape`. */

export interface Dense<Units extends number> extends OneInput<"dense"> {
  readonly config: [Units];
  readonly output: this["input"] extends readonly [number]
    ? [Units]
    : `dense: input ${ShowShape<this["input"]>} is not flat; add flatten() before it`;
}

/** A vector for every token. */
export interface Embedding<Dimensions extends number> extends OneInput<"embedding"> {
  readonly config: [Dimensions];
  readonly output: [...this["input"], Dimensions];
}

export interface Flatten extends OneInput<"flatten"> {
  readonly output: [ProductOf<this["input"]>];
}

export interface Reshape<To extends Shape> extends OneInput<"reshape"> {
  readonly config: [To];
  readonly output: MayEqual<ProductOf<this["input"]>, ProductOf<To>> extends true
    ? Plain<To>
    : `reshape: input ${ShowShape<this["input"]>} has ${Show<ProductOf<this["input"]>>} values, but ${ShowShape<To>} has ${Show<ProductOf<To>>}`;
}

export interface Permute<Axes extends readonly number[]> extends OneInput<"permute"> {
  readonly config: [Axes];
  readonly output: number extends Axes["length"]
    ? Shape
    : Axes["length"] extends this["input"]["length"]
      ? { -readonly [Axis in keyof Axes]: ExtentAt<this["input"], Axes[Axis]> }
      : `permute: input ${ShowShape<this["input"]>} has ${Show<this["input"]["length"]>} axes, but ${ShowShape<Axes>} names ${Show<Axes["length"]>}`;
}

/** The channels in groups; the shape stays. */
export interface GroupNorm<Groups extends number> extends OneInput<"groupNorm"> {
  readonly config: [Groups];
  readonly output: GroupsProblem<
    "groupNorm",
    ChannelsOf<this["input"]>,
    "channels",
    Groups
  > extends infer Problem extends string
    ? Problem
    : this["input"];
}

export interface InstanceNorm extends OneInput<"instanceNorm"> {
  readonly output: this["input"] extends readonly [number]
    ? `instanceNorm: input ${ShowShape<this["input"]>} has one value per channel, which normalisation would make 0`
    : this["input"];
}

export interface Maxout<Pieces extends number> extends OneInput<"maxout"> {
  readonly config: [Pieces];
  readonly output: this["input"] extends readonly [...infer Before extends number[], infer Channels extends number]
    ? MayEqual<Remainder<Channels, Pieces>, 0> extends true
      ? [...Before, FloorDivide<Channels, Pieces>]
      : `maxout: ${Channels} channels cannot be split into ${Pieces} pieces each; make the pieces a divisor of the channels`
    : never;
}

/** Element by element; an extent of 1 is repeated. */
export interface Merge<Kind extends string, Arity extends ShapeRule["arity"] = "several"> extends ShapeRule {
  readonly kind: Kind;
  readonly arity: Arity;
  readonly output: Fold<this["inputs"], Broadcast> extends infer Output extends Shape
    ? Output
    : `${Kind}: inputs ${ShowAll<this["inputs"]>} differ in shape`;
}

export interface Concatenate<Axis extends number> extends ShapeRule {
  readonly config: [Axis];
  readonly kind: "concatenate";
  readonly arity: "several";
  readonly output: AxisFromStart<Axis, this["input"]> extends infer Start
    ? Start extends "none"
      ? `concatenate: input ${ShowShape<this["input"]>} has no axis ${Axis}`
      : Start extends string
        ? Fold<this["inputs"], Join<Start>> extends infer Output extends Shape
          ? Output
          : `concatenate: inputs ${ShowAll<this["inputs"]>} differ elsewhere than along axis ${Start}`
        : Shape
    : never;
}

type ExtentAt<S extends Shape, Axis> = S[`${Axis & number}` & keyof S] extends infer Extent extends number
  ? Extent
  : number;

/** An axis counted from 0, as a string; "none" where there is no such axis, `number` where it is not known. */
type AxisFromStart<Axis extends number, S extends Shape> = number extends Axis
  ? number
  : `${Axis}` extends `-${infer FromEnd extends number}`
    ? Subtract<S["length"], FromEnd> extends infer Place
      ? Place extends number
        ? `${Place}`
        : "none"
      : never
    : `${Axis}` extends keyof S
      ? `${Axis}`
      : "none";

/** How two extents become one, as a type that takes `this["pair"]`. */
interface Combine {
  readonly axis: unknown;
  readonly pair: readonly [number, number];
  readonly extent: number | "differs";
}

interface Broadcast extends Combine {
  readonly extent: this["pair"] extends readonly [infer A extends number, infer B extends number]
    ? [A] extends [1]
      ? B
      : [B] extends [1]
        ? A
        : Common<A, B>
    : never;
}

interface Join<Along> extends Combine {
  readonly extent: this["pair"] extends readonly [infer A extends number, infer B extends number]
    ? this["axis"] extends Along
      ? Add<A, B>
      : Common<A, B>
    : never;
}

/** Two extents that must be the same: the known one. */
type Common<A extends number, B extends number> =
  MayEqual<A, B> extends true ? (IsKnown<A> extends true ? A : B) : "differs";

/** Shapes of one rank made one, two at a time; "differs" where that cannot be. */
type Fold<Shapes extends readonly Shape[], How extends Combine> = Shapes extends readonly [
  infer First extends Shape,
  infer Second extends Shape,
  ...infer Rest extends readonly Shape[],
]
  ? First["length"] extends Second["length"]
    ? {
        -readonly [Axis in keyof First]: (How & {
          readonly axis: Axis;
          readonly pair: readonly [First[Axis], Second[Axis & keyof Second]];
        })["extent"];
      } extends infer Both
      ? Both extends Shape
        ? Fold<[Both, ...Rest], How>
        : "differs"
      : never
    : "differs"
  : Shapes[0];
