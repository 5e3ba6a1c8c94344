import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A doc comment of a layer, taken apart. Paragraphs are one line each. */
export interface LayerComment {
  readonly name: string;
  /** The paragraphs before "Input:". */
  readonly description: readonly string[];
  /** By their first word: Input(s), Output, Weights, Errors, Source, Keras, PyTorch. */
  readonly parts: Readonly<Record<string, string>>;
  readonly parameters: readonly { readonly name: string; readonly text: string }[];
  readonly examples: readonly string[];
  /** Name of the type of its options. */
  readonly options: string;
}

const comment = String.raw`/\*\*((?:(?!\*/)[\s\S])*)\*/\s*`;

/** The text of a comment without its stars, lines joined to paragraphs; tags are paragraphs of their own. */
function paragraphsOf(text: string): string[] {
  const lines = text.split("\n").map((line) => line.replace(/^\s*\* ?/, "").trim());
  return (
    lines
      .join("\n")
      .trim()
      // tags and titles begin paragraphs, and so does a formula below a formula
      .split(/\n(?=@|(?:Inputs?|Weights|Errors|Source|Keras):)|(?<=`)\n(?=`)|\n\n+/)
      .map((paragraph) => paragraph.replaceAll("\n", " ").trim())
      .filter((paragraph) => paragraph !== "")
  );
}

/** The comments of all functions in a folder that have an example, by their names: those of the layers. */
export function layerComments(folder: string): Map<string, LayerComment> {
  const found = sourcesIn(folder).flatMap((source) => {
    const pattern = `${comment}export (?:function|const) (\\w+)([\\s\\S]*?)(?:\\n}|;)\\n`;
    const functions = source.matchAll(new RegExp(pattern, "g"));
    return [...functions].flatMap(([, text, name, code]) => {
      const options =
        /\b\w+Options\b/.exec(code!)?.[0] ?? (code!.includes("poolFunction<") ? "PoolOptions" : "LayerOptions");
      return text!.includes("@example") ? [[name!, { ...takeApart(text!), name: name!, options }] as const] : [];
    });
  });
  return new Map(found);
}

function takeApart(text: string): Omit<LayerComment, "name" | "options"> {
  const paragraphs = paragraphsOf(text);
  const description = paragraphs.filter((paragraph) => !/^(@|(Inputs?|Weights|Errors|Source|Keras):)/.test(paragraph));
  const parts: Record<string, string> = {};
  for (const paragraph of paragraphs) {
    if (!/^(Inputs?|Weights|Errors|Source|Keras):/.test(paragraph)) continue;
    // several parts may share a line: "Input: …. Output: …. Weights: …", "Keras: … · PyTorch: …"
    for (const part of paragraph.split(/ (?=(?:Output|Weights): )| · (?=PyTorch: )/)) {
      const [, title, content] = /^(\w+): (.*)$/.exec(part)!;
      parts[title!] = content!;
    }
  }
  const tagged = (tag: string) =>
    paragraphs
      .filter((paragraph) => paragraph.startsWith(`@${tag} `))
      .map((paragraph) => paragraph.slice(tag.length + 2));
  const parameters = tagged("param").map((parameter) => {
    const [name, ...words] = parameter.split(" ");
    return { name: name!, text: words.join(" ") };
  });
  return { description, parts, parameters, examples: tagged("example") };
}

/** What the comments of all options say, by the type that has them; a type has its ancestors' too. */
export function optionComments(folder: string): (type: string) => ReadonlyMap<string, string> {
  const own = new Map<string, { readonly parents: readonly string[]; readonly members: readonly [string, string][] }>();
  for (const source of sourcesIn(folder)) {
    const interfaces = source.matchAll(/^(?:export )?interface (\w+)[^{]*?(?: extends ([^{]+?))? \{\n([\s\S]*?)\n\}/gm);
    for (const [, name, parents = "", body] of interfaces) {
      const members = body!.matchAll(new RegExp(`${comment}readonly (\\w+)\\?`, "g"));
      own.set(name!, {
        parents: parents.match(/\b[A-Z]\w+/g) ?? [],
        members: [...members].map(([, text, member]) => [member!, paragraphsOf(text!).join(" ")]),
      });
    }
    for (const [, name, target] of source.matchAll(/^export type (\w+) = (\w+)<.*>;$/gm)) {
      own.set(name!, { parents: [target!], members: [] });
    }
  }
  const all = (type: string): ReadonlyMap<string, string> => {
    const { parents = [], members = [] } = own.get(type) ?? {};
    return new Map([...parents.flatMap((parent) => [...all(parent)]), ...members]);
  };
  return all;
}

const sourcesIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFileSync(join(folder, name), "utf8"));
