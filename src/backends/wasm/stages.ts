import type { Engine, Phase } from "./kernel.js";

/** A range of bytes that a phase reads or writes; variables and the arena are apart. */
export interface Access {
  readonly space: "variables" | "arena";
  readonly from: number;
  readonly to: number;
}

/** A phase and the memory that it touches. */
export interface PhaseAccess {
  readonly phase: Phase;
  readonly reads: readonly Access[];
  readonly writes: readonly Access[];
}

/**
 * Phases of which a thread takes the same tasks, so that they need no barrier between them: one phase, or elementwise
 * ones over equally many elements, each of which needs of another only the elements that it computes itself. They run
 * one after the other: passing every task through all of them would keep it in cache, but memory is read faster in long
 * lines than in many short ones (measured: a fifth slower).
 */
export type Sweep<P extends PhaseAccess> = readonly P[];

/**
 * Sweeps that do not depend on each other: threads share out the tasks of all of them as if they were those of one, so
 * that an optimiser's many small updates are one pass.
 */
export interface Stage<P extends PhaseAccess> {
  readonly sweeps: readonly Sweep<P>[];
  /** Whether threads share it: otherwise the first one does it alone. */
  readonly shared: boolean;
}

/** Part of `worthSharing` from which on a stage is shared that needs no barrier more for it. */
const worthSharingForFree = 1 / 8;

/** All stages, in lists between which threads must wait for each other. */
export function scheduleOf<P extends PhaseAccess>(phases: readonly P[], engine: Engine): Stage<P>[][] {
  const lists: Stage<P>[][] = [[]];
  for (const stage of stagesOf(phases, engine)) {
    const last = lists[lists.length - 1]!;
    if (last.some((earlier) => mustWait(earlier, stage))) lists.push([stage]);
    else last.push(stage);
  }
  // alone between two barriers, a stage keeps the others waiting in any case
  const isFree = (list: Stage<P>[]) => list.length === 1 && isShared(list[0]!.sweeps, engine, worthSharingForFree);
  return lists.length === 1 ? lists : lists.map((list) => (isFree(list) ? [{ ...list[0]!, shared: true }] : list));
}

/** Joins neighbouring elementwise phases into stages; every other phase is a stage by itself. */
export function stagesOf<P extends PhaseAccess>(phases: readonly P[], engine: Engine): Stage<P>[] {
  const stages: Sweep<P>[][] = [];
  /** The last stage, while it takes elementwise phases. */
  let open: Sweep<P>[] | undefined;
  for (const item of phases) {
    const before = open?.filter((sweep) => sweep.some((earlier) => conflicts(earlier, item).length > 0)) ?? [];
    if (open === undefined || item.phase.elements === undefined || !before.flat().every((p) => keepsStep(p, item))) {
      const stage = [[item]];
      stages.push(stage);
      open = item.phase.elements === undefined ? undefined : stage;
      continue;
    }
    open.splice(0, open.length, ...open.filter((sweep) => !before.includes(sweep)), [...before.flat(), item]);
  }
  return stages.map((sweeps) => ({ sweeps, shared: isShared(sweeps, engine) }));
}

function isShared(sweeps: readonly Sweep<PhaseAccess>[], { threads, worthSharing }: Engine, part = 1): boolean {
  const tasks = sweeps.reduce((sum, sweep) => sum + tasksOf(sweep), 0);
  const cycles = sweeps.flat().reduce((sum, { phase }) => sum + phase.cycles, 0);
  return threads > 1 && tasks > 1 && cycles >= part * worthSharing;
}

export function tasksOf(sweep: Sweep<PhaseAccess>): number {
  return sweep[0]!.phase.tasks;
}

/** Cycles that weigh 1. */
const unit = 64;

/** What a task of a sweep weighs where several sweeps are shared out together: a whole number. */
export function weightOf(sweep: Sweep<PhaseAccess>): number {
  const cycles = sweep.reduce((sum, { phase }) => sum + phase.cycles, 0);
  return 1 + Math.round(cycles / tasksOf(sweep) / unit);
}

/** Whether a barrier must stand between two stages: they touch the same bytes, one of them writing, on two threads. */
export function mustWait(earlier: Stage<PhaseAccess>, later: Stage<PhaseAccess>): boolean {
  if (!earlier.shared && !later.shared) return false;
  return earlier.sweeps.flat().some((a) => later.sweeps.flat().some((b) => conflicts(a, b).length > 0));
}

/** Pairs of overlapping ranges, one of each phase, of which one is written. */
function conflicts(a: PhaseAccess, b: PhaseAccess): (readonly [Access, Access])[] {
  return [...overlaps(a.writes, b.reads), ...overlaps(a.writes, b.writes), ...overlaps(a.reads, b.writes)];
}

function overlaps(a: readonly Access[], b: readonly Access[]): (readonly [Access, Access])[] {
  return a.flatMap((x) =>
    b.filter((y) => x.space === y.space && x.from < y.to && y.from < x.to).map((y) => [x, y] as const),
  );
}

/**
 * Whether two elementwise phases meet only in tensors that both cross element by element, so that a task of the later
 * one needs that task of the earlier one and no other.
 */
function keepsStep(earlier: PhaseAccess, later: PhaseAccess): boolean {
  const { elements } = later.phase;
  const isWhole = ({ from, to }: Access) => elements !== undefined && to - from === 4 * elements;
  const aligned = ([a, b]: readonly [Access, Access]) => a.from === b.from && isWhole(a) && isWhole(b);
  return earlier.phase.elements === elements && conflicts(earlier, later).every(aligned);
}
