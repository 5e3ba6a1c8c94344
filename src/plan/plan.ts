import { bytesOf } from "../core/dtypes.js";
import { fail } from "../core/errors.js";
import { sizeOf } from "../core/shapes.js";
import type { Graph, Node, OpTable, Update } from "../graph/types.js";
import { type LeafName, ops } from "../ops/index.js";
import type { PlanOptions } from "./backend.js";
import { type Interval, placeIntervals } from "./place.js";
import type { Kernel, KernelCatalog, KernelChoice, NodeContext, Plan, PlanBuffer, PlanStep } from "./types.js";

/** Buffers start on cache lines, and their tails may be overwritten up to the next one. */
const alignment = 64;
const align = (bytes: number) => Math.ceil(bytes / alignment) * alignment;

/** A kernel for a node, and why. */
export interface Chosen<K extends Kernel> {
  readonly kernel: K;
  readonly reason: string;
}

/** How to plan; `parts` as in {@link Plan}, `choose` may know better than the planner's estimate which of several kernels is fastest. */
export interface PlanGraphOptions<K extends Kernel> extends PlanOptions {
  readonly parts?: number;
  readonly choose?: (choice: KernelChoice<K>) => Chosen<K> | undefined;
}

interface Draft {
  id: number;
  node: Node;
  kind: PlanBuffer["kind"];
  name: string;
  first: number;
  last: number;
}

/**
 * Decides everything before the first step: the order, a kernel for every node, and the place of every tensor in one
 * arena. Tensors share memory when their lifetimes do not meet; kernels may write over an input that ends with them where
 * they read it element by element, and updates write over their variable once nothing reads the old value.
 */
export function planGraph<K extends Kernel>(
  graph: Graph,
  backend: string,
  catalog: KernelCatalog<K>,
  { keepAll = false, parts = 1, choose }: PlanGraphOptions<K> = {},
): Plan {
  const table: OpTable = ops;
  const choices = graph.nodes.map((node) =>
    isComputed(node) ? chooseKernel(node, graph, backend, catalog, choose) : undefined,
  );
  const stepOf = numberSteps(graph);
  const end = stepOf.filter((step) => step >= 0).length;
  const { aliasOf, copies } = aliases(graph, choices, stepOf, keepAll);
  const drafts = draftBuffers(graph, aliasOf, stepOf, end, { keepAll, parts });

  const intervals: Interval[] = [];
  for (const draft of drafts.values()) {
    if (draft.kind === "variable") continue;
    intervals.push({
      key: `b${draft.id}`,
      bytes: align(bufferBytes(draft.node) * partsOf(draft, parts)),
      first: draft.first,
      last: draft.last,
    });
  }
  graph.nodes.forEach((node, id) => {
    const scratch = choices[id]?.kernel.scratchBytes?.(contextOf(node, graph)) ?? 0;
    if (scratch > 0) intervals.push({ key: `s${id}`, bytes: align(scratch), first: stepOf[id]!, last: stepOf[id]! });
  });
  const packed = graph.nodes.map((node, id) => choices[id]?.kernel.packs?.(contextOf(node, graph)));
  let keptBytes = 0;
  const keptAt = new Map<number, number>();
  packed.forEach((pack, id) => {
    if (pack === undefined) return;
    if (isFixed(graph.nodes[graph.nodes[id]!.inputs[pack.input]!]!, graph)) {
      keptAt.set(id, keptBytes);
      keptBytes += align(pack.bytes);
    } else intervals.push({ key: `p${id}`, bytes: align(pack.bytes), first: stepOf[id]!, last: stepOf[id]! });
  });
  const { offsets, total } = placeIntervals(intervals);

  const bufferIndex = new Map([...drafts.keys()].map((root, index) => [root, index]));
  const bufferOf = aliasOf.map((root) => bufferIndex.get(root)!);
  const buffers = [...drafts.values()].map((draft, index): PlanBuffer => {
    const { node, kind, name, first, last } = draft;
    const times = partsOf(draft, parts);
    const bytes = bufferBytes(node) * times;
    const shape = times === 1 ? node.shape : [times * node.shape[0]!, ...node.shape.slice(1)];
    const offset = kind === "variable" ? -1 : offsets.get(`b${draft.id}`)!;
    const value = node.op === "constant" ? (node.attributes as { value: number }).value : undefined;
    return { id: index, type: { shape, dtype: node.dtype }, kind, name, offset, bytes, first, last, value };
  });
  const steps = graph.nodes.filter(isComputed).map((node): PlanStep => {
    const { kernel, reason } = choices[node.id]!;
    const context = contextOf(node, graph);
    const definition = table[node.op]!;
    const pack = packed[node.id];
    const kept = keptAt.get(node.id);
    const offset = kept ?? offsets.get(`p${node.id}`) ?? 0;
    return {
      node: node.id,
      kernel: kernel.name,
      reason,
      inputs: node.inputs.map((id) => bufferOf[id]!),
      output: bufferOf[node.id]!,
      scratchOffset: offsets.get(`s${node.id}`) ?? 0,
      scratchBytes: kernel.scratchBytes?.(context) ?? 0,
      ...(pack && { packed: { kept: kept !== undefined, offset, bytes: pack.bytes } }),
      multiplyAdds: parts * definition.cost(context.inputs, node.attributes, node).multiplyAdds,
    };
  });
  const variableBytes = buffers
    .filter(({ kind }) => kind === "variable")
    .reduce((sum, { bytes }) => sum + align(bytes), 0);
  return { graph, parts, backend, steps, buffers, bufferOf, copies, arenaBytes: total, keptBytes, variableBytes };
}

