import type { Layer } from "./layer.js";

/**
 * Names for layers in their order: the user's own, and for the others the kind, numbered from the second one on
 * (`conv2d`, `conv2d_1`, …), leaving out what is taken. A pure function, so that a network's names do not depend on
 * what was built before it.
 */
export function nameLayers(layers: readonly Layer[], taken: readonly string[]): Map<Layer, string> {
  const used = new Set([...taken, ...layers.flatMap(({ name }) => name ?? [])]);
  const counts = new Map<string, number>();
  return new Map(layers.map((layer) => [layer, layer.name ?? nextName(layer.kind, used, counts)]));
}

/** `stem`, `stem_1`, `stem_2`, …: the first that is not used, which it then is. */
export function nextName(stem: string, used: Set<string>, counts: Map<string, number>): string {
  for (;;) {
    const count = counts.get(stem) ?? 0;
    counts.set(stem, count + 1);
    const name = count === 0 ? stem : `${stem}_${count}`;
    if (used.has(name)) continue;
    used.add(name);
    return name;
  }
}
