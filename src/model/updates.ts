import type { GraphBuilder } from "../graph/builder.js";
import type { Node } from "../graph/types.js";
import { add, divide, maximum, minimum, multiply, sqrt, subtract, x } from "../ops/expression.js";
import { mapNode } from "../ops/map.js";
import { reduceNode } from "../ops/reduce.js";
import { guardedMap, type Optimizer } from "./optimizer.js";
import { checkPatterns } from "./patterns.js";

/** A weight that the loss depends on. */
interface Trained {
  /** Variable; its name is the weight's. */
  readonly weight: Node;
  readonly gradient: Node;
  readonly slots: Readonly<Record<string, Node>>;
}

/** The variable that holds a slot of a weight: `optimizer.momentum.conv2d.kernel`. */
export function slotName(slot: string, weight: string): string {
  return `optimizer.${slot}.${weight}`;
}

/**
 * Adds what a step does to weights: gradients are accumulated, limited element by element, then all together, and
 * handed to the optimiser's rule; averages follow. Everything but the global norm is elementwise.
 *
 * Adds an input `optimizer.<scalar>` [] for each of the optimiser's scalars, and variables `optimizer.<slot>.<weight>`.
 *
 * @param gradients ∂loss/∂weight for each of `weights`; undefined where the loss does not depend on it
 * @param loss where it is NaN or infinite, every variable keeps its value
 * @param names of all weights, frozen ones included: what patterns of groups may name. Default: those of `weights`
 */
export function emitUpdates(
  builder: GraphBuilder,
  optimizer: Optimizer,
  weights: readonly Node[],
  gradients: readonly (Node | undefined)[],
  loss: Node,
  names: readonly string[] = weights.map(({ name }) => name),
): void {
  const { clipValue, clipNorm, accumulationSteps, averageDecay, groups = [] } = optimizer.options;
  for (const { match } of groups) checkPatterns(optimizer.kind, [match].flat(), names);
  const scalars = Object.fromEntries(
    Object.keys(optimizer.scalars(1)).map((name) => [name, builder.input(`optimizer.${name}`, [], "float32")]),
  );
  const all = weights.flatMap((weight, i): Trained[] => {
    const gradient = gradients[i];
    if (gradient === undefined) return [];
    const slots = optimizer.slots.map((slot) => [slot, builder.variable(slotName(slot, weight.name), weight.shape)]);
    return [{ weight, gradient, slots: Object.fromEntries(slots) }];
  });
  const forEach = (body: (trained: Trained) => Node) =>
    all.map((trained) => builder.scope(`optimizer.${trained.weight.name}`, () => body(trained)));

  const sums =
    accumulationSteps === 1
      ? all.map(({ gradient }) => gradient)
      : forEach(({ gradient, slots }) => {
          const sum = add(x(0), multiply(1 / accumulationSteps, x(1)));
          return mapNode(builder, [slots.accumulated!, gradient], sum);
        });
  const limited =
    clipValue === undefined
      ? sums
      : all.map(({ weight }, i) =>
          builder.scope(`optimizer.${weight.name}`, () =>
            mapNode(builder, [sums[i]!], minimum(maximum(x(0), -clipValue), clipValue)),
          ),
        );
  const norm = clipNorm === undefined ? undefined : builder.scope("optimizer", () => emitNorm(builder, limited));
  const finite = norm === undefined ? loss : emitBoth(builder, loss, norm);
  const { apply } = scalars;
  const judge = apply === undefined ? finite : emitOnlyWhere(builder, finite, apply);

  all.forEach(({ weight, slots }, i) => {
    builder.scope(`optimizer.${weight.name}`, () => {
      const gradient =
        norm === undefined
          ? limited[i]!
          : mapNode(builder, [limited[i]!, norm], multiply(x(0), minimum(1, divide(clipNorm!, add(x(1), 1e-6)))));
      const context = { weight, gradient, slots, scalars, loss: judge, ...optimizer.groupOf(weight.name) };
      const next = optimizer.emit(builder, context);
      for (const [slot, value] of Object.entries(next.slots)) builder.update(slots[slot]!, value);
      if (apply !== undefined) {
        // after an update the sum starts again
        const rest = multiply(subtract(1, x(2)), x(1));
        const left = guardedMap(builder, [slots.accumulated!, sums[i]!, apply], rest, { loss: finite });
        builder.update(slots.accumulated!, left);
      }
      if (averageDecay !== undefined) {
        const average = add(multiply(x(2), x(0)), multiply(subtract(1, x(2)), x(1)));
        const operands = [slots.average!, next.weight, scalars.averageDecay!];
        builder.update(slots.average!, guardedMap(builder, operands, average, { loss: judge }));
      }
      builder.update(weight, next.weight);
    });
  });
}

/** `‖g‖ = √(Σ g²)` over all elements of all gradients: []. */
function emitNorm(builder: GraphBuilder, gradients: readonly Node[]): Node {
  const squares = gradients.map((gradient) => {
    const square = mapNode(builder, [gradient], multiply(x(0), x(0)));
    return reduceNode(
      builder,
      square,
      "sum",
      square.shape.map((_, axis) => axis),
    );
  });
  const total = squares.map((_, i) => x(i)).reduce((sum, term) => add(sum, term));
  return mapNode(builder, squares, sqrt(total));
}

/** A scalar that is finite where both are. */
function emitBoth(builder: GraphBuilder, loss: Node, norm: Node): Node {
  return mapNode(builder, [loss, norm], add(subtract(x(0), x(0)), subtract(x(1), x(1))));
}

/** A scalar that is finite where `judge` is and `apply` is 1: 0 / 0 is NaN. */
function emitOnlyWhere(builder: GraphBuilder, judge: Node, apply: Node): Node {
  return mapNode(builder, [judge, apply], divide(subtract(x(0), x(0)), x(1)));
}
