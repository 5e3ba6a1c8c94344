import type { Shape } from "../../core/shapes.js";
import type { Add, CeilDivide, FloorDivide, IsUnion, Multiply, Remainder, Subtract } from "./arithmetic.js";
import type { MayEqual, OneInput, ShapeRule, ShowExtents, ShowShape } from "./rule.js";

/** Shape rules of the layers that work on sequences, images and volumes. Each mirrors the layer's `outputShape`. */

/** Convolution, in groups or not, with filters shared or not. */
export interface Conv<
  Kind extends string,
  Filters extends number,
  Kernel,
  Stride,
  Padding,
  Dilation,
  Groups extends number,
> extends OneInput<Kind> {
  readonly config: [Filters, Kernel, Stride, Padding, Dilation, Groups];
  readonly output: ConvProblem<Kind, this["input"], Filters, Groups> extends infer Problem extends string
    ? Problem
    : Windowed<Kind, "kernel", this["input"], Windows<Kernel, Stride, Padding, Dilation>, Filters>;
}

/** Convolution of each channel with so many filters of its own. */
export interface DepthwiseConv<Kind extends string, Kernel, Stride, Padding, Dilation, Multiplier extends number>
  extends OneInput<Kind> {
  readonly config: [Kernel, Stride, Padding, Dilation, Multiplier];
  readonly output: SpatialProblem<Kind, this["input"]> extends infer Problem extends string
    ? Problem
    : Windowed<
        Kind,
        "kernel",
        this["input"],
        Windows<Kernel, Stride, Padding, Dilation>,
        Multiply<ChannelsOf<this["input"]>, Multiplier>
      >;
}

/** Transposed convolution; `More` is the output padding, null where the padding rule decides. */
export interface ConvTranspose<
  Kind extends string,
  Filters extends number,
  Kernel,
  Stride,
  Padding,
  Dilation,
  Groups extends number,
  More,
> extends OneInput<Kind> {
  readonly config: [Filters, Kernel, Stride, Padding, Dilation, Groups, More];
  readonly output: ConvProblem<Kind, this["input"], Filters, Groups> extends infer Problem extends string
    ? Problem
    : Transposed<ExtentsOf<this["input"]>, Windows<Kernel, Stride, Padding, Dilation>, More> extends infer After
      ? After extends readonly number[]
        ? [...After, Filters]
        : `${Kind}: the padding leaves nothing of the output; use less padding`
      : never;
}

/** Pooling with sliding windows. */
export interface Pool<Kind extends string, Size, Stride, Padding, Dilation, Ceil extends boolean>
  extends OneInput<Kind> {
  readonly config: [Size, Stride, Padding, Dilation, Ceil];
  readonly output: PoolOutput<Kind, this["input"], Windows<Size, Stride, Padding, Dilation, Ceil>>;
}

/** The partial inverse of pooling: takes values of the pooled shape, and what was pooled. */
export interface Unpool<Kind extends string, Size, Stride, Padding, Dilation, Ceil extends boolean> extends ShapeRule {
  readonly config: [Size, Stride, Padding, Dilation, Ceil];
  readonly kind: Kind;
  readonly arity: "two";
  readonly output: this["inputs"] extends readonly [infer Values extends Shape, infer Source extends Shape]
    ? PoolOutput<Kind, Source, Windows<Size, Stride, Padding, Dilation, Ceil>> extends infer Pooled extends Shape
      ? SameExtents<Values, Pooled> extends true
        ? Source
        : `${Kind}: the values are ${ShowShape<Values>}, but pooling the second input gives ${ShowShape<Pooled>}`
      : PoolOutput<Kind, Source, Windows<Size, Stride, Padding, Dilation, Ceil>>
    : never;
}

/** Pooling over everything but the channels. */
export interface GlobalPool<Kind extends string> extends OneInput<Kind> {
  readonly output: SpatialProblem<Kind, this["input"]> extends infer Problem extends string
    ? Problem
    : [ChannelsOf<this["input"]>];
}

/** Pooling over as many windows as are asked for. */
export interface AdaptivePool<Kind extends string, Size> extends OneInput<Kind> {
  readonly config: [Size];
  readonly output: SpatialProblem<Kind, this["input"]> extends infer Problem extends string
    ? Problem
    : [...Each<Size, ExtentsOf<this["input"]>>, ChannelsOf<this["input"]>];
}

/** More pixels, by a factor or to a size. */
export interface UpSampling<Kind extends string, Size> extends OneInput<Kind> {
  readonly config: [Size];
  readonly output: SpatialProblem<Kind, this["input"]> extends infer Problem extends string
    ? Problem
    : [...Enlarged<Size, ExtentsOf<this["input"]>>, ChannelsOf<this["input"]>];
}

