import { platform } from "#platform";
import { FoveaError, fail } from "../../core/errors.js";
import type { PlatformWorker } from "../../platform/types.js";
import { failedAddress, roundAddress } from "./layout.js";

/**
 * Words of the command block that main thread and workers share. A command (a program's index or an order, the arena's
 * address, and the session that it belongs to) lies in the slot of its generation, even or odd: a worker that is slow to
 * look never mistakes the next command for the one that woke it.
 *
 * A session is a time without messages: workers stay in their waiting loop. It ends with the order to leave; a worker
 * that slept through that order notices the next command's session, and goes back to its messages all the same, among
 * which is the one that begins the new session.
 */
const generation = 0;
/** Two slots of four words: index, arena, session. */
const slots = 8;
const commandWords = 16;

/** In place of a program's index in an answer: the worker runs. */
const started = -1;

/** In place of a program's index in a command: the order to go back to reading messages. */
const leave = -1;

/**
 * What each worker runs. It keeps the instances of all programs, and between steps waits for the generation word to
 * change: first spinning, since steps follow each other closely, then asleep. A worker whose program traps takes the
 * others along: it marks the program's memory, where they are waiting for it.
 */
const workerSource = `
const { words, thread } = workerData;
const programs = new Map();
const spins = 2000;
function serve(session, seen) {
  for (;;) {
    let now = Atomics.load(words, ${generation});
    for (let i = 0; now === seen && i < spins; i++) now = Atomics.load(words, ${generation});
    while (now === seen) {
      Atomics.wait(words, ${generation}, seen);
      now = Atomics.load(words, ${generation});
    }
    seen = now;
    const slot = ${slots} + 4 * (now & 1);
    const index = Atomics.load(words, slot);
    if (index === ${leave} || Atomics.load(words, slot + 2) !== session) return;
    run(programs.get(index), Atomics.load(words, slot + 1));
  }
}
function run(program, arena) {
  try {
    program.run(thread, arena);
  } catch (error) {
    const control = new Int32Array(program.memory.buffer);
    Atomics.store(control, ${failedAddress / 4}, 1);
    Atomics.add(control, ${roundAddress / 4}, 1);
    Atomics.notify(control, ${roundAddress / 4});
    throw error;
  }
}
receive((message) => {
  if (message.kind === "program") {
    const { module, memory, index } = message;
    const stalled = () => {}; // the main thread looks
    const { run } = new WebAssembly.Instance(module, { fovea: { memory, stalled } }).exports;
    programs.set(index, { run, memory });
    send(index);
  } else if (message.kind === "forget") {
    programs.delete(message.index);
  } else if (message.kind === "serve") {
    serve(message.session, message.seen);
  }
});
send(${started});
`;

/**
 * How often a barrier may call `stalled`, ten times a second, where nobody can tell whether a worker lives. Counted, not
 * timed: a process that is stopped, or a page that is frozen, meanwhile waits for nothing.
 */
const patience = 600;

/** Workers that have yet to answer, and who waits for them. */
interface Waiting {
  remaining: number;
  readonly resolve: () => void;
  readonly reject: (error: FoveaError) => void;
}

/**
 * The helpers of the main thread: workers that run every program's share. Kept for the life of the backend and used by
 * all its programs. Between steps they wait on a shared word, so that a step costs no message.
 *
 * Fails for good, with the same error at every further call, when a worker dies: its part of a step would be missing.
 * The other workers are ended then.
 */
export class ThreadPool {
  readonly #words = new Int32Array(new SharedArrayBuffer(4 * commandWords));
  readonly #workers: PlatformWorker[] = [];
  /** Answers that are awaited, by program index; several programs may be on their way at once. */
  readonly #waiting = new Map<number, Waiting>();
  #serving = false;
  #session = 0;
  #nextIndex = 0;
  #failure: FoveaError | undefined;
  #ending: Promise<unknown> | undefined;
  /** Calls of {@link stalled} in this step. */
  #stalls = 0;

  private constructor(readonly threads: number) {}

