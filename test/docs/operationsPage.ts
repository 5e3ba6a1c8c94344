import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { catalog } from "../../src/backends/wasm/catalog.js";
import type { Graph } from "../../src/graph/types.js";
import { ops } from "../../src/ops/index.js";
import type { ComputedOp } from "../../src/plan/types.js";
import { cases } from "../cases/index.js";
import { testedBackends } from "../harness/backends.js";
import type { AnyCase, CaseOp } from "../harness/case.js";
import { root } from "../harness/generated.js";
import { experimentOf, gradientName } from "../harness/graph.js";
import { convolutionExperiment, convolutionFixture } from "../pytorch/convolutionEntries.js";
import { layerEntryExperiment, layerFixture } from "../pytorch/layerEntries.js";
import { indicesEntry, indicesExperiment, opExperiment, opFixture } from "../pytorch/opEntries.js";
import { table } from "./markdown.js";

/** Ops that one graph computes with, and those that only its gradients are made of. */
interface Parts {
  readonly forward: ReadonlySet<string>;
  readonly gradient: ReadonlySet<string>;
}

/** Ops that are in every gradient of the harness, since its loss is a weighted sum; and leaves. */
const everywhere = ["map", "reduce", "reshape", "input", "variable", "constant"];

function partsOf(graph: Graph): Parts {
  const needed = new Set<number>();
  const visit = (id: number) => {
    if (needed.has(id)) return;
    needed.add(id);
    graph.nodes[id]!.inputs.forEach(visit);
  };
  const isResult = (output: string) => output !== "loss" && !output.startsWith(gradientName(""));
  for (const [output, id] of Object.entries(graph.outputs)) if (isResult(output)) visit(id);
  const forward = new Set(graph.nodes.filter(({ id }) => needed.has(id)).map(({ op }) => op));
  const rest = graph.nodes.filter(({ id, op }) => !needed.has(id) && !everywhere.includes(op));
  return { forward, gradient: new Set(rest.map(({ op }) => op)) };
}

/** docs/operations.md: what each op is, which kernels it has, and what its results were compared with. */
export function operationsPage(): string {
  const all = Object.values(cases).flat() as readonly AnyCase[];
  const parts = new Map(all.map((testCase) => [testCase, partsOf(experimentOf(testCase).graph)]));
  const differentiated = all.filter(({ gradient, finiteDifferences = true }) => gradient && finiteDifferences);
  const peers = [
    ...opFixture.entries.map(opExperiment),
    indicesExperiment(indicesEntry),
    ...convolutionFixture.entries.map(convolutionExperiment),
    ...layerFixture.entries.map(layerEntryExperiment),
  ].map(({ graph }) => partsOf(graph));
  const sources = opSources();

  const names = Object.keys(cases) as CaseOp[];
  const definitions = names.map((op) => {
    const { file, summary } = sources.get(op)!;
    return [`[${op}](../src/ops/${file})`, summary, gradientOf(op, all, parts)];
  });
  const checks = names.map((op) => {
    const own = differentiated.filter((testCase) => testCase.op === op).length;
    const within = differentiated.filter((testCase) => testCase.op !== op && parts.get(testCase)!.gradient.has(op));
    const compared = peers.filter(({ forward, gradient }) => forward.has(op) || gradient.has(op)).length;
    const kernels =
      op === "reshape" ? ["none: the same memory"] : catalog[op as ComputedOp].map(({ name }) => `\`${name}\``);
    return [op, kernels.join("<br>"), String(cases[op].length), `${own} + ${within.length}`, String(compared)];
  });
  return `${[
    "# Operations",
    introduction,
    "## What they compute",
    table(["op", "computes", "gradient"], definitions),
    "## Kernels and checks",
    checked,
    table(["op", "wasm kernels, the preferred first", "cases", "finite differences", "PyTorch"], checks),
  ].join("\n\n")}\n`;
}

const introduction = `\
Everything that fovea computes is made of these ops; layers, losses and optimisers are graphs of them. \`map\` applies any
scalar expression, so that activations and optimisers need no op of their own. \`npm run docs\` makes this page from the
tables of ops, kernels, test cases and fixtures; the tests fail when it is out of date.`;

const checked = `\
The backend \`reference\` has naive loops for every op (\`src/ops/<op>.reference.ts\`), the measure of truth in float64. The
backend \`wasm\` has the kernels below; \`npx fovea plan\` tells which ones a network takes, and why.

- **Cases** (\`test/cases\`) compare values and gradients with float64, within bounds that follow from the arithmetic, on
  each of: ${testedBackends.map(({ name }) => name).join("; ")}.
- **Finite differences** of the reference in float64 check the gradient in so many of the op's own cases + in so many
  cases of other ops whose gradient it is part of.
- **PyTorch** ${opFixture.pytorch.replace(/\+.*/, "")} computed so many entries of \`test/fixtures/{ops,poolIndices,convolutions,layers}.json\` that the op
  takes part in, values and gradients. Further fixtures hold losses, optimisers, whole networks and training runs.`;

/** What the gradient is made of, beside maps and reductions; or why there is none. */
function gradientOf(op: CaseOp, all: readonly AnyCase[], parts: ReadonlyMap<AnyCase, Parts>): string {
  const { gradient } = ops[op];
  if (typeof gradient === "object") return `none: ${gradient.none}`;
  const found = all.filter((testCase) => testCase.op === op && testCase.gradient);
  if (found.length === 0) throw new Error(`${op}: no case checks its gradient`);
  const made = new Set(found.flatMap((testCase) => [...parts.get(testCase)!.gradient]));
  return made.size === 0 ? "maps, reductions, reshapes" : [...made].sort().join(", ");
}

/** File and first sentence of the comment of every op. */
function opSources(): Map<string, { readonly file: string; readonly summary: string }> {
  const folder = `${root}src/ops`;
  const files = readdirSync(folder).filter((name) => name.endsWith(".ts") && !name.endsWith(".reference.ts"));
  return new Map(
    files.flatMap((name) => {
      const comments = readFileSync(`${folder}/${name}`, "utf8").matchAll(
        /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*export const (\w+): OpDefinition/g,
      );
      return [...comments].map(([, text, op]) => {
        const line = text!
          .replace(/^\s*\* ?/gm, "")
          .replace(/\s+/g, " ")
          .trim();
        return [op!, { file: basename(name), summary: firstSentence(line) }] as const;
      });
    }),
  );
}

/** Of a comment in which a list follows, what stands before it. */
function firstSentence(text: string): string {
  const [before, list] = text.split(/ - (?=`)/);
  const sentence = list === undefined ? /^.{40,}?\.(?= [A-Z]|$)/.exec(text)?.[0] : before!.replace(/[:;][^:;]*$/, ".");
  return (sentence ?? text).replace(/\{@link (\w+)\}/g, "`$1`");
}
