import { fail } from "../core/errors.js";

/** Errors: code "format" for what is no JSON. */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const received = error instanceof Error ? error.message : String(error);
    return fail({ code: "format", where, problem: "is not JSON", received, cause: error });
  }
}
