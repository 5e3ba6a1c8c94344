import type { Graph } from "../graph/types.js";
import { foldConstants } from "./constants.js";
import { fuse } from "./fuse.js";
import { withoutDeadNodes } from "./rewrite.js";
import { updateEarly } from "./updates.js";

/** One pass: graph → graph, named for printing. */
export interface Pass {
  readonly name: string;
  readonly run: (graph: Graph) => Graph;
}

/** The passes in the order in which they run. */
export const passes: readonly Pass[] = [
  { name: "remove dead nodes", run: withoutDeadNodes },
  { name: "fold constants", run: foldConstants },
  { name: "fuse", run: fuse },
  { name: "update early", run: updateEarly },
];

export function optimize(graph: Graph): Graph {
  return passes.reduce((current, pass) => pass.run(current), graph);
}
