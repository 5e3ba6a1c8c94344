import type { Shape } from "../../core/shapes.js";
import type { IsKnown, IsUnion } from "./arithmetic.js";

/**
 * What a layer does to shapes, as a type: the compile-time twin of `LayerKind.outputShape`. TypeScript has no functions
 * from types to types that can be passed around, but an interface can stand for one: it reads `this["input"]`, which
 * {@link OutputOf} puts in place, and says in `output` what comes out.
 *
 * @example
 * interface Flatten extends OneInput<"flatten"> {
 *   readonly output: [ProductOf<this["input"]>];
 * }
 */
export interface ShapeRule {
  /** The layer's kind, which messages begin with. */
  readonly kind: string;
  /** How many tensors it takes. */
  readonly arity: "one" | "two" | "several" | "some";
  /**
   * The literals that the output depends on. Without them here, TypeScript would take a layer for any other of its kind:
   * it compares rules by their properties, and `output` says nothing before there are inputs.
   */
  readonly config: unknown;
  /** What the layer is applied to; {@link OutputOf} knows. */
  readonly given: unknown;
  /** Shapes of the inputs, without the batch: a tuple with an entry for each, all of known rank. */
  readonly inputs: this["given"] extends infer Shapes extends readonly Shape[] ? Shapes : readonly Shape[];
  /** Shape of the first input. */
  readonly input: this["inputs"][0];
  /** The shape that comes out, or a text that says why none does. `Shape | string`: nobody knows before it runs. */
  readonly output: Shape | string;
}

/** A rule of a layer that takes one tensor. */
export interface OneInput<Kind extends string> extends ShapeRule {
  readonly kind: Kind;
  readonly arity: "one";
}

/** What comes out has the shape of what goes in. */
export interface SameShape<Kind extends string> extends OneInput<Kind> {
  readonly output: this["input"];
}

/** The layer always has one output of this shape, and takes these inputs alone: a network as a layer. */
export interface FixedShapes<Inputs extends readonly Shape[], Output extends Shape> extends ShapeRule {
  readonly kind: "network";
  readonly arity: "some";
  readonly config: [Inputs, Output];
  readonly output: Fits<this["inputs"], Inputs> extends false
    ? `network: inputs ${ShowAll<this["inputs"]>} are not those of the network; expected ${ShowAll<Inputs>}`
    : Output;
}

/**
 * The shape that a rule gives for inputs, a text that says what is wrong, or `Shape` where it cannot be known. (In
 * tuples, `number` and a length compare also where TypeScript puts a wildcard for a shape that is still generic.)
 */
export type OutputOf<Rule extends ShapeRule, Inputs extends readonly Shape[]> = string extends Rule["kind"]
  ? Shape
  : number extends Inputs["length"]
    ? Shape
    : TakesCount<Rule["arity"], Inputs> extends false
      ? `${Rule["kind"]}: ${Expected[Rule["arity"]]}, not ${Inputs["length"] & number}`
      : [number] extends [Inputs[number]["length"]]
        ? Shape
        : Applied<Rule & { readonly given: Inputs }>;

/** Of several possible outputs, as of `down ? conv2d(8, 3, { stride: 2 }) : relu()`, none is known. */
type Applied<Rule extends ShapeRule> = [Rule["output"]] extends [never]
  ? Shape
  : IsUnion<Rule["output"]> extends true
    ? Shape
    : [Rule["output"]] extends [string]
      ? Rule["output"]
      : [Rule["output"]] extends [Shape]
        ? Rule["output"]
        : Shape;

interface Expected {
  readonly one: "takes one input";
  readonly two: "takes two inputs";
  readonly several: "takes 2 tensors or more";
  readonly some: "takes 1 tensor or more";
}

type TakesCount<Arity extends ShapeRule["arity"], Inputs extends readonly Shape[]> = {
  readonly one: Inputs["length"] extends 1 ? true : false;
  readonly two: Inputs["length"] extends 2 ? true : false;
  readonly several: Inputs["length"] extends 0 | 1 ? false : true;
  readonly some: Inputs["length"] extends 0 ? false : true;
}[Arity];

/** A tuple that TypeScript shows without `readonly`; a list of unknown length is a `Shape`. */
export type Plain<S extends Shape> = number extends S["length"] ? Shape : { -readonly [Axis in keyof S]: S[Axis] };

/** Whether two extents may be the same: only two different known ones are not. */
export type MayEqual<A, B> = [A, B] extends [infer X extends number, infer Y extends number]
  ? [IsKnown<X>, IsKnown<Y>] extends [true, true]
    ? [X] extends [Y]
      ? true
      : false
    : true
  : false;

/** Whether shapes, or lists of shapes, may be the same: only different known ranks or extents tell them apart. */
export type Fits<A extends readonly unknown[], B extends readonly unknown[]> = number extends A["length"]
  ? true
  : number extends B["length"]
    ? true
    : A extends readonly [infer FirstA, ...infer RestA]
      ? B extends readonly [infer FirstB, ...infer RestB]
        ? Alike<FirstA, FirstB> extends false
          ? false
          : Fits<RestA, RestB>
        : false
      : B extends readonly []
        ? true
        : false;

type Alike<A, B> = [A, B] extends [infer X extends readonly unknown[], infer Y extends readonly unknown[]]
  ? Fits<X, Y>
  : MayEqual<A, B>;

/** An extent in a message; `?` where it is not known. */
export type Show<N> = [N] extends [infer X extends number] ? (IsKnown<X> extends true ? `${X}` : "?") : "?";

/** `[28, 28, 1]` */
export type ShowShape<S extends readonly unknown[]> = number extends S["length"] ? "[…]" : `[${Join<S, ", ">}]`;

/** `7×7` */
export type ShowExtents<S extends readonly unknown[]> = Join<S, "×">;

/** `[7, 7, 4] and [8, 8, 4]` */
export type ShowAll<Shapes extends readonly unknown[]> = Shapes extends readonly [
  infer First extends readonly unknown[],
  ...infer Rest,
]
  ? Rest extends readonly []
    ? ShowShape<First>
    : `${ShowShape<First>} and ${ShowAll<Rest>}`
  : "";

type Join<S extends readonly unknown[], Separator extends string> = S extends readonly [infer First, ...infer Rest]
  ? Rest extends readonly []
    ? Show<First>
    : `${Show<First>}${Separator}${Join<Rest, Separator>}`
  : "";
