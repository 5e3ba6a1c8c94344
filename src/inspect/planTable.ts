import { lowerBound } from "../plan/place.js";
import type { Plan } from "../plan/types.js";

/** One step of a program. Plain JSON. */
export interface PlannedStep {
  /** The layer or purpose that it serves. */
  readonly layer: string;
  readonly op: string;
  readonly kernel: string;
  readonly outputShape: readonly number[];
  /** Elementwise steps count one for each operation. */
  readonly multiplyAdds: number;
  /** Memory that the output takes; 0 where it is written over an input or a variable. */
  readonly outputBytes: number;
  /** Working memory of the kernel. */
  readonly scratchBytes: number;
  /** Why this kernel: "first choice", what those before it refused, or what was measured. */
  readonly reason: string;
}

/** What a program does and needs. */
export interface PlanSummary {
  readonly backend: string;
  readonly steps: readonly PlannedStep[];
  readonly multiplyAdds: number;
  /** Memory of one step, beside the variables: inputs, results on their way, working memory. */
  readonly arenaBytes: number;
  /** Parts of the batch that a run goes through one after the other; steps and shapes are those of one, the rest of all. */
  readonly parts: number;
  /** Most bytes that are alive at once: no placement takes less than this. */
  readonly lowerBoundBytes: number;
  readonly variableBytes: number;
  /** Weights in the order that kernels read them in, kept from run to run beside the variables: predictions alone. */
  readonly keptBytes: number;
}

/** What a plan decided, step by step: data to print with {@link formatPlan} or as JSON. */
export function summarizePlan(plan: Plan): PlanSummary {
  const seen = new Set<number>();
  const steps = plan.steps.map((step): PlannedStep => {
    const node = plan.graph.nodes[step.node]!;
    const buffer = plan.buffers[step.output]!;
    const isNew = buffer.kind !== "variable" && !seen.has(step.output);
    seen.add(step.output);
    return {
      layer: node.name,
      op: node.op,
      kernel: step.kernel,
      outputShape: node.shape,
      multiplyAdds: step.multiplyAdds,
      outputBytes: isNew ? buffer.bytes : 0,
      scratchBytes: step.scratchBytes,
      reason: step.reason,
    };
  });
  return {
    backend: plan.backend,
    steps,
    multiplyAdds: steps.reduce((sum, { multiplyAdds }) => sum + multiplyAdds, 0),
    arenaBytes: plan.arenaBytes,
    parts: plan.parts,
    lowerBoundBytes: lowerBoundOf(plan),
    variableBytes: plan.variableBytes,
    keptBytes: plan.keptBytes,
  };
}

/** Everything in the arena starts on a cache line of its own. */
const align = (bytes: number) => 64 * Math.ceil(bytes / 64);

function lowerBoundOf({ buffers, steps }: Plan): number {
  const tensors = buffers
    .filter(({ kind }) => kind !== "variable")
    .map(({ id, bytes, first, last }) => ({ key: `buffer ${id}`, bytes: align(bytes), first, last }));
  const scratch = steps.map(({ scratchBytes }, i) => {
    return { key: `scratch ${i}`, bytes: align(scratchBytes), first: i, last: i };
  });
  return lowerBound([...tensors, ...scratch]);
}

interface Column {
  readonly title: string;
  readonly right?: boolean;
  cell(step: PlannedStep): string;
  total?(summary: PlanSummary): string;
}

const gap = "  ";
/** Names are cut to this many characters before a column is left out. */
const shortestName = 12;

/**
 * A plan as a table, a line per step, of at most `width` columns: long names are cut, and the columns that can best be
 * spared left out where even that is too wide. Why a kernel was chosen that was not the first choice stands below.
 *
 * @returns lines, each ended by a line feed
 */
