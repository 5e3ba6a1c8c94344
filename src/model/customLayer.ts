import { fail } from "../core/errors.js";
import { formatShape, type Shape, sameShape } from "../core/shapes.js";
import { GraphBuilder } from "../graph/builder.js";
import type { Node } from "../graph/types.js";
import { checkName, describe, extents, namedParts, trueOrFalse, withDefault, wrongOption } from "./check.js";
import { checkInitializer, type Initializer } from "./initializers.js";
import {
  createLayer,
  type EmitContext,
  type Layer,
  type LayerKind,
  type LayerOptions,
  type LayerWeight,
} from "./layer.js";
import { layerKinds } from "./layers/index.js";
import { nodeOf, Tensor } from "./tensor.js";

/** What an option of a layer of one's own may be: plain JSON. */
export type OptionValue = number | string | boolean | readonly OptionValue[];

/** A weight of a layer of one's own. */
export interface WeightDescription {
  readonly shape: Shape;
  /** Default: `"glorotUniform"`. */
  readonly initializer?: Initializer;
  /** Whether the optimiser changes it. Default: true. */
  readonly trainable?: boolean;
}

/** What the `call` of a layer of one's own sees beside its inputs. */
export interface CallContext<Options, Names extends string = string> {
  /** By the names that `weights` gave them, without a batch. */
  readonly weights: Readonly<Record<Names, Tensor>>;
  readonly options: Options;
  /** Whether the layer is called for training. */
  readonly training: boolean;
}

/** A kind of layer, as its author describes it. */
export interface LayerDescription<
  Options extends Readonly<Record<string, OptionValue>>,
  Names extends string = string,
> {
  /** What files and errors call the kind; the stem of automatic layer names. */
  readonly name: string;
  /** Every option with its default. Default: none. */
  readonly options?: Options;
  /** The weights, by name, for inputs of these shapes (without the batch). Default: none. */
  weights?(shapes: readonly Shape[], options: Options): Readonly<Record<Names, WeightDescription>>;
  /** The output, for inputs with the batch as first axis, which must stay. */
  call(inputs: readonly [Tensor, ...Tensor[]], context: CallContext<Options, Names>): Tensor;
  /**
   * What one element of the output sees of the input, for receptive fields: the element in its place, or everything.
   * Default: `"whole"`.
   */
  readonly reach?: "point" | "whole";
}

/** Kinds by name: what files may hold beside fovea's own. */
const defined = new Map<string, LayerKind>();

/** The kind of that name that `defineLayer` has made, if there is one. */
export function definedKind(name: string): LayerKind | undefined {
  return defined.get(name);
}

/**
 * Makes a kind of layer of your own: a function over tensors, with weights and options. Everything else follows: the
 * output's shape, gradients, both backends, summaries and files.
 *
 * The description's `call` runs whenever a network with the layer is built or compiled, never within a step; it must
 * give the same for the same arguments.
 *
 * Files hold the name and the options. A program that loads such a file runs the same `defineLayer` first; otherwise
 * loading fails and says so.
 *
 * Errors: code "usage" for a name that is taken; code "option" for a name or a default that cannot be used. The layer's
 * own: code "option" for options of another type than their defaults; code "shape" where `call` does not keep the batch
 * as first axis, and those of the operations in it.
 *
 * Keras: a subclass of Layer with register_keras_serializable · PyTorch: a subclass of Module
 *
 * @returns a function that makes layers, taking options and a name
 * @example
 * const scale = defineLayer({
 *   name: "scale",
 *   options: { shift: 0 },
 *   weights: ([shape]) => ({ gain: { shape: shape.slice(-1), initializer: "ones" } }),
 *   call: ([x], { weights, options }) => x.multiply(weights.gain).add(options.shift),
 * });
 * const y = scale({ shift: 1 })(x);
 */
export function defineLayer<
  const Options extends Readonly<Record<string, OptionValue>> = Readonly<Record<never, never>>,
  Names extends string = never,
>(description: LayerDescription<Widened<Options>, Names> & { readonly options?: Options }) {
  const where = "defineLayer";
  const kind = checkName(where, description.name);
  if (kind in layerKinds || defined.has(kind)) {
    const owner = kind in layerKinds ? "of fovea" : "that is defined already";
    fail({ code: "usage", where, problem: `"${kind}" is a layer ${owner}`, fix: "Choose another name" });
  }
  const own = description as unknown as LayerDescription<AnyOptions>;
  const defaults = namedParts(`${where} "${kind}"`, "options", own.options ?? {});
  for (const [name, value] of Object.entries(defaults)) checkOption(`${where} "${kind}"`, name, value, value);
  const definition = kindOf(kind, own, defaults as AnyOptions);
  defined.set(kind, definition);
  return (options?: Partial<Widened<Options>> & LayerOptions): Layer => createLayer(definition, {}, options);
}

