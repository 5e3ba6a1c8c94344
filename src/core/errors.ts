/**
 * Errors are data: every failure that a user can cause carries a code, the place it happened at, what was expected,
 * what was received and how to fix it. The message is composed from these parts, so wording stays uniform.
 */

/** What went wrong, as a stable identifier for programs. */
export type ErrorCode =
  | "shape" // tensor shapes do not fit together
  | "dtype" // a data type that the place does not take
  | "option" // an option is unknown or out of range
  | "label" // a class label outside [0, classes)
  | "token" // a token outside [0, vocabulary)
  | "nan" // the loss became NaN or infinite
  | "data" // a data set or a data file is missing
  | "format" // a file does not follow its format
  | "file" // a file or directory cannot be read or written
  | "graph" // an invalid graph: a bug in a layer or in an op
  | "unsupported" // a backend lacks what is asked for
  | "memory" // memory cannot be had
  | "usage"; // a call in a wrong order, a wrong command line

export interface ErrorDetails {
  code: ErrorCode;
  /** Where: a layer or op with its name (`conv2d "stem"`), a file, an option. */
  where: string;
  /** What is wrong, in one clause, without a full stop. */
  problem: string;
  /** What would have been right. */
  expected?: string;
  /** What was found. */
  received?: string;
  /** What to do about it, as a sentence without a full stop. */
  fix?: string;
  cause?: unknown;
}

/**
 * The one error class of fovea. Message: `where: problem (expected …, received …). Fix.`
 *
 * @example
 * try {
 *   dense(0);
 * } catch (error) {
 *   if (error instanceof FoveaError && error.code === "option") console.log(error.where, error.expected);
 * }
 */
export class FoveaError extends Error {
  override readonly name = "FoveaError";
  readonly code: ErrorCode;
  readonly where: string;
  readonly problem: string;
  readonly expected: string | undefined;
  readonly received: string | undefined;
  readonly fix: string | undefined;

  constructor(details: ErrorDetails) {
    super(composeMessage(details), details.cause === undefined ? undefined : { cause: details.cause });
    this.code = details.code;
    this.where = details.where;
    this.problem = details.problem;
    this.expected = details.expected;
    this.received = details.received;
    this.fix = details.fix;
  }

  toJSON(): Record<string, string | undefined> {
    const { code, where, problem, expected, received, fix, message } = this;
    return { error: code, where, problem, expected, received, fix, message };
  }
}

function composeMessage({ where, problem, expected, received, fix }: ErrorDetails): string {
  const facts = [
    expected === undefined ? undefined : `expected ${expected}`,
    received === undefined ? undefined : `received ${received}`,
  ].filter((fact) => fact !== undefined);
  const bracket = facts.length > 0 ? ` (${facts.join(", ")})` : "";
  return `${where}: ${problem}${bracket}.${fix === undefined ? "" : ` ${fix}.`}`;
}

/** Throws a {@link FoveaError}; usable as an expression. */
export function fail(details: ErrorDetails): never {
  throw new FoveaError(details);
}

/** Refuses option names that are not in `known`, and names the closest one. */
export function checkOptions(where: string, options: object | undefined, known: readonly string[]): void {
  for (const name of Object.keys(options ?? {})) {
    if (known.includes(name)) continue;
    fail({
      code: "option",
      where,
      problem: `unknown option "${name}"`,
      expected: known.length > 0 ? `one of ${known.join(", ")}` : "no options",
      fix: didYouMean(name, known),
    });
  }
}

/** The `fix` of a message about an unknown `word`, where one of the known ones is like it. */
export function didYouMean(word: string, candidates: readonly string[]): string | undefined {
  const near = closest(word, candidates);
  return near === undefined ? undefined : `Did you mean "${near}"`;
}

/** The candidate within two edits of `word`, if there is one. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = 3;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
