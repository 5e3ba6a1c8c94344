import { FoveaError } from "../../src/core/errors.js";

/** The message of the FoveaError that `action` throws or rejects with; all else fails the test. */
export async function messageOf(action: () => unknown): Promise<string> {
  try {
    await action();
  } catch (error) {
    if (error instanceof FoveaError) return error.message;
    throw error;
  }
  throw new Error("nothing was thrown");
}