const uncomputed: ReadonlySet<string> = new Set<LeafName | "reshape">(["input", "variable", "constant", "reshape"]);

/** Leaves are not computed, and a reshape is another name for its input. */
export function isComputed(node: Node): boolean {
  return !uncomputed.has(node.op);
}

export function contextOf(node: Node, graph: Graph): NodeContext {
  const { op, name, attributes } = node;
  const fixed = node.inputs.flatMap((id, position) => (isFixed(graph.nodes[id]!, graph) ? [position] : []));
  return { op, name, attributes, inputs: node.inputs.map((id) => graph.nodes[id]!), output: node, fixed };
}

/** The nodes that several kernels can compute, and which these are. */
export function choicesOf<K extends Kernel>(
  graph: Graph,
  backend: string,
  catalog: KernelCatalog<K>,
): KernelChoice<K>[] {
  const choices: KernelChoice<K>[] = [];
  for (const node of graph.nodes) {
    if (!isComputed(node)) continue;
    chooseKernel(node, graph, backend, catalog, (choice) => void choices.push(choice));
  }
  return choices;
}

function chooseKernel<K extends Kernel>(
  node: Node,
  graph: Graph,
  backend: string,
  catalog: KernelCatalog<K>,
  choose?: PlanGraphOptions<K>["choose"],
): Chosen<K> {
  const where = `${node.op} "${node.name}"`;
  const candidates = catalog[node.op as keyof KernelCatalog<K>];
  if (candidates === undefined || "unsupported" in candidates) {
    const why = candidates === undefined ? "it has no kernel for it" : candidates.unsupported;
    return fail({ code: "unsupported", where, problem: `the ${backend} backend cannot compute it: ${why}` });
  }
  const context = contextOf(node, graph);
  const refusals: string[] = [];
  const possible: K[] = [];
  let planned: Chosen<K> | undefined;
  for (const kernel of candidates) {
    const verdict = kernel.accepts(context);
    if (typeof verdict !== "string") possible.push(kernel);
    if (verdict === true) planned ??= { kernel, reason: refusals.join("; ") || "first choice" };
    else refusals.push(`not ${kernel.name}: ${typeof verdict === "string" ? verdict : verdict.unprofitable}`);
    if (planned !== undefined && choose === undefined) return planned;
  }
  if (planned === undefined) {
    return fail({
      code: "unsupported",
      where,
      problem: `no kernel of the ${backend} backend takes it: ${refusals.join("; ")}`,
    });
  }
  if (choose === undefined || possible.length < 2) return planned;
  return choose({ node: context, candidates: possible, planned: planned.kernel }) ?? planned;
}

/** Whether no run of the program changes a node's values: it is a variable, and no variable is updated. */
function isFixed(node: Node, graph: Graph): boolean {
  if (node.op === "reshape") return isFixed(graph.nodes[node.inputs[0]!]!, graph);
  return graph.updates.length === 0 && node.op === "variable";
}

/** Step at which each node is computed, −1 for leaves; a reshape happens with its source. */
function numberSteps(graph: Graph): number[] {
  let next = 0;
  const steps: number[] = [];
  for (const node of graph.nodes) {
    if (isComputed(node)) steps.push(next++);
    else steps.push(node.op === "reshape" ? steps[node.inputs[0]!]! : -1);
  }
  return steps;
}

