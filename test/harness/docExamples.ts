import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What an entry exports, and where it is declared. */
export interface Exported {
  readonly name: string;
  readonly kind: "function" | "class" | "const" | "interface" | "type";
  readonly file: string;
  /** Examples of its own doc comment, and for classes and interfaces of their members'. */
  readonly examples: readonly string[];
}

/** Every name that a module exports, found where it is declared. */
export function exportsOf(file: string): Exported[] {
  const text = readFileSync(file, "utf8");
  const lists = [...text.matchAll(/^export\s+(?:type\s+)?\{([^}]*)\}\s+from\s+"([^"]+)"/gm)];
  const passedOn = lists.flatMap(([, names, specifier]) => {
    const from = join(dirname(file), specifier!.replace(/\.js$/, ".ts"));
    const wanted = names!.split(",").map((name) => name.replace(/^\s*type\s/, "").trim());
    const known = exportsOf(from);
    return wanted
      .filter((name) => name !== "")
      .map((name) => {
        const found = known.find((candidate) => candidate.name === name);
        if (found === undefined) throw new Error(`${file}: ${name} is not to be found in ${from}`);
        return found;
      });
  });
  const own = text.matchAll(/^export (?:async |abstract )*(function|class|const|interface|type) (\w+)/gm);
  const seen = new Set<string>(); // the first of overloads carries the comment
  return [
    ...passedOn,
    ...[...own].flatMap((match): Exported[] => {
      const [, kind, name] = match as unknown as [string, Exported["kind"], string];
      if (seen.has(name)) return [];
      seen.add(name);
      const before = /\/\*\*(?:(?!\*\/)[\s\S])*\*\/\s*$/.exec(text.slice(0, match.index))?.[0] ?? "";
      const hasMembers = kind === "class" || kind === "interface";
      const end = hasMembers ? text.indexOf("\n}\n", match.index) : match.index;
      const comments = [before, ...(text.slice(match.index, end).match(/\/\*\*[\s\S]*?\*\//g) ?? [])];
      return [{ name, kind, file, examples: comments.flatMap(examplesIn) }];
    }),
  ];
}

/** The code after each `@example` of a doc comment: on its line, or on the lines below it. */
export function examplesIn(comment: string): string[] {
  const lines = comment
    .replace(/^\/\*\*|\*\/\s*$/g, "")
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, ""));
  const tags = `\n${lines.join("\n")}`.split(/\n(?=@)/).slice(1);
  return tags.filter((tag) => /^@example\b/.test(tag)).map((tag) => tag.replace(/^@example\b/, "").trim());
}
