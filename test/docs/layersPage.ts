import { layerKinds } from "../../src/model/layers/index.js";
import { exportsOf } from "../harness/docExamples.js";
import { root } from "../harness/generated.js";
import { type LayerComment, layerComments, optionComments } from "./comments.js";
import { anchor, table } from "./markdown.js";

/** Layers by what they are for. Those that differ in their number of axes alone stand under one name. */
const groups: readonly (readonly [title: string, families: readonly string[]])[] = [
  ["Convolutions", ["conv", "depthwiseConv", "separableConv", "convTranspose", "locallyConnected"]],
  ["Dense layers", ["dense", "maxout"]],
  ["Tokens", ["embedding"]],
  ["Pooling", ["maxPool", "averagePool", "minPool", "sumPool", "l2Pool", "maxUnpool"]],
  ["Pooling to a given size", ["adaptiveAveragePool", "adaptiveMaxPool"]],
  ["Pooling of everything", ["globalAveragePool", "globalMaxPool", "globalMinPool", "globalSumPool", "globalL2Pool"]],
  ["Normalisation", ["batchNorm", "layerNorm", "groupNorm", "instanceNorm", "localResponseNorm"]],
  [
    "Activations",
    [
      ...["relu", "leakyRelu", "prelu", "relu6", "elu", "selu", "gelu", "silu", "mish", "softplus", "softsign"],
      ...["sigmoid", "tanh", "hardSigmoid", "hardSwish", "hardTanh", "softmax", "activation"],
    ],
  ],
  ["Random dropping", ["dropout", "spatialDropout"]],
  ["Merging", ["add", "subtract", "multiply", "average", "maximum", "minimum", "concatenate"]],
  ["Shape", ["flatten", "reshape", "permute", "cropping", "zeroPadding", "upSampling"]],
  ["Functions of your own", ["lambda", "stopGradient"]],
];

const folder = `${root}src/model/layers`;

/** docs/layers.md. Fails where a layer stands in no group, or says too little of itself. */
export function layersPage(): string {
  const comments = layerComments(folder);
  const optionsOf = optionComments(folder);
  const exported = exportsOf(`${root}src/index.ts`)
    .filter(({ kind, file }) => (kind === "function" || kind === "const") && file.startsWith(folder))
    .map(({ name }) => name)
    .sort();
  const families = new Map(
    exported.map((name) => [familyOf(name), exported.filter((other) => familyOf(other) === familyOf(name))]),
  );
  const missing = [...families.keys()].filter((family) => !groups.some(([, members]) => members.includes(family)));
  if (missing.length > 0) throw new Error(`${missing.join(", ")}: in no group of test/docs/layersPage.ts`);

  const sections = groups.map(([title, members]) => {
    const layers: Section[] = [];
    for (const family of members) {
      const names = families.get(family) ?? fail(family, "such a layer");
      const found = names.map((name) => comments.get(name) ?? fail(name, "a doc comment"));
      layers.push(sectionOf(found, layers[0], optionsOf));
    }
    return [`## ${title}`, ...layers.map(({ text }) => text)].join("\n\n");
  });
  const contents = groups.map(([title, members]) => {
    const links = members.map((family) => {
      const names = families.get(family)!;
      const short = names.length === 1 ? names[0]! : `${family}${names.map((name) => name.at(-2)).join("/")}d`;
      return `[${short}](#${anchor(titleOf(names))})`;
    });
    return [`[${title}](#${anchor(title)})`, links.join(" · ")];
  });
  return `${["# Layers", introduction, table(["group", "layers"], contents), ...sections].join("\n\n")}\n`;
}

const introduction = `\
Every layer of \`import { … } from "fovea"\`, with its name in Keras and in PyTorch. Layers that differ in their number of
axes stand together: one of them is described in full, and a table has the others. Shapes are those of one example,
without the batch, channels last. Every layer takes the option \`name\`, the stem of its weights' names, and refuses
options that it does not know.

\`npm run docs\` makes this page from the doc comments in \`src/model/layers\`. The tests fail when it is out of date, and
run every example.`;

const familyOf = (layer: string) => layer.replace(/[123]d$/, "");
const titleOf = (names: readonly string[]) => names.join(", ");

type OptionComments = (type: string) => ReadonlyMap<string, string>;

/** The part of the page about one family of layers. */
interface Section {
  /** The layer that is described in full. */
  readonly main: string;
  readonly anchor: string;
  readonly options: readonly Option[];
  readonly text: string;
}