/** A border around the input. */
export interface Padded<Kind extends string, Amount> extends OneInput<Kind> {
  readonly config: [Amount];
  readonly output: SpatialProblem<Kind, this["input"]> extends infer Problem extends string
    ? Problem
    : [...Widened<ExtentsOf<this["input"]>, Amount>, ChannelsOf<this["input"]>];
}

/** The input without its border. */
export interface Cropped<Kind extends string, Amount> extends OneInput<Kind> {
  readonly config: [Amount];
  readonly output: SpatialProblem<Kind, this["input"]> extends infer Problem extends string
    ? Problem
    : Narrowed<ExtentsOf<this["input"]>, Amount> extends infer After
      ? After extends readonly number[]
        ? [...After, ChannelsOf<this["input"]>]
        : `${Kind}: cropping leaves nothing of the ${ShowExtents<ExtentsOf<this["input"]>>} input`
      : never;
}

/** The same shape, of an input with so many axes. */
export interface SameSpatial<Kind extends string> extends OneInput<Kind> {
  readonly output: SpatialProblem<Kind, this["input"]> extends infer Problem extends string ? Problem : this["input"];
}

/** Options of windows whose literal values matter, for signatures: `options?: PoolOptions<2> & WindowOptions<…>`. */
export interface WindowOptions<Stride, Padding, Dilation> {
  readonly stride?: Stride;
  readonly strides?: Stride;
  readonly padding?: Padding;
  readonly dilation?: Dilation;
}

export interface PoolWindowOptions<Stride, Padding, Dilation, Ceil> extends WindowOptions<Stride, Padding, Dilation> {
  readonly ceilMode?: Ceil;
}

export interface ConvOptions<Stride, Padding, Dilation, Groups> extends WindowOptions<Stride, Padding, Dilation> {
  readonly groups?: Groups;
}

export interface DepthwiseConvOptions<Stride, Padding, Dilation, Multiplier>
  extends WindowOptions<Stride, Padding, Dilation> {
  readonly depthMultiplier?: Multiplier;
}

export interface ConvTransposeOptions<Stride, Padding, Dilation, Groups, More>
  extends ConvOptions<Stride, Padding, Dilation, Groups> {
  readonly outputPadding?: More;
}

/** A window as users write it: each part one value for all axes, or one for each. */
interface Windows<Kernel = unknown, Stride = unknown, Padding = unknown, Dilation = unknown, Ceil = false> {
  readonly kernel: Kernel;
  readonly stride: Stride;
  readonly padding: Padding;
  readonly dilation: Dilation;
  readonly ceil: Ceil;
}

type AnyWindows = Windows<unknown, unknown, unknown, unknown, unknown>;

/** Number of spatial axes: kinds end in 1d, 2d or 3d. */
type AxesOf<Kind extends string> = Kind extends `${string}1d` ? 1 : Kind extends `${string}2d` ? 2 : 3;

interface Nouns {
  readonly 1: "a sequence [steps, channels]";
  readonly 2: "an image [height, width, channels]";
  readonly 3: "a volume [depth, height, width, channels]";
}

type ExtentsOf<S extends Shape> = S extends readonly [...infer Extents extends number[], number] ? Extents : number[];
export type ChannelsOf<S extends Shape> = S extends readonly [...number[], infer Last extends number] ? Last : number;

/** A text where the input has another number of axes than the kind takes. */
export type SpatialProblem<Kind extends string, S extends Shape> =
  ExtentsOf<S>["length"] extends AxesOf<Kind>
    ? undefined
    : `${Kind}: input ${ShowShape<S>} is not ${Nouns[AxesOf<Kind>]}`;

/** A text where channels or filters do not split into groups. */
export type GroupsProblem<Kind extends string, Count extends number, What extends string, Groups extends number> =
  Remainder<Count, Groups> extends 0
    ? undefined
    : number extends Remainder<Count, Groups>
      ? undefined
      : `${Kind}: ${Count} ${What} cannot be split into ${Groups} groups; make the groups a divisor of the ${What}`;

type ConvProblem<Kind extends string, Input extends Shape, Filters extends number, Groups extends number> =
  SpatialProblem<Kind, Input> extends infer Problem extends string
    ? Problem
    : GroupsProblem<Kind, Filters, "filters", Groups> extends infer Problem extends string
      ? Problem
      : GroupsProblem<Kind, ChannelsOf<Input>, "channels", Groups>;

