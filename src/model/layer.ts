import { checkOptions, fail } from "../core/errors.js";
import { formatShape, type Shape, sameShape } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node } from "../graph/types.js";
import { checkName, namedParts } from "./check.js";
import type { Fans, Initializer } from "./initializers.js";
import { nameLayers } from "./names.js";
import type { CallOutput, LayerArgument, Suitable } from "./shapes/calls.js";
import type { ShapeRule } from "./shapes/rule.js";
import { callOf, checkTensor, holdsTokens, SymbolicTensor, tensorsBefore } from "./symbolic.js";

/** A weight as its layer describes it. */
export interface LayerWeight extends Fans {
  /** Within the layer: `kernel`, `bias`. */
  readonly name: string;
  readonly shape: Shape;
  readonly initializer: Initializer;
  /** Whether gradients train it; running averages are not. */
  readonly trainable: boolean;
  /** Index along the first axis where first values are 0 instead of drawn. Default: none. */
  readonly zeroRow?: number;
  /** Whether it keeps its value whatever trains the network. Default: false. */
  readonly frozen?: boolean;
}

/** What a kind of layer sees when it writes its nodes. */
export interface EmitContext<Config extends object> {
  readonly builder: GraphBuilder;
  /** The layer's name in the network. */
  readonly name: string;
  readonly config: Config;
  /** The inputs, with the batch as first axis. */
  readonly inputs: readonly Node[];
  /** The layer's weights by their names within the layer. */
  readonly weights: Readonly<Record<string, Node>>;
  /** Those of the weights that keep their values. */
  readonly frozen: ReadonlySet<string>;
  /** Whether the nodes are for training: dropout drops only then. */
  readonly training: boolean;
  /** int32 [2]; there when the layer `isRandom` and the graph is for training. */
  readonly randomKey: Node | undefined;
  /** Number for `random` that differs between calls of layers: a hash of the layer's name. */
  readonly salt: number;
  /**
   * In training, `weight` takes the value `next(current)` at the end of the step, unless the loss is NaN or infinite:
   * how running averages go on. `current` is its value from before the step, or what an earlier use of the layer in the
   * same step made of it.
   */
  readonly update: (weight: string, next: (current: Node) => Node) => void;
}

/** What one output element sees of a layer's input, for receptive fields: one element, all of them, or a window. */
export type Reach = "point" | "whole" | ReachedWindow;

/** A window over the spatial axes, one number for each; padding before and after each. */
export interface ReachedWindow {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly number[];
}

/** Whether a layer takes so many tensors, what it does otherwise, and what it expects. */
const arities = {
  one: [(count: number) => count === 1, "takes one input", "1 tensor"],
  two: [(count: number) => count === 2, "takes two inputs", "2 tensors"],
  several: [(count: number) => count >= 2, "takes several inputs", "2 tensors or more"],
  some: [(count: number) => count >= 1, "takes inputs", "1 tensor or more"],
} as const;

/**
 * A kind of layer: everything that is true of all layers of the kind. One kind, one file, and one line in
 * `layers/index.ts`. Shapes are those of one example, without the batch.
 */
export interface LayerKind<Config extends object = object> {
  /** Name in files, and the stem of automatic layer names. */
  readonly kind: string;
  /** Names of what the user writes before the options: parts of the configuration, too. */
  readonly arguments: readonly string[];
  /** Names of the options, `name` apart. */
  readonly options: readonly string[];
  /** How many tensors it takes; `several` are at least two. */
  readonly arity: keyof typeof arities;
  /** Checks every part, fills in defaults and returns plain JSON; checking the result again gives the same. */
  configure(given: Readonly<Record<string, unknown>>, where: string): Config;
  /** Checks that the inputs suit the layer, and says what comes out. */
  outputShape(config: Config, inputs: readonly Shape[], where: string): Shape;
  weights(config: Config, inputs: readonly Shape[]): readonly LayerWeight[];
  /** Adds the layer's nodes and returns the last. */
  emit(context: EmitContext<Config>): Node;
  reach(config: Config, inputs: readonly Shape[]): Reach;
  /** Whether training draws random numbers here. */
  isRandom?(config: Config): boolean;
  /** How many different tokens, whole numbers from 0, it knows at an input; undefined where it takes floats. Default: floats. */
  vocabulary?(config: Config, input: number): number | undefined;
}

/**
 * A layer: a function from symbolic tensors to a symbolic tensor. Called again, it shares its weights. Its type carries
 * what it does to shapes; a `Layer` of unknown rule checks them when it is called.
 *
 * @example
 * const y = conv2d(64, 5)(x);
 * const z = add()(x, y);
 */
export interface Layer<out Rule extends ShapeRule = ShapeRule> {
  <const Given extends readonly LayerArgument[]>(
    ...inputs: Suitable<Rule, Given>
  ): SymbolicTensor<CallOutput<Rule, Given>>;
  readonly kind: string;
  /** The name that the user gave; a network names the others `conv2d`, `conv2d_1`, … */
  readonly name: string | undefined;
  /** Every argument and option, defaults filled in: plain JSON. */
  readonly config: object;
  readonly definition: LayerKind;
}