  static async start(threads: number): Promise<ThreadPool> {
    const pool = new ThreadPool(threads);
    try {
      const ready = pool.#answers(started, threads - 1);
      ready.catch(() => {}); // reported below, or by what came before it
      for (let thread = 1; thread < threads; thread++) {
        const worker = platform.startWorker(workerSource, { words: pool.#words, thread });
        pool.#workers.push(worker);
        worker.onMessage((index) => pool.#answer(index as number));
        worker.onError((error) => pool.#died(thread, error));
      }
      await ready;
      return pool;
    } catch (error) {
      // those that did start would keep the process from ending
      await pool.close();
      throw error;
    }
  }

  /** Gives a program to all workers; resolves to its index when they have it. */
  async add(module: WebAssembly.Module, memory: WebAssembly.Memory): Promise<number> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#stopServing();
    const index = this.#nextIndex++;
    const ready = this.#answers(index, this.#workers.length);
    for (const worker of this.#workers) worker.post({ kind: "program", index, module, memory });
    await ready;
    return index;
  }

  remove(index: number): void {
    if (this.#failure !== undefined) return;
    this.#stopServing();
    for (const worker of this.#workers) worker.post({ kind: "forget", index });
  }

  /** Runs a program on all threads; returns when all are done (its last barrier). */
  run(index: number, arena: number, own: (thread: number, arena: number) => void): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#serving) this.#startServing();
    this.#command(index, arena);
    this.#stalls = 0;
    try {
      own(0, arena);
    } catch (cause) {
      throw this.#fail(cause instanceof FoveaError ? cause : halfStep("a thread did not finish its share", cause));
    }
  }

  /**
   * What the barrier calls on the main thread while it waits: no event can come then, so the workers are asked.
   * Fails when one is no more, and so ends the step.
   */
  readonly stalled = (): void => {
    const lives = this.#workers.map((worker) => worker.alive());
    const dead = lives.indexOf(false);
    if (dead >= 0) throw halfStep(`worker ${dead + 1} ended in the middle`);
    if (lives.includes(undefined) && ++this.#stalls > patience)
      throw halfStep("a thread gave no sign for a minute in the middle");
  };

  /** Whether a worker died, or the pool was closed. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  async close(): Promise<void> {
    this.#fail(new FoveaError({ code: "usage", where: "wasm threads", problem: "the backend was closed" }));
    await this.#ending;
  }

  #startServing(): void {
    this.#session += 1;
    // a command given before they read this is not missed
    const seen = Atomics.load(this.#words, generation);
    for (const worker of this.#workers) worker.post({ kind: "serve", session: this.#session, seen });
    this.#serving = true;
  }

  #stopServing(): void {
    if (!this.#serving) return;
    this.#command(leave, 0);
    this.#serving = false;
  }

  #command(index: number, arena: number): void {
    const next = (Atomics.load(this.#words, generation) + 1) | 0;
    const slot = slots + 4 * (next & 1);
    Atomics.store(this.#words, slot, index);
    Atomics.store(this.#words, slot + 1, arena);
    Atomics.store(this.#words, slot + 2, this.#session);
    Atomics.store(this.#words, generation, next);
    Atomics.notify(this.#words, generation);
  }

  /** Resolves when all workers have answered with `index`. Only while something is awaited do they keep the process. */
  async #answers(index: number, count: number): Promise<void> {
    for (const worker of this.#workers) worker.ref();
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waiting.set(index, { remaining: count, resolve, reject });
      });
    } finally {
      this.#waiting.delete(index);
      if (this.#waiting.size === 0) for (const worker of this.#workers) worker.unref();
    }
  }

  #answer(index: number): void {
    const waiting = this.#waiting.get(index);
    if (waiting !== undefined && --waiting.remaining === 0) waiting.resolve();
  }

  #died(thread: number, cause: Error): void {
    const known = cause instanceof FoveaError ? cause : undefined;
    this.#fail(
      new FoveaError({
        code: known?.code ?? "unsupported",
        where: "wasm threads",
        problem: known === undefined ? `worker ${thread} died: ${cause.message}` : `worker ${thread} ${known.problem}`,
        received: known?.received,
        fix: known?.fix ?? "Run with one thread (threads: 1)",
        cause,
      }),
    );
  }

  /** The first failure stays: what comes after it are its consequences. Workers may hang in a step, so they end. */
  #fail(failure: FoveaError): FoveaError {
    this.#failure ??= failure;
    for (const waiting of this.#waiting.values()) waiting.reject(this.#failure);
    this.#ending ??= Promise.all(this.#workers.map((worker) => worker.terminate()));
    return this.#failure;
  }
}

/** A step that did not come to its end. `what` happened reads before "of a step". */
function halfStep(what: string, cause?: unknown): FoveaError {
  return new FoveaError({
    code: "unsupported",
    where: "wasm threads",
    problem: `${what} of a step, and the model's variables may have been updated in part`,
    fix: "Go back to weights that were saved before, and train again; if it happens again, with one thread (threads: 1)",
    cause,
  });
}

/** Checks a thread count, or takes the number of processors. Where threads cannot be had, the user is told. */
export function resolveThreads(requested: number | undefined, supported: boolean): number {
  const where = "option threads";
  if (requested !== undefined && !(Number.isInteger(requested) && requested >= 1 && requested <= 64)) {
    fail({
      code: "option",
      where,
      problem: "is out of range",
      expected: "a whole number from 1 to 64",
      received: String(requested),
    });
  }
  if (!supported) {
    if (requested !== undefined && requested > 1)
      platform.warn(`fovea: ${requested} threads were asked for, ${oneOnly()}`);
    return 1;
  }
  return requested ?? Math.min(platform.cpuCount(), 8);
}

/** Why there is one thread only, and what to do about it; results are no reason to stop. */
function oneOnly(): string {
  const reason =
    typeof SharedArrayBuffer === "undefined"
      ? "but this page is not cross-origin isolated: serve it with the headers " +
        "Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, and run fovea in a Worker"
      : "but a page's main thread may not wait for others: run fovea in a Worker";
  return `${reason}. Using one thread; results are the same.`;
}