type SameExtents<A extends Shape, B extends Shape> = A["length"] extends B["length"]
  ? false extends { [Axis in keyof A]: MayEqual<A[Axis], B[Axis & keyof B]> }[number]
    ? false
    : true
  : false;

/** One value of what is given for all axes or for each. */
type At<Value, Axis> = Value extends readonly number[] ? Value[Axis & keyof Value] : Value;

type Each<Value, Extents extends readonly number[]> = { -readonly [Axis in keyof Extents]: NumberAt<Value, Axis> };

type NumberAt<Value, Axis> = At<Value, Axis> extends infer N extends number ? N : number;

/** The window over each axis, with as many channels as told, or a text where it does not fit once. */
type Windowed<
  Kind extends string,
  What extends string,
  Input extends Shape,
  W extends AnyWindows,
  Filters extends number,
> =
  WindowExtents<ExtentsOf<Input>, W> extends infer After extends readonly unknown[]
    ? After extends readonly number[]
      ? [...After, Filters]
      : TooLarge<Kind, What, ExtentsOf<Input>, W>
    : never;

type PoolOutput<Kind extends string, Input extends Shape, W extends AnyWindows> =
  SpatialProblem<Kind, Input> extends infer Problem extends string
    ? Problem
    : Windowed<Kind, "window", Input, W, ChannelsOf<Input>>;

/** Extents after a window; "none" where it does not fit once. */
type WindowExtents<Extents extends readonly number[], W extends AnyWindows> = {
  -readonly [Axis in keyof Extents]: WindowExtent<
    Extents[Axis],
    CoveredAt<W, Axis>,
    NumberAt<W["stride"], Axis>,
    SidesAt<W["padding"], CoveredAt<W, Axis>, Axis, Extents["length"]>,
    W["ceil"]
  >;
};

type WindowExtent<
  Extent extends number,
  Covered extends number,
  Stride extends number,
  Around,
  Ceil,
> = Around extends readonly [infer Before extends number, infer After extends number]
  ? Subtract<Add<Add<Extent, Before>, After>, Covered> extends infer Room
    ? Room extends number
      ? [Ceil] extends [false]
        ? Add<FloorDivide<Room, Stride>, 1>
        : [Ceil] extends [true]
          ? WithinPixels<CeilDivide<Room, Stride>, Stride, Add<Extent, Before>>
          : number
      : "none"
    : never
  : CeilDivide<Extent, Stride>;

/** In ceil mode: one window more than `Last`, unless that begins beyond the pixels. */
type WithinPixels<Last extends number, Stride extends number, End extends number> =
  Subtract<Multiply<Last, Stride>, End> extends "negative"
    ? Add<Last, 1>
    : number extends Multiply<Last, Stride> | End
      ? number
      : Last;

/** What the taps cover: `dilation · (size − 1) + 1` */
type CoveredAt<W extends AnyWindows, Axis> = Covered<NumberAt<W["kernel"], Axis>, NumberAt<W["dilation"], Axis>>;

type Covered<Size extends number, Dilation extends number> = Dilation extends 1
  ? Size
  : Subtract<Size, 1> extends infer Steps extends number
    ? Add<Multiply<Dilation, Steps>, 1>
    : number;

/** Padding [before, after] one of so many axes; "same" stays, since it has a formula of its own. */
type SidesAt<Padding, Covered extends number, Axis, Axes> =
  IsUnion<Padding> extends true
    ? [number, number]
    : Padding extends "same"
      ? "same"
      : Padding extends "valid"
        ? [0, 0]
        : Padding extends "full"
          ? [LessOne<Covered>, LessOne<Covered>]
          : Padding extends "causal"
            ? [LessOne<Covered>, 0]
            : Padding extends number
              ? [Padding, Padding]
              : Padding extends readonly number[]
                ? SidesOf<Padding, Axis, Axes>
                : [number, number];

type LessOne<N extends number> = Subtract<N, 1> extends infer Less extends number ? Less : 0;

/** Of a list: one number for each axis, or two. */
type SidesOf<Padding extends readonly number[], Axis, Axes> = Padding["length"] extends Axes
  ? [At<Padding, Axis>, At<Padding, Axis>]
  : Axis extends keyof Sides
    ? [At<Padding, Sides[Axis][0]>, At<Padding, Sides[Axis][1]>]
    : never;

interface Sides {
  readonly "0": ["0", "1"];
  readonly "1": ["2", "3"];
  readonly "2": ["4", "5"];
}

type TooLarge<
  Kind extends string,
  What extends string,
  Extents extends readonly number[],
  W extends AnyWindows,
