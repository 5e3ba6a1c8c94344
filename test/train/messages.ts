import { FoveaError } from "../../src/index.js";

/** The message of the FoveaError that a promise rejects with. */
export async function messageOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof FoveaError) return error.message;
  throw error ?? new Error("it did not fail");
}