/** What every layer takes beside its own options. */
export interface LayerOptions {
  /** Name within the network, the stem of its weights' names. Default: the kind, numbered. */
  readonly name?: string;
}

/** `conv2d "stem"`, or `conv2d` while there is no name: how errors say which layer. */
export function placeOf(kind: string, name: string | undefined): string {
  return name === undefined ? kind : `${kind} "${name}"`;
}

/** Makes a layer of what a user wrote: arguments by name, and an object of options. */
export function createLayer<Config extends object, Rule extends ShapeRule = ShapeRule>(
  definition: LayerKind<Config>,
  given: Readonly<Record<string, unknown>>,
  options: object | undefined = {},
): Layer<Rule> {
  const { kind } = definition;
  const { name, ...rest } = namedParts(kind, "options", options);
  const checked = name === undefined ? undefined : checkName(kind, name);
  const where = placeOf(kind, checked);
  checkOptions(where, rest, [...definition.options, "name"]);
  return makeLayer<Config, Rule>(definition, definition.configure({ ...rest, ...given }, where), checked);
}

/** Makes a layer of what a file says: a name and a configuration, both unchecked. */
export function restoreLayer<Config extends object>(
  definition: LayerKind<Config>,
  name: unknown,
  config: unknown,
): Layer {
  const checked = checkName(definition.kind, name);
  const where = placeOf(definition.kind, checked);
  const parts = namedParts(where, "config", config);
  checkOptions(where, parts, [...definition.arguments, ...definition.options]);
  return makeLayer(definition, definition.configure(parts, where), checked);
}

export function isLayer(value: unknown): value is Layer {
  return typeof value === "function" && "definition" in value && "kind" in value;
}

function makeLayer<Config extends object, Rule extends ShapeRule>(
  definition: LayerKind<Config>,
  config: Config,
  name: string | undefined,
): Layer<Rule> {
  let built: readonly LayerWeight[] | undefined;
  const call = (...given: readonly unknown[]): SymbolicTensor => {
    const [first, ...more] = given;
    const inputs = [...(Array.isArray(first) ? first : [first]), ...more].map((value) =>
      checkTensor(placeOf(definition.kind, name), value),
    );
    const where = placeOf(definition.kind, nameAfter(inputs, layer));
    checkArity(definition, inputs.length, where);
    inputs.forEach((input, i) => {
      checkInputKind(definition.vocabulary?.(config, i) !== undefined, input, where);
    });
    const shapes = inputs.map(({ shape }) => shape);
    const shape = definition.outputShape(config, shapes, where);
    const weights = definition.weights(config, shapes);
    if (built === undefined) built = weights;
    else checkShared(built, weights, where);
    return new SymbolicTensor(shape, { layer, inputs });
  };
  const parts = { kind: definition.kind, name, config: Object.freeze(config), definition };
  const layer = Object.defineProperties(
    call,
    Object.fromEntries(Object.entries(parts).map(([key, value]) => [key, { value, enumerable: true }])),
  ) as unknown as Layer<Rule>;
  return layer;
}

/** The name that a network ending with this call would give the layer; errors show it before there is a network. */
function nameAfter(inputs: readonly SymbolicTensor[], layer: Layer): string {
  const before = tensorsBefore(inputs).flatMap((tensor) => callOf(tensor)?.layer ?? []);
  return nameLayers([...new Set([...before, layer])], []).get(layer)!;
}

/** Checks that a layer takes so many tensors. */
export function checkArity({ arity }: LayerKind, count: number, where: string): void {
  const [takes, problem, expected] = arities[arity];
  if (takes(count)) return;
  const received = `${count} ${count === 1 ? "tensor" : "tensors"}`;
  fail({ code: "usage", where, problem, expected, received });
}

/** Tokens for layers that know what they stand for, floats for all others. */
function checkInputKind(wanted: boolean, tensor: SymbolicTensor, where: string): void {
  if (holdsTokens(tensor) === wanted) return;
  const [tokens, floats] = ["tokens: an input of dtype int32", "floats"];
  const problem = wanted ? "takes tokens" : "takes floats, and tokens are only names";
  const fix = wanted
    ? `Give it an input([${tensor.shape.join(", ")}], { dtype: "int32" })`
    : "Put embedding(vocabulary, dimensions) before it";
  const [expected, received] = wanted ? [tokens, floats] : [floats, tokens];
  fail({ code: "dtype", where, problem, expected, received, fix });
}

function checkShared(built: readonly LayerWeight[], now: readonly LayerWeight[], where: string): void {
  const [old, changed] = [built, now].map((weights) => {
    const at = built.findIndex((weight, i) => !sameShape(weight.shape, now[i]!.shape));
    return at < 0 ? "" : `${weights[at]!.name} ${formatShape(weights[at]!.shape)}`;
  }) as [string, string];
  if (old === changed) return;
  fail({
    code: "shape",
    where,
    problem: "is called again with an input that its weights do not fit",
    expected: old,
    received: changed,
    fix: "Make a second layer for this input",
  });
}
