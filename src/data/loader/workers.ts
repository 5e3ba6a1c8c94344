import { platform } from "#platform";
import { FoveaError } from "../../core/errors.js";
import type { PlatformWorker } from "../../platform/types.js";
import { type Answer, type Job, readyId, type WorkerStart } from "./worker.js";

/** A worker's script cannot import, but may load a module. */
const source = `import(workerData.module).then(({ serve }) => serve(workerData.start, receive, send));`;

/**
 * The module that workers load. It has to be compiled: where fovea itself runs from its TypeScript sources, as in its
 * tests, it is the one that was built from them.
 */
function workerModule(): string {
  const own = import.meta.url;
  const built = own.endsWith(".ts") ? own.replace(/\/src\/(?=data\/loader\/)/, "/dist/") : own;
  return built.replace(/[^/]*$/, "worker.js");
}

function startWorker(start: WorkerStart, module: string): PlatformWorker {
  if (platform.adoptWorker === undefined) return platform.startWorker(source, { module, start });
  // bundlers know this form alone, and pack what the module imports
  const worker = platform.adoptWorker(new Worker(new URL("./pageWorker.js", import.meta.url), { type: "module" }));
  worker.post(start);
  return worker;
}

interface Waiting {
  readonly worker: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Threads that augment chunks of a ring. When one dies, all that was asked for fails, and what is asked for later. */
export class LoaderWorkers {
  /** Fulfilled when all are there; rejected where one cannot be had. */
  readonly ready: Promise<void>;
  readonly #workers: PlatformWorker[] = [];
  readonly #waiting = new Map<number, Waiting>();
  #failure: unknown;
  #next = 0;

  constructor(count: number, start: WorkerStart, module = workerModule()) {
    let missing = count;
    this.ready = new Promise((resolve, reject) => {
      const died = (worker: number, error: Error) => {
        this.#died(worker, error);
        reject(this.#failure);
      };
      for (let i = 0; i < count; i++) {
        try {
          const worker = startWorker(start, module);
          this.#workers.push(worker);
          worker.onMessage((message) => {
            const answer = message as Answer;
            if (answer.id !== readyId) this.#answer(answer);
            else if (--missing === 0) resolve();
          });
          worker.onError((error) => died(i, error));
        } catch (error) {
          died(i, error instanceof Error ? error : new Error(String(error)));
        }
      }
    });
    // who does not wait for it learns of a failure by that of a job
    this.ready.catch(() => {});
  }

  /** Done when the promise is fulfilled, or as soon as the ring says so. */
  run(chunk: Omit<Job, "id">): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = this.#next++;
    const worker = id % this.#workers.length;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { worker, resolve, reject });
      this.#workers[worker]!.post({ ...chunk, id });
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #answer({ id, failure }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (failure === undefined) waiting?.resolve();
    else waiting?.reject(workerError(waiting.worker, failure));
  }

  #died(worker: number, error: Error): void {
    this.#failure ??= workerError(worker, error.message, error);
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}

function workerError(worker: number, received: string, cause?: Error): FoveaError {
  return new FoveaError({
    code: "unsupported",
    where: `loader worker ${worker + 1}`,
    problem: "failed while it augmented examples",
    received,
    fix: "Train with loaderWorkers: 0, which augments on the training thread",
    cause,
  });
}