/** The layers of one family: one of them in full, what differs in a table. */
function sectionOf(family: readonly LayerComment[], first: Section | undefined, optionsOf: OptionComments): Section {
  const main = fullestOf(family);
  const { name, description, parts, parameters, examples } = main;
  const { Input, Inputs, Output = fail(name, 'an "Output:"'), Weights } = parts;
  const errors = errorsOf(main, family);
  const options = optionsIn(main, family, optionsOf);
  const title = titleOf(family.map((layer) => layer.name));
  const items = [
    `- **${Inputs === undefined ? "Input" : "Inputs"}:** ${Input ?? Inputs} **Output:** ${Output}`,
    ...(Weights === undefined ? [] : [`- **Weights:** ${Weights}`]),
    ...parameters.map((parameter) => `- **Argument** \`${parameter.name}\`**:** ${parameter.text}.`),
    ...(errors === undefined ? [] : [`- **Errors:** ${errors}`]),
    ...sourcesOf(main, family),
  ];
  const compared = family.map((layer) => {
    return [`\`${layer.name}\``, peer(layer, "Keras"), peer(layer, "PyTorch"), ...layer.examples.map(code)];
  });
  const blocks = [
    `### ${title}`,
    ...description,
    items.join("\n"),
    ...optionBlocks(options, name, first),
    ...(family.length > 1
      ? [table(["layer", "Keras", "PyTorch", "example"], compared)]
      : [
          `Keras: ${peer(main, "Keras")} · PyTorch: ${peer(main, "PyTorch")}`,
          ["```ts", ...examples, "```"].join("\n"),
        ]),
  ];
  return { main: name, anchor: anchor(title), options, text: blocks.join("\n\n") };
}

/** That of images, or the one whose formulas it refers to. */
function fullestOf(family: readonly LayerComment[]): LayerComment {
  const main = family.find(({ name }) => name.endsWith("2d")) ?? family[0]!;
  const referred = family.find(({ name }) => main.description.some((text) => text.includes(`of \`${name}\``)));
  return referred ?? main;
}

/** "As for `x`" where x stands in the same section says nothing: then x's. */
function errorsOf({ parts: { Errors } }: LayerComment, family: readonly LayerComment[]): string | undefined {
  const other = /^as for `(\w+)`\.$/.exec(Errors ?? "")?.[1];
  return family.find(({ name }) => name === other)?.parts.Errors ?? Errors;
}

/** The source of the layer, and what those of its family add. */
function sourcesOf(main: LayerComment, family: readonly LayerComment[]): string[] {
  const own = main.parts.Source ?? "";
  const others = family.flatMap(({ name, parts: { Source } }) => {
    return Source === undefined || own.includes(Source.slice(0, -1)) ? [] : [`\`${name}\`: ${Source}`];
  });
  const all = [own, ...others].filter((source) => source !== "");
  return all.length === 0 ? [] : [`- **Source:** ${all.join(" ")}`];
}

const code = (example: string) => {
  const [call, ...note] = example.split(" // ");
  return [`\`${call}\``, ...note].join("<br>");
};

const peer = ({ name, parts }: LayerComment, title: "Keras" | "PyTorch"): string =>
  parts[title] ?? fail(name, `the name of the same in ${title}`);

interface Option {
  readonly name: string;
  /** The layer that has it. */
  readonly layer: string;
  readonly text: string;
}

/** Options of the layer that stands for its family, then those of the others that say something else. */
function optionsIn(main: LayerComment, family: readonly LayerComment[], optionsOf: OptionComments): Option[] {
  const own = ({ name: layer, options }: LayerComment): Option[] => {
    const comments = optionsOf(options);
    const all = (layerKinds[layer] ?? fail(layer, "a kind")).options.map((name) => {
      return { name, layer, text: comments.get(name) ?? fail(layer, `a doc comment of its option "${name}"`) };
    });
    return all.filter(({ text }) => !/^The same as `\w+`\.$/.test(text));
  };
  const ofMain = own(main);
  const others = family.filter((layer) => layer !== main).flatMap(own);
  return [...ofMain, ...others.filter((option) => !includes(ofMain, option))];
}

const includes = (options: readonly Option[], { name, text }: Option) =>
  options.some((option) => option.name === name && option.text === text);

/** Options in a table; those that the first layer of the group has too are only named. */
function optionBlocks(options: readonly Option[], main: string, first: Section | undefined): string[] {
  const known = first === undefined ? [] : options.filter((option) => includes(first.options, option));
  const rows = options
    .filter((option) => !known.includes(option))
    .map(({ name, layer, text }) => {
      const [, meaning, preset] = /^(.*?) ?Default: (.*)\.$/.exec(text) ?? ["", text, ""];
      if (meaning === "") fail(layer, `what its option "${name}" means`);
      return [layer === main ? `\`${name}\`` : `\`${name}\` of \`${layer}\``, meaning!, preset!];
    });
  const names = known.map(({ name }) => `\`${name}\``).join(", ");
  return [
    ...(known.length === 0 ? [] : [`Options as for [${first!.main}](#${first!.anchor}): ${names}.`]),
    ...(rows.length === 0 ? [] : [table(["option", "meaning", "default"], rows)]),
  ];
}

function fail(name: string, what: string): never {
  throw new Error(`${name}: the page of layers needs ${what}`);
}
