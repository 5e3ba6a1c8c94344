import { platform } from "#platform";
import { FoveaError } from "../../core/errors.js";
import type { PlatformWorker } from "../../platform/types.js";
import type { Answer, Job, WorkerStart } from "./worker.js";

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

interface Waiting {
  readonly worker: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Threads that augment chunks of a ring. When one dies, all that was asked for fails, and what is asked for later. */
export class LoaderWorkers {
  readonly #workers: PlatformWorker[];
  readonly #waiting = new Map<number, Waiting>();
  #failure: unknown;
  #next = 0;

  constructor(count: number, start: WorkerStart, module = workerModule()) {
    this.#workers = Array.from({ length: count }, (_, i) => {
      const worker = platform.startWorker(source, { module, start });
      worker.onMessage((answer) => this.#answer(answer as Answer));
      worker.onError((error) => this.#died(i, error));
      return worker;
    });
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
