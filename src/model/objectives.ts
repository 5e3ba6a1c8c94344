import { fail } from "../core/errors.js";
import { list, located, namedParts, numberThat } from "./check.js";
import { checkLoss, type Loss, type LossOption, lossFromJSON, lossOf } from "./losses.js";
import { type Network, tensorName } from "./network.js";

/** One loss for a network's only output, or losses by the names of outputs: those of the layers that make them. */
export type LossSpec = LossOption | Readonly<Record<string, LossOption>>;

/** What each loss counts in the sum, by the names of outputs. Default: 1 each. */
export type LossWeights = Readonly<Record<string, number>>;

/** A loss of one of the network's outputs. */
export interface Objective {
  /** Name of the output. */
  readonly name: string;
  /** Which of the network's outputs. */
  readonly position: number;
  readonly loss: Loss;
  /** What the loss counts in the sum. */
  readonly weight: number;
  /** Name of the program's input for the targets: `target` for the first, `target.<output>` for the others. */
  readonly target: string;
  /** What names of further inputs begin with: `loss`, or `loss.<output>`. */
  readonly prefix: string;
}

/** What is added to an objective's names in programs: nothing for the first one. */
export function suffixOf({ target }: Pick<Objective, "target">): string {
  return target.slice("target".length);
}

/**
 * The losses of a network, in the order of its outputs, checked.
 *
 * Errors: code "option" for unknown losses, outputs or weights; code "unsupported" for one loss and several outputs;
 * those of {@link checkLoss}.
 */
export function objectivesOf(network: Network, spec: unknown, weights: unknown, where: string): readonly Objective[] {
  const names = network.outputs.map((tensor) => tensorName(network, tensor));
  const given = isRecord(spec) ? Object.entries(spec) : [[names[0]!, spec] as const];
  if (!isRecord(spec) && names.length > 1) {
    const loss = lossOf(where, spec);
    fail({
      code: "unsupported",
      where: `loss "${loss.kind}"`,
      problem: "takes a network with one output",
      received: `${names.length} outputs`,
      fix: `Give losses by the names of outputs: { ${names.map((name) => `"${name}": …`).join(", ")} }`,
    });
  }
  const factors = namedParts(where, "lossWeights", weights ?? {});
  const trained = given.map(([name]) => name);
  checkNames(where, "loss", trained, names);
  checkNames(where, "lossWeights", Object.keys(factors), trained);
  const found = given.map(([name, option]) => ({ name, position: names.indexOf(name), loss: lossOf(where, option) }));
  return found
    .sort((a, b) => a.position - b.position)
    .map(({ name, position, loss }, i) => {
      checkLoss(network, loss, position);
      const weight = numberThat(where, `lossWeights.${name}`, factors[name] ?? 1, "a number ≥ 0", (w) => w >= 0);
      const suffix = i === 0 ? "" : `.${name}`;
      return { name, position, loss, weight, target: `target${suffix}`, prefix: `loss${suffix}` };
    });
}

/** Equal for objectives that make the same nodes. */
export function keyOfObjectives(objectives: readonly Objective[]): string {
  return JSON.stringify(objectives.map(({ name, loss, weight }) => [name, loss.key, weight]));
}

/** What a file says of losses; undefined where one is a function, which no file can hold. */
export function specToText(spec: LossSpec): string | undefined {
  const all = isRecord(spec) ? Object.values(spec) : [spec];
  if (all.some((loss) => typeof loss === "function" || (typeof loss === "object" && loss.key.startsWith("custom")))) {
    return undefined;
  }
  if (typeof spec === "string") return spec;
  const json = isRecord(spec) ? { outputs: Object.entries(spec) } : spec;
  const text = JSON.stringify(json);
  return text.startsWith('"') ? JSON.parse(text) : text;
}

/** Reads what {@link specToText} wrote. */
export function specFromText(where: string, text: string): LossSpec {
  if (!text.startsWith("{")) return lossOf(where, text);
  const json = located(where, () => parse(where, text));
  if (!("outputs" in json)) return lossFromJSON(where, json);
  const entries = list(where, "outputs", json.outputs).map((entry): [string, Loss] => {
    const [name, loss] = list(where, "output", entry);
    return [String(name), lossFromJSON(where, loss)];
  });
  return Object.fromEntries(entries);
}

function parse(where: string, text: string): Readonly<Record<string, unknown>> {
  try {
    return namedParts(where, "loss", JSON.parse(text));
  } catch (cause) {
    return fail({ code: "format", where, problem: "is no JSON", cause });
  }
}

/** Whether the value lists losses by outputs, and is not a loss itself. */
function isRecord(spec: unknown): spec is Readonly<Record<string, LossOption>> {
  return typeof spec === "object" && spec !== null && !("emit" in spec);
}

function checkNames(where: string, option: string, given: readonly string[], known: readonly string[]): void {
  const wrong = given.find((name) => !known.includes(name));
  if (wrong === undefined && given.length > 0) return;
  if (wrong === undefined && option === "lossWeights") return;
  fail({
    code: "option",
    where,
    problem:
      wrong === undefined ? `${option} names no output` : `${option} names "${wrong}", which is no output with a loss`,
    expected: `some of ${known.join(", ")}`,
  });
}
