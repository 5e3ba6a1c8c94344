import { exitCodes, type Io, printLine } from "./io.js";

/**
 * Ctrl-C while a command runs: the first one aborts `signal` if `finishing` says that there is something to finish,
 * the second one (or the first, otherwise) ends the process.
 */
export class Interrupts {
  readonly #controller = new AbortController();
  readonly #io: Io;
  /** What the first Ctrl-C is answered with; undefined ends at once. */
  finishing: string | undefined;
  /** What to clean up before the process ends at once. */
  cleanUp: () => Promise<void> = async () => {};

  constructor(io: Io) {
    this.#io = io;
    process.on("SIGINT", this.#onInterrupt);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get interrupted(): boolean {
    return this.#controller.signal.aborted;
  }

  stopListening(): void {
    process.off("SIGINT", this.#onInterrupt);
  }

  readonly #onInterrupt = () => {
    const { stderr } = this.#io;
    // The terminal has written "^C" into the line that is there.
    const start = stderr.isTTY === true ? "\r\u001b[J" : "";
    if (this.finishing !== undefined && !this.interrupted) {
      printLine(stderr, `${start}${this.finishing} Press Ctrl-C again to end at once.`);
      this.#controller.abort();
      return;
    }
    printLine(stderr, `${start}interrupted`);
    this.cleanUp().finally(() => process.exit(exitCodes.interrupted));
  };
}
