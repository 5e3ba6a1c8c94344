import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The checkout, with a slash at the end. */
export const root = fileURLToPath(new URL("../../", import.meta.url));

/** A directory for what a test generates: not tracked, and apart for every process, since several may test at once. */
export function makeGenerated(name: string): { readonly path: string; remove(): void } {
  const path = `${root}test/.generated/${name}-${process.pid}`;
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Writes `tsconfig.json` into a generated directory and runs the compiler on it; gives what it complains about. */
export function compileTypeScript(directory: string, config: object): string {
  writeFileSync(`${directory}/tsconfig.json`, JSON.stringify(config, undefined, 2));
  const compiler = `${root}node_modules/typescript/bin/tsc`;
  const { error, stdout, stderr } = spawnSync(process.execPath, [compiler, "-p", directory], {
    cwd: directory,
    encoding: "utf8",
  });
  if (error !== undefined) throw error;
  return stdout + stderr;
}

/**
 * Builds what these entries (`index.ts`) reach into `<directory>/dist`, as a package that Node can run. Gives the
 * compiler's complaints.
 */
export function buildInto(directory: string, entries: readonly string[]): string {
  const imports = { "#platform": "./dist/platform/node.js" };
  writeFileSync(`${directory}/package.json`, JSON.stringify({ type: "module", imports }));
  return compileTypeScript(directory, {
    extends: "../../../tsconfig.base.json",
    compilerOptions: {
      composite: false,
      declarationMap: false,
      sourceMap: false,
      lib: ["ES2023", "DOM", "DOM.Iterable"],
      types: ["node"],
      rootDir: "../../../src",
      outDir: "dist",
      paths: { "#platform": ["../../../src/platform/node.ts"] },
    },
    files: entries.map((entry) => `../../../src/${entry}`),
  });
}
