import { fail } from "../core/errors.js";

/**
 * Loads an optional package on first use, so that the rest works without it. The name is a variable, so that bundlers
 * for browsers leave it alone.
 *
 * Errors: code "unsupported", with what to run.
 */
export async function loadPackage<T>(name: string, where: string): Promise<T> {
  try {
    const module: T = await import(/* @vite-ignore */ name);
    return module;
  } catch (error) {
    return failMissing(name, where, error);
  }
}

/** Reads a file of an optional package. */
export async function readPackageFile(name: string, path: string, where: string): Promise<ArrayBuffer> {
  try {
    const { createRequire } = await loadPackage<typeof import("node:module")>("node:module", where);
    const { readFile } = await loadPackage<typeof import("node:fs/promises")>("node:fs/promises", where);
    const bytes = await readFile(createRequire(import.meta.url).resolve(`${name}/${path}`));
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  } catch (error) {
    return failMissing(name, where, error);
  }
}

function failMissing(name: string, where: string, error: unknown): never {
  const text = error instanceof Error ? error.message : String(error);
  return fail({
    code: "unsupported",
    where,
    problem: `needs the package ${name}, which cannot be loaded`,
    received: text.split("\n")[0]!.trim(),
    fix: `Run: npm install ${name}`,
    cause: error,
  });
}
