import type { Shape } from "../../core/shapes.js";
import type { Layer } from "../layer.js";
import type { SymbolicTensor } from "../symbolic.js";
import type { IsUnion } from "./arithmetic.js";
import type { OutputOf, ShapeRule } from "./rule.js";

/** One argument of a layer's call. */
export type LayerArgument = SymbolicTensor | readonly SymbolicTensor[];

/**
 * The arguments themselves; where they do not suit the layer, texts that say why, which no argument can be. Nothing is
 * inferred here, so that functions that are generic in the shape may call layers: where a conditional type cannot be
 * resolved yet, TypeScript lets arguments be what they could be.
 */
export type Suitable<Rule extends ShapeRule, Given extends readonly LayerArgument[]> =
  IsAny<Given> extends true
    ? Given
    : OutputOf<Rule, ShapesOf<Given>> extends string
      ? Given extends readonly []
        ? readonly [LayerArgument]
        : { [Position in keyof Given]: OutputOf<Rule, ShapesOf<Given>> }
      : Given;

/** The shape that the call of a layer gives. */
export type CallOutput<Rule extends ShapeRule, Given extends readonly LayerArgument[]> =
  IsAny<Given> extends true ? Given & Shape : ShapeAfter<Rule, ShapesOf<Given>>;

/** The shape after a layer; where it does not suit its inputs, any. */
type ShapeAfter<Rule extends ShapeRule, Inputs extends readonly Shape[]> =
  OutputOf<Rule, Inputs> extends infer Output extends Shape ? Output : Shape;

/** TypeScript puts `any` for the arguments when it compares layers, which is to depend on their rules alone. */
type IsAny<T> = 0 extends 1 & T ? true : false;

/** Shapes of the tensors among arguments, each a tensor or a list of them. */
type ShapesOf<Given extends readonly unknown[]> = number extends Given["length"]
  ? readonly Shape[]
  : Given extends readonly [infer First, ...infer Rest]
    ? [
        ...([First] extends [SymbolicTensor]
          ? [ShapeOf<First>]
          : First extends readonly SymbolicTensor[]
            ? ShapesOfList<First>
            : [Shape]),
        ...ShapesOf<Rest>,
      ]
    : [];

/** The shape of a symbolic tensor, as a type. */
export type ShapeOf<T> = [T] extends [never]
  ? Shape
  : [T] extends [SymbolicTensor<infer S>]
    ? IsUnion<S> extends true
      ? Shape
      : S
    : Shape;

type ShapesOfList<List extends readonly SymbolicTensor[]> = { -readonly [I in keyof List]: ShapeOf<List[I]> };

/** The layers of a chain; the first that does not suit what comes to it is a text that says why. */
export type SuitableChain<
  S extends Shape,
  Layers extends readonly Layer[],
  Done extends readonly unknown[] = [],
  All extends readonly Layer[] = Layers,
> = number extends Layers["length"]
  ? All
  : Layers extends readonly [Layer<infer Rule>, ...infer Rest extends readonly Layer[]]
    ? OutputOf<Rule, [S]> extends string
      ? [...Done, OutputOf<Rule, [S]>, ...Rest]
      : SuitableChain<ShapeAfter<Rule, [S]>, Rest, [...Done, Layer], All>
    : All;

/** The shape at the end of a chain. */
export type ChainOutput<S extends Shape, Layers extends readonly Layer[]> = number extends Layers["length"]
  ? Shape
  : Layers extends readonly [Layer<infer Rule>, ...infer Rest extends readonly Layer[]]
    ? ChainOutput<ShapeAfter<Rule, [S]>, Rest>
    : S;

/** What `model` takes at each end: one symbolic tensor, or several. */
export type Ends = SymbolicTensor | readonly SymbolicTensor[];

/** A shape, or the shapes of several inputs or outputs. */
export type ShapeOrShapes = Shape | readonly Shape[];

/** Shapes at one end of a model: of one tensor its shape, also where it stands in a list. */
export type EndShapes<Given extends Ends> = Given extends readonly SymbolicTensor[]
  ? number extends Given["length"]
    ? ShapeOrShapes
    : Given extends readonly [infer Only]
      ? ShapeOf<Only>
      : ShapesOfList<Given>
  : ShapeOf<Given>;

/** The shapes at one end, always as a list. */
export type AsList<Shapes extends ShapeOrShapes> = Shapes extends Shape
  ? [Shapes]
  : Shapes extends readonly Shape[]
    ? Shapes
    : readonly Shape[];