/** For every node the node whose memory it uses: itself, its reshape's source, an overwritten input or a variable. */
function aliases(
  graph: Graph,
  choices: readonly ({ kernel: Kernel } | undefined)[],
  stepOf: readonly number[],
  keepAll: boolean,
) {
  const { nodes } = graph;
  const source = nodes.map((_, id) => id);
  for (const node of nodes) if (node.op === "reshape") source[node.id] = source[node.inputs[0]!]!;

  const lastRead = new Array<number>(nodes.length).fill(-1);
  const keep = (id: number) => {
    lastRead[source[id]!] = Number.POSITIVE_INFINITY;
  };
  for (const node of nodes) {
    if (!isComputed(node)) continue;
    for (const input of node.inputs) {
      const root = source[input]!;
      lastRead[root] = Math.max(lastRead[root]!, stepOf[node.id]!);
    }
  }
  for (const id of Object.values(graph.outputs)) keep(id);
  // a variable that another takes over is read after the last step, so nothing may be written over it before
  for (const { value } of graph.updates) if (!isComputed(nodes[source[value]!]!)) keep(value);

  const aliasOf = [...source];
  const copies: Update[] = [];
  const targets = new Set<number>();
  const valuesOfUpdates = new Set(graph.updates.map(({ value }) => source[value]!));
  for (const update of graph.updates) {
    const value = source[update.value]!;
    const step = stepOf[value]!;
    const node = nodes[value]!;
    const overwrites = isComputed(node) ? (choices[value]!.kernel.overwrites?.(contextOf(node, graph)) ?? []) : [];
    const readsItself = node.inputs.flatMap((id, position) => (source[id] === update.variable ? [position] : []));
    const inPlace =
      isComputed(node) &&
      !targets.has(value) &&
      lastRead[update.variable]! <= step &&
      readsItself.every((position) => overwrites.includes(position)) &&
      lastRead[value] !== Number.POSITIVE_INFINITY;
    if (inPlace) {
      targets.add(value);
      aliasOf[value] = update.variable;
    } else {
      copies.push(update);
      keep(update.value);
    }
  }
  if (!keepAll) {
    for (const node of nodes) {
      if (!isComputed(node) || aliasOf[node.id] !== node.id || valuesOfUpdates.has(node.id)) continue;
      const step = stepOf[node.id]!;
      const positions = choices[node.id]!.kernel.overwrites?.(contextOf(node, graph)) ?? [];
      const rootOf = (position: number) => aliasOf[source[node.inputs[position]!]!]!;
      const free = positions.find((position) => {
        const root = rootOf(position);
        const producer = nodes[root]!;
        return (
          isComputed(producer) &&
          node.inputs.every((_, other) => rootOf(other) !== root || positions.includes(other)) &&
          producer.dtype === node.dtype &&
          sizeOf(producer.shape) === sizeOf(node.shape) &&
          endOf(root, aliasOf, source, lastRead) === step
        );
      });
      if (free !== undefined) aliasOf[node.id] = rootOf(free);
    }
  }
  // reshapes follow whatever became of their source
  for (const node of nodes) if (node.op === "reshape") aliasOf[node.id] = aliasOf[source[node.id]!]!;
  return { aliasOf, copies };
}

/** Last read of anything that lives in the memory of `root`. */
function endOf(
  root: number,
  aliasOf: readonly number[],
  source: readonly number[],
  lastRead: readonly number[],
): number {
  let end = -1;
  for (let id = 0; id < aliasOf.length; id++) {
    if (aliasOf[source[id]!] === root) end = Math.max(end, lastRead[source[id]!]!);
  }
  return end;
}

/** One draft per piece of memory, with the lifetime that covers all its users. */
function draftBuffers(
  graph: Graph,
  aliasOf: readonly number[],
  stepOf: readonly number[],
  end: number,
  { keepAll, parts }: { keepAll: boolean; parts: number },
): Map<number, Draft> {
  const drafts = new Map<number, Draft>();
  for (const node of graph.nodes) {
    const root = aliasOf[node.id]!;
    const step = stepOf[node.id]!;
    const draft = drafts.get(root);
    if (draft !== undefined) draft.last = Math.max(draft.last, step);
    else {
      const base = graph.nodes[root]!;
      const kind = base.op === "variable" || base.op === "input" || base.op === "constant" ? base.op : "temporary";
      drafts.set(root, {
        id: root,
        node: base,
        kind,
        name: base.name,
        first: stepOf[root]!,
        last: keepAll ? end : step,
      });
    }
  }
  for (const node of graph.nodes) {
    if (!isComputed(node)) continue;
    for (const input of node.inputs) {
      const draft = drafts.get(aliasOf[input]!)!;
      draft.last = Math.max(draft.last, stepOf[node.id]!);
    }
  }
  for (const draft of drafts.values()) {
    // what is written before the first step must not be overwritten by a later one of an earlier lifetime
    // and stays there, so that a step can be run again on the same inputs
    if (draft.kind !== "input" && draft.kind !== "constant") continue;
    draft.first = -1;
    draft.last = end;
  }
  for (const { value } of graph.updates) {
    const draft = drafts.get(aliasOf[value]!)!;
    if (draft.kind !== "variable") draft.last = end;
  }
  for (const [name, id] of Object.entries(graph.outputs)) {
    const draft = drafts.get(aliasOf[id]!)!;
    draft.last = end;
    if (draft.kind === "temporary") Object.assign(draft, { kind: "output", name });
    // what one part wrote stays while the next ones run
    if (parts > 1) draft.first = -1;
  }
  return drafts;
}

/** How many parts of the batch a tensor's memory holds. */
function partsOf({ kind }: Draft, parts: number): number {
  return kind === "input" || kind === "output" ? parts : 1;
}

function bufferBytes(node: Node): number {
  return sizeOf(node.shape) * bytesOf(node.dtype);
}
