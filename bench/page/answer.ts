import { FoveaError } from "../../src/core/errors.js";

export interface Call {
  readonly method: string;
  readonly args: readonly unknown[];
}

/** What a call gives; an error as its data. */
export type Answer = { readonly value: unknown } | { readonly error: Readonly<Record<string, string | undefined>> };

/** Calls one of the `methods` of the script that the address of this page or worker names. */
export async function answer({ method, args }: Call): Promise<Answer> {
  try {
    const script = new URLSearchParams(location.search).get("script");
    const { methods } = await import(/* @vite-ignore */ new URL(`./${script}.js`, location.href).href);
    return { value: await methods[method](...args) };
  } catch (error) {
    return { error: error instanceof FoveaError ? error.toJSON() : { message: String(error) } };
  }
}
