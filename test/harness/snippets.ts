import { writeFileSync } from "node:fs";
import * as fovea from "../../src/index.js";
import { compileTypeScript, makeGenerated } from "./generated.js";

/** What snippets may use beside fovea: `Equal<A, B>` is true for the same types alone, `any` being like itself only. */
const prelude = [
  `import { ${Object.keys(fovea).join(", ")}, type Layer, type Shape } from "fovea";`,
  "export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;",
  "export const holds = <Statement extends true>(): Statement | undefined => undefined;",
];

/** What the compiler says about a line of a snippet, counted from 1. */
export interface Complaint {
  readonly line: number;
  /** `TS2345` */
  readonly code: string;
  readonly message: string;
}

/**
 * Compiles pieces of programs, all at once and each as a function of its own, and gives what the compiler says about
 * each.
 *
 * @param name of the directory, apart from those of other tests
 */
export function complaintsAbout(
  name: string,
  snippets: readonly string[],
  imports: readonly string[] = [],
): Complaint[][] {
  const generated = makeGenerated(name);
  try {
    const lines = [...prelude, ...imports];
    const owners = new Map<number, { readonly snippet: number; readonly line: number }>();
    snippets.forEach((text, snippet) => {
      const body = [`export function snippet${snippet}() {`, ...text.split("\n"), "}"];
      body.forEach((_, line) => {
        owners.set(lines.length + line + 1, { snippet, line });
      });
      lines.push(...body);
    });
    writeFileSync(`${generated.path}/snippets.ts`, lines.join("\n"));
    return sorted(compile(generated.path), owners, snippets.length);
  } finally {
    generated.remove();
  }
}

function compile(directory: string): string {
  return compileTypeScript(directory, {
    extends: "../../tsconfig.json",
    compilerOptions: {
      noUnusedLocals: false,
      rootDir: "../../..",
      paths: { fovea: ["../../../src/index.ts"], "#platform": ["../../../src/platform/node.ts"] },
    },
    include: [],
    files: ["snippets.ts"],
  });
}

/** Complaints by snippet; one about anything else is an error. */
function sorted(
  output: string,
  owners: ReadonlyMap<number, { readonly snippet: number; readonly line: number }>,
  count: number,
): Complaint[][] {
  const complaints = Array.from({ length: count }, (): Complaint[] => []);
  // lines that are indented go on with the message before them
  for (const text of output.split(/\n(?=\S)/).filter((part) => part.trim() !== "")) {
    const [, line, code, message] = /^snippets\.ts\((\d+),\d+\): error (TS\d+): (.*)$/s.exec(text.trimEnd()) ?? [];
    const owner = owners.get(Number(line));
    if (owner === undefined) throw new Error(text);
    complaints[owner.snippet]!.push({ line: owner.line, code: code!, message: message! });
  }
  return complaints;
}