export function formatPlan(summary: PlanSummary, { width = 100 }: { readonly width?: number } = {}): string {
  const reasons = [...new Set(summary.steps.map(({ reason }) => reason))].filter((reason) => reason !== "first choice");
  const columns: readonly Column[] = [
    { title: "Layer", cell: ({ layer }) => layer || "–", total: () => "Total" },
    { title: "Op", cell: ({ op }) => op },
    { title: "Kernel", cell: ({ kernel }) => shortName(kernel) },
    { title: "Output", cell: ({ outputShape }) => outputShape.map(formatCount).join(" × ") || "scalar" },
    {
      title: "Multiply-adds",
      right: true,
      cell: ({ multiplyAdds }) => formatCount(multiplyAdds),
      total: ({ multiplyAdds }) => formatCount(multiplyAdds),
    },
    { title: "Memory", right: true, cell: ({ outputBytes }) => (outputBytes === 0 ? "in place" : bytes(outputBytes)) },
    { title: "Scratch", right: true, cell: ({ scratchBytes }) => (scratchBytes === 0 ? "–" : bytes(scratchBytes)) },
    { title: "Why", cell: ({ reason }) => (reasons.includes(reason) ? `[${reasons.indexOf(reason) + 1}]` : "first") },
  ];
  const lines = layOut(columns, summary, width);
  const notes = reasons.flatMap((reason, i) => wrap(`[${i + 1}] ${reason}`, width, "    "));
  const { arenaBytes, lowerBoundBytes, variableBytes, keptBytes, parts, steps } = summary;
  const excess = lowerBoundBytes === 0 ? 0 : 100 * (arenaBytes / lowerBoundBytes - 1);
  const above = arenaBytes === lowerBoundBytes ? "as little as can be" : `${excess.toFixed(1)} % above the least`;
  const totals = [
    `${formatCount(steps.length)} steps. Kernels are called ${prefix}…${suffix}; scalar ones end in _scalar.`,
    ...(parts > 1
      ? [`Parts      the batch passes through these steps in ${formatCount(parts)} parts: caches hold one`]
      : []),
    `Arena      ${formatCount(arenaBytes)} bytes (${bytes(arenaBytes)})`,
    `At least   ${formatCount(lowerBoundBytes)} bytes alive at once: the arena is ${above}`,
    `Variables  ${formatCount(variableBytes)} bytes (${bytes(variableBytes)})`,
    ...(keptBytes > 0 ? [`Kept       ${formatCount(keptBytes)} bytes (${bytes(keptBytes)}) of packed weights`] : []),
  ];
  const blocks = [
    lines,
    ...(notes.length > 0 ? [notes] : []),
    totals.flatMap((line) => wrap(line, width, " ".repeat(11))),
  ];
  return `${blocks.map((block) => block.join("\n")).join("\n\n")}\n`;
}

const prefix = "f32_";
const suffix = "_simd128";

/** What nearly all names have in common is said once, below the table. */
function shortName(kernel: string): string {
  return kernel.replace(RegExp(`^${prefix}`), "").replace(RegExp(`${suffix}$`), "");
}

/** Left out in this order where the line is too short: the kernel's name begins with the op's. */
const spared = ["Op", "Scratch", "Multiply-adds", "Output", "Memory"];

function layOut(columns: readonly Column[], summary: PlanSummary, width: number): string[] {
  let shown = columns.map((column) => {
    const cells = [column.title, ...summary.steps.map((step) => column.cell(step)), column.total?.(summary) ?? ""];
    return { column, cells, width: Math.max(...cells.map((cell) => cell.length)) };
  });
  const excess = () => shown.reduce((sum, part) => sum + part.width, gap.length * (shown.length - 1)) - width;
  const layer = shown[0]!;
  const longest = layer.width;
  const fits = () => {
    layer.width = longest;
    layer.width = Math.max(Math.min(shortestName, longest), Math.min(longest, longest - excess()));
    return excess() <= 0;
  };
  for (const title of spared) {
    if (fits()) break;
    shown = shown.filter(({ column }) => column.title !== title);
  }
  if (!fits()) {
    const kernel = shown.find(({ column }) => column.title === "Kernel")!;
    kernel.width = Math.max(shortestName, kernel.width - excess());
  }
  const line = (row: number) =>
    shown
      .map(({ cells, width, column }) => {
        const cell = cells[row]!;
        const text = cell.length <= width ? cell : `${cell.slice(0, width - 1)}…`;
        return column.right === true ? text.padStart(width) : text.padEnd(width);
      })
      .join(gap)
      .trimEnd();
  const rule = "─".repeat(excess() + width);
  const hasTotals = shown.some(({ column }, i) => i > 0 && column.total !== undefined);
  const totals = hasTotals ? [rule, line(summary.steps.length + 1)] : [];
  return [line(0), rule, ...summary.steps.map((_, i) => line(i + 1)), ...totals];
}

/** Breaks a text between words; all lines but the first begin with `indent`. */
function wrap(text: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent + word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `784 B`, `7.8 kB`, `1.1 MB`: powers of 1000. */
function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const power = Math.min(4, Math.floor(Math.log10(count) / 3));
  return `${(count / 1000 ** power).toFixed(1)} ${["B", "kB", "MB", "GB", "TB"][power]}`;
}
