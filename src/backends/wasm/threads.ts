import { platform } from "#platform";
import { FoveaError, fail } from "../../core/errors.js";
import type { PlatformWorker } from "../../platform/types.js";

/** Words of the command block that main thread and workers share. */
const generation = 0;
const command = 1;
const arenaWord = 2;
const commandWords = 16;

/** Commands: a program's index, or the order to go back to reading messages. */
const leave = -1;

/**
 * What each worker runs. It keeps the instances of all programs, and between steps waits for the generation word to
 * change: first spinning, since steps follow each other closely, then asleep.
 */
const workerSource = `
const { words, thread } = workerData;
const programs = new Map();
const spins = 2000;
function serve() {
  let seen = Atomics.load(words, ${generation} + 8);
  for (;;) {
    let now = Atomics.load(words, ${generation});
    for (let i = 0; now === seen && i < spins; i++) now = Atomics.load(words, ${generation});
    while (now === seen) {
      Atomics.wait(words, ${generation}, seen);
      now = Atomics.load(words, ${generation});
    }
    seen = now;
    const program = Atomics.load(words, ${command});
    if (program === ${leave}) return;
    programs.get(program)(thread, Atomics.load(words, ${arenaWord}));
  }
}
receive((message) => {
  if (message.kind === "program") {
    const instance = new WebAssembly.Instance(message.module, { fovea: { memory: message.memory } });
    programs.set(message.index, instance.exports.run);
    send({ kind: "ready", index: message.index });
  } else if (message.kind === "forget") {
    programs.delete(message.index);
  } else if (message.kind === "serve") {
    serve();
  }
});
send({ kind: "started" });
`;

/**
 * The helpers of the main thread: workers that run every program's share. Kept for the life of the backend and used by
 * all its programs. Between steps they wait on a shared word, so that a step costs no message.
 */
export class ThreadPool {
  readonly #words = new Int32Array(new SharedArrayBuffer(4 * commandWords));
  readonly #workers: PlatformWorker[] = [];
  #serving = false;
  #nextIndex = 0;
  #failure: FoveaError | undefined;
  #waiting: { remaining: number; resolve: () => void; reject: (error: unknown) => void } | undefined;

  private constructor(readonly threads: number) {}

  static async start(threads: number): Promise<ThreadPool> {
    const pool = new ThreadPool(threads);
    const started = pool.#expect(threads - 1);
    for (let thread = 1; thread < threads; thread++) {
      const worker = platform.startWorker(workerSource, { words: pool.#words, thread });
      worker.onMessage(() => pool.#answer());
      worker.onError((error) => pool.#died(thread, error));
      pool.#workers.push(worker);
    }
    await started;
    for (const worker of pool.#workers) worker.unref();
    return pool;
  }

  /** Gives a program to all workers; resolves to its index when they have it. */
  async add(module: WebAssembly.Module, memory: WebAssembly.Memory): Promise<number> {
    this.#stopServing();
    const index = this.#nextIndex++;
    const ready = this.#expect(this.#workers.length);
    for (const worker of this.#workers) {
      worker.ref();
      worker.post({ kind: "program", index, module, memory });
    }
    await ready;
    for (const worker of this.#workers) worker.unref();
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
    Atomics.store(this.#words, command, index);
    Atomics.store(this.#words, arenaWord, arena);
    this.#signal();
    try {
      own(0, arena);
    } catch (cause) {
      this.#failure = new FoveaError({
        code: "unsupported",
        where: "wasm threads",
        problem: "a thread did not finish its share of a step",
        fix: "Run with one thread (threads: 1)",
        cause,
      });
      throw this.#failure;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
    this.#failure ??= new FoveaError({ code: "usage", where: "wasm threads", problem: "the backend was closed" });
  }

  #startServing(): void {
    // the generation at which workers begin to listen: a command given before they read it is not missed
    Atomics.store(this.#words, generation + 8, Atomics.load(this.#words, generation));
    for (const worker of this.#workers) worker.post({ kind: "serve" });
    this.#serving = true;
  }

  #stopServing(): void {
    if (!this.#serving) return;
    Atomics.store(this.#words, command, leave);
    this.#signal();
    this.#serving = false;
  }

  #signal(): void {
    Atomics.add(this.#words, generation, 1);
    Atomics.notify(this.#words, generation);
  }

  #expect(count: number): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting = { remaining: count, resolve, reject };
    });
  }

  #answer(): void {
    if (this.#waiting !== undefined && --this.#waiting.remaining === 0) this.#waiting.resolve();
  }

  #died(thread: number, cause: Error): void {
    this.#failure = new FoveaError({
      code: "unsupported",
      where: "wasm threads",
      problem: `worker ${thread} died: ${cause.message}`,
      fix: "Run with one thread (threads: 1)",
      cause,
    });
    this.#waiting?.reject(this.#failure);
  }
}

/** Checks a thread count, or takes the number of processors. */
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
  if (!supported) return 1;
  return requested ?? Math.min(platform.cpuCount(), 8);
}