/** Options' types, not the values of their defaults. */
export type Widened<Options> = {
  readonly [Name in keyof Options]: Options[Name] extends number
    ? number
    : Options[Name] extends string
      ? string
      : Options[Name] extends boolean
        ? boolean
        : Options[Name];
};

type AnyOptions = Readonly<Record<string, OptionValue>>;

function kindOf(kind: string, description: LayerDescription<AnyOptions>, defaults: AnyOptions): LayerKind<AnyOptions> {
  const weightsOf = (options: AnyOptions, shapes: readonly Shape[]): LayerWeight[] =>
    Object.entries(description.weights?.(shapes, options) ?? {}).map(([name, weight]) => {
      const where = `${kind}: weight "${name}"`;
      const shape = extents(where, "shape", weight.shape);
      const size = shape.slice(0, -1).reduce((product, extent) => product * extent, 1);
      return {
        name: checkName(where, name),
        shape,
        initializer: checkInitializer(where, "initializer", withDefault(weight.initializer, "glorotUniform")),
        trainable: trueOrFalse(where, "trainable", withDefault(weight.trainable, true)),
        fanIn: size,
        fanOut: shape[shape.length - 1]!,
      };
    });
  const call = (
    { builder, config, inputs, weights, training }: Pick<EmitContext<AnyOptions>, (typeof seen)[number]>,
    where: string,
  ): Node => {
    const tensor = (node: Node) => new Tensor(builder, node);
    const [first, ...others] = inputs.map(tensor);
    const named = Object.fromEntries(Object.entries(weights).map(([name, node]) => [name, tensor(node)]));
    const result: unknown = description.call([first!, ...others], { weights: named, options: config, training });
    if (result instanceof Tensor) return nodeOf(result);
    return wrongOption(where, "result of call", result, "a tensor");
  };
  return {
    kind,
    arguments: [],
    options: Object.keys(defaults),
    arity: "some",
    configure: (given, where) =>
      Object.fromEntries(
        Object.entries(defaults).map(([name, fallback]) => {
          return [name, checkOption(where, name, withDefault(given[name], fallback), fallback)];
        }),
      ),
    outputShape(config, shapes, where) {
      const outputOver = (batch: number): Shape => {
        const builder = new GraphBuilder();
        const inputs = shapes.map((shape, i) => builder.input(`x${i}`, [batch, ...shape], "float32"));
        const variables = weightsOf(config, shapes).map(({ name, shape }) => [name, builder.variable(name, shape)]);
        const weights = Object.fromEntries(variables);
        const { shape } = call({ builder, config, inputs, weights, training: false }, where);
        if (shape[0] === batch) return shape.slice(1);
        return fail({
          code: "shape",
          where,
          problem: "call does not keep the batch as first axis",
          expected: `${batch} examples for ${batch}`,
          received: formatShape(shape),
        });
      };
      // over two batches, so that a body for one alone is found out
      const [output, other] = [outputOver(2), outputOver(3)];
      if (sameShape(output, other)) return output;
      const received = `${formatShape(output)} and ${formatShape(other)}`;
      return fail({ code: "shape", where, problem: "the output depends on the size of the batch", received });
    },
    weights: weightsOf,
    emit: (context) => call(context, kind),
    reach: () => description.reach ?? "whole",
  };
}

/** What `call` needs of the context that layers write their nodes in. */
const seen = ["builder", "config", "inputs", "weights", "training"] as const;

/** A value of the type that the default has. */
function checkOption(where: string, name: string, value: unknown, fallback: unknown): OptionValue {
  if (Array.isArray(fallback)) {
    if (Array.isArray(value)) return value.map((part, i) => checkOption(where, `${name}[${i}]`, part, part));
    return wrongOption(where, name, value, `a list such as ${describe(fallback)}`);
  }
  const kinds = { number: "a finite number", string: "a text", boolean: "true or false" } as const;
  const type = typeof fallback as keyof typeof kinds;
  if (!(type in kinds))
    return wrongOption(where, name, fallback, "a number, a text, true or false, or a list of these");
  if (typeof value === type && (type !== "number" || Number.isFinite(value))) return value as OptionValue;
  return wrongOption(where, name, value, kinds[type]);
}
