import { afterAll, beforeAll, describe, it } from "vitest";
import type { NumericArray } from "../../src/core/dtypes.js";
import { keyOf, RandomStream } from "../../src/core/random.js";
import type { Graph } from "../../src/graph/types.js";
import { verifyGraph } from "../../src/graph/verify.js";
import { ops } from "../../src/ops/index.js";
import type { Backend } from "../../src/plan/backend.js";
import { testedBackends, truth } from "./backends.js";
import { boundsOf, relativeErrorOf } from "./bounds.js";
import type { AnyCase } from "./case.js";
import { expectClose, expectWithin } from "./compare.js";
import { compileGraph, type Experiment, experimentOf, gradientName, runGraph } from "./graph.js";

/** One test per case: gradients against finite differences, then every backend against float64. */
export function describeCases(cases: readonly AnyCase[]): void {
  const backends = useBackends();
  for (const op of new Set(cases.map((testCase) => testCase.op))) {
    describe(op, () => {
      for (const testCase of cases.filter((testCase) => testCase.op === op)) {
        it(testCase.name, () => checkCase(testCase, backends()));
      }
    });
  }
}

/** The tested backends, made before the first test of the file and closed after the last. */
export function useBackends(): () => readonly NamedBackend[] {
  const backends: NamedBackend[] = [];
  beforeAll(async () => {
    for (const { name, sameAs, create } of testedBackends) backends.push({ name, sameAs, backend: await create() });
  });
  afterAll(async () => {
    for (const { backend } of backends) await backend.close();
  });
  return () => backends;
}

export interface NamedBackend {
  readonly name: string;
  readonly sameAs?: string;
  readonly backend: Backend;
}

/**
 * What roundings grow by in Winograd's transforms of one axis, at most: `growth` of test/backends/wasm/winograd.test.ts.
 * Results round as their neighbours in a row do, so that the largest bound of a tensor holds for all of it.
 */
const growthAlongRows = 14;

export async function checkCase(testCase: AnyCase, backends: readonly NamedBackend[]): Promise<void> {
  const experiment = experimentOf(testCase);
  verifyGraph(experiment.graph, ops);
  if (testCase.gradient && testCase.finiteDifferences !== false) {
    await checkDifferences(experiment, experimentOf(testCase, false).graph);
  }
  await checkBackends(experiment, backends);
}

/** Every output of a graph on every backend, within the bounds that error analysis gives. */
export async function checkBackends(
  experiment: Omit<Experiment, "wrt">,
  backends: readonly NamedBackend[],
): Promise<void> {
  const bounds = boundsOf(experiment.graph, experiment.leaves);
  const results = new Map<string, Record<string, NumericArray>>();
  for (const { name, sameAs, backend } of backends) {
    const mixes = backend.plan(experiment.graph).steps.some(({ kernel }) => kernel.includes("winograd_rows"));
    const actual = await runGraph(backend, experiment);
    results.set(name, actual);
    for (const [output, id] of Object.entries(experiment.graph.outputs)) {
      const { value, bound } = bounds[id]!;
      const largest = bound.reduce((most, next) => Math.max(most, next), 0);
      expectWithin(`${output} on ${name}`, actual[output]!, value, (i) =>
        mixes ? growthAlongRows * largest : bound[i]!,
      );
      const twin = sameAs === undefined ? undefined : results.get(sameAs);
      if (twin !== undefined) expectWithin(`${output} on ${name}, as on ${sameAs}`, actual[output]!, twin[output]!);
    }
  }
}

/** Every output of a network on every backend, judged as a whole: see `relativeErrorOf`. */
export async function checkNetwork(
  { graph, leaves }: Omit<Experiment, "wrt">,
  backends: readonly NamedBackend[],
): Promise<void> {
  const expected = await runGraph(truth, { graph, leaves });
  const tolerance = relativeErrorOf(graph);
  for (const { name, backend } of backends) {
    const actual = await runGraph(backend, { graph, leaves });
    for (const [output, values] of Object.entries(expected)) {
      expectClose(`${output} on ${name}`, actual[output]!, values, tolerance);
    }
  }
}

/** Relative accuracy asked of a gradient in float64. */
const accuracy = 1e-6;
/** Step of the central difference: the error h² · loss‴ / 6 and the rounding 10⁻¹⁶ · loss / h are both near 10⁻¹⁰. */
const h = 2 ** -16;
/** Entries tried one by one; directions over all entries cover the rest. */
const entries = 8;
const directions = 2;

/**
 * `(loss(x + h·d) − loss(x − h·d)) / 2h = gradient · d`, in float64, for single entries and for whole directions d.
 * `plain` is the same graph, at best without the gradients: only its loss is read.
 */
export async function checkDifferences({ leaves, wrt, graph }: Experiment, plain: Graph): Promise<void> {
  const gradients = await runGraph(truth, { graph, leaves });
  const evaluate = await compileGraph(truth, plain);
  const loss = (changed: Record<string, NumericArray>) => evaluate({ ...leaves, ...changed }).loss![0]!;
  const magnitude = Float64Array.from(gradients.value!).reduce((sum, value) => sum + Math.abs(value), 0);

  for (const name of wrt) {
    const values = Float64Array.from(leaves[name]!);
    const gradient = gradients[gradientName(name)] ?? new Float64Array(values.length);
    const stream = new RandomStream(keyOf(3, name));
    for (const direction of directionsFor(values.length, stream)) {
      const moved = (step: number) => values.map((value, i) => value + step * direction[i]!);
      const difference = (loss({ [name]: moved(h) }) - loss({ [name]: moved(-h) })) / (2 * h);
      let expected = 0;
      let scale = 0;
      direction.forEach((d, i) => {
        expected += d * gradient[i]!;
        scale += Math.abs(d * gradient[i]!);
      });
      const tolerance = accuracy * scale + 1e-9 * (1 + magnitude);
      if (Math.abs(difference - expected) <= tolerance) continue;
      const place = direction.filter((d) => d !== 0).length === 1 ? `[${direction.indexOf(1)}]` : " along a direction";
      throw new Error(`${gradientName(name)}${place} is ${expected}, finite differences give ${difference}`);
    }
  }
}

function directionsFor(size: number, stream: RandomStream): number[][] {
  const single = (entry: number) => Array.from({ length: size }, (_, i) => (i === entry ? 1 : 0));
  if (size <= entries) return Array.from({ length: size }, (_, entry) => single(entry));
  const chosen = [0, size - 1, ...Array.from({ length: entries - 2 }, () => stream.integer(size))];
  const whole = () => Array.from({ length: size }, () => stream.uniform(-1, 1));
  return [...chosen.map(single), ...Array.from({ length: directions }, whole)];
}
