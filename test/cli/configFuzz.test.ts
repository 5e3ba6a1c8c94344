import fc from "fast-check";
import { test } from "vitest";
import { parseJson } from "../../src/cli/json.js";
import { checkedConfig, resolveConfig } from "../../src/cli/trainConfig.js";
import { findRecipe, recipes } from "../../src/zoo/recipes.js";
import { expectReadOrRefused, fileName, fuzzTimeout, undamaged } from "../harness/damaged.js";

const configs = [
  ...recipes.slice(0, 6).map(({ name, settings }) => ({ recipe: name, settings, checkpoint: { keep: 3 } })),
  { data: "photos", model: "resnet18", imageSize: 64, corrupt: "skip", grey: true, settings: { epochs: 3, test: 0.2 } },
  { recipe: "cifar", settings: { ...findRecipe("cifar").settings, optimizer: "rmsprop", augment: "flip,0.3*blur:1" } },
];

/** One member, at any depth, gets another value or another name. */
const replaced = fc
  .record({ place: fc.nat(), value: fc.jsonValue({ maxDepth: 2 }), rename: fc.boolean() })
  .map(({ place, value, rename }) => (file: Uint8Array) => {
    const config: unknown = JSON.parse(new TextDecoder().decode(file));
    const members: { readonly owner: Record<string, unknown>; readonly name: string }[] = [];
    const collect = (owner: unknown): void => {
      if (typeof owner !== "object" || owner === null) return;
      for (const [name, member] of Object.entries(owner)) {
        members.push({ owner: owner as Record<string, unknown>, name });
        collect(member);
      }
    };
    collect(config);
    const { owner, name } = members[place % members.length]!;
    if (rename) {
      owner[`${name}${JSON.stringify(value).slice(0, 4)}`] = owner[name];
      delete owner[name];
    } else owner[name] = value;
    return new TextEncoder().encode(JSON.stringify(config));
  });

test(
  "damaged configs are read or refused",
  () =>
    expectReadOrRefused({
      name: "config",
      files: configs.map((config) => new TextEncoder().encode(JSON.stringify(config))),
      read: (bytes) => resolveConfig(checkedConfig(parseJson(new TextDecoder().decode(bytes), fileName), fileName)),
      // a config is the recipe's settings and those given
      factor: 4,
      beside: 4096,
      // what does not go together is told by the names of options
      prefix: "",
      codes: ["format", "option", "usage"],
      damage: fc.oneof(undamaged, replaced),
    }),
  fuzzTimeout,
);