> = `${Kind}: its ${WindowSize<What, Extents, W>} is larger than the ${InputSize<Extents, W>}; use padding same or a smaller ${What}`;

/** `3×3 kernel dilated to 9×9` */
type WindowSize<What extends string, Extents extends readonly number[], W extends AnyWindows> = W["dilation"] extends 1
  ? Sized<What, Each<W["kernel"], Extents>>
  : `${Sized<What, Each<W["kernel"], Extents>>} dilated to ${ShowExtents<{
      [Axis in keyof Extents]: CoveredAt<W, Axis>;
    }>}`;

/** `7×7 input padded to 9×9` */
type InputSize<Extents extends readonly number[], W extends AnyWindows> = W["padding"] extends "valid" | 0
  ? Sized<"input", Extents>
  : `${Sized<"input", Extents>} padded to ${ShowExtents<{
      [Axis in keyof Extents]: SidesAt<W["padding"], CoveredAt<W, Axis>, Axis, Extents["length"]> extends readonly [
        infer Before extends number,
        infer After extends number,
      ]
        ? Add<Add<Extents[Axis], Before>, After>
        : number;
    }>}`;

/** `9×9 kernel`, or `kernel of 9` along one axis */
type Sized<What extends string, Extents extends readonly unknown[]> = Extents["length"] extends 1
  ? `${What} of ${ShowExtents<Extents>}`
  : `${ShowExtents<Extents>} ${What}`;

type Transposed<Extents extends readonly number[], W extends AnyWindows, More> = {
  -readonly [Axis in keyof Extents]: TransposedExtent<
    Extents[Axis],
    CoveredAt<W, Axis>,
    NumberAt<W["stride"], Axis>,
    SidesAt<W["padding"], CoveredAt<W, Axis>, Axis, Extents["length"]>,
    W["padding"],
    More extends null ? null : NumberAt<More, Axis>
  >;
};

type TransposedExtent<
  Extent extends number,
  Covered extends number,
  Stride extends number,
  Around,
  Padding,
  More extends number | null,
> = [Around, More] extends ["same", null]
  ? Multiply<Extent, Stride>
  : [Padding, More] extends ["valid", null]
    ? Add<Multiply<Extent, Stride>, AtLeastZero<Subtract<Covered, Stride>>>
    : TransposedBetween<
        Extent,
        Covered,
        Stride,
        Around extends "same" ? [FloorDivide<Covered, 2>, FloorDivide<Covered, 2>] : Around,
        More extends number ? More : 0
      >;

/** `(extent − 1) · stride + covered − before − after + more`; "none" where nothing is left. */
type TransposedBetween<
  Extent extends number,
  Covered extends number,
  Stride extends number,
  Around,
  More extends number,
> = Around extends readonly [infer Before extends number, infer After extends number]
  ? Subtract<
      Add<Add<Multiply<AtLeastZero<Subtract<Extent, 1>>, Stride>, Covered>, More>,
      Add<Before, After>
    > extends infer Left
    ? Left extends 0 | "negative"
      ? "none"
      : Left
    : never
  : number;

type AtLeastZero<N extends number | "negative"> = N extends number ? N : 0;

type Enlarged<Size, Extents extends readonly number[]> = Size extends { readonly outputSize: infer After }
  ? Each<After, Extents>
  : { -readonly [Axis in keyof Extents]: Multiply<Extents[Axis], NumberAt<Size, Axis>> };

/** Both ends of an axis: one number for all, a pair for the one axis there is, or for each axis either. */
type MarginAt<Amount, Axis, Axes extends readonly number[]> =
  IsUnion<Amount> extends true
    ? number
    : Amount extends number
      ? Add<Amount, Amount>
      : Axes extends readonly [number]
        ? Amount extends readonly [infer Before extends number, infer After extends number]
          ? Add<Before, After>
          : number
        : Amount extends readonly unknown[]
          ? Amount[Axis & keyof Amount] extends infer Part
            ? Part extends number
              ? Add<Part, Part>
              : Part extends readonly [infer Before extends number, infer After extends number]
                ? Add<Before, After>
                : number
            : never
          : number;

type Widened<Extents extends readonly number[], Amount> = {
  -readonly [Axis in keyof Extents]: Add<Extents[Axis], MarginAt<Amount, Axis, Extents>>;
};

type Narrowed<Extents extends readonly number[], Amount> = {
  -readonly [Axis in keyof Extents]: Subtract<Extents[Axis], MarginAt<Amount, Axis, Extents>> extends infer Left
    ? Left extends 0 | "negative"
      ? "none"
      : Left
    : never;
};
