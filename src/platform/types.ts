/** What fovea needs from the machine it runs on. `#platform` resolves to Node's or the browser's implementation. */
export interface Platform {
  readonly name: "node" | "browser";
  /** Logical processors that this process may use. */
  cpuCount(): number;
  /** The processor's model and the engine's version, as far as they are told: what times depend on. */
  machine(): string;
  /** An environment variable that is set and not empty; always undefined in a browser. */
  env(name: string): string | undefined;
  /** Milliseconds of a monotonic clock, for progress and benchmarks only, never for results. */
  now(): number;
  /**
   * Lets the engine compile relaxed SIMD, of which fovea uses the fused multiply-add, where it is behind a flag (V8 11,
   * which Node 20 has); `false` forbids it again. Affects code compiled from then on. Returns whether it is on by flag.
   */
  relaxWasm(on: boolean): boolean;
  /**
   * Lets the engine join neighbouring 128-bit vector operations of WebAssembly into 256-bit ones, where it can: V8's
   * revectoriser, an experiment of V8 ≥ 13 on x64; `false` switches it off again. Affects code compiled from then on.
   * Returns whether it is on now.
   */
  widenWasm(on: boolean): boolean;
  /**
   * Whether the engine's compiler places arithmetic as late as it can within a loop's body, behind all loads: V8 before
   * 13. Unrolled loops then need more registers than there are.
   */
  readonly sinksWasm: boolean;
  /**
   * Runs `body`, which compiles and calls WebAssembly synchronously: as far as the engine lets us, every function that
   * returns once is optimised before it is called again. Elsewhere that takes many calls, and happens at any time.
   */
  optimizingWasm<T>(body: () => T): T;
  /** Tells the user, in one line, what is wrong without being an error: on stderr, or the browser's console. */
  warn(text: string): void;
  /** Lets timers, signals and input events run. */
  yield(): Promise<void>;
  /**
   * Starts `source` (the text of a self-contained script) as a worker.
   *
   * The script runs as the body of a strict function, so it can neither import nor export nor await at its top level.
   * It may rely on three names, which mean the same on every platform:
   * - `workerData`: a structured clone of `data` (shared memory and WebAssembly modules included),
   * - `receive(listener)`: calls `listener(message)` for each posted message, those that came earlier first,
   * - `send(message)`: posts a message to the listeners of `onMessage`.
   */
  startWorker(source: string, data: unknown): PlatformWorker;
  /** Serves a worker that a page has started from a module, as {@link startWorker} does its own; undefined in Node. */
  readonly adoptWorker: ((worker: Worker) => PlatformWorker) | undefined;
  readonly files: PlatformFiles;
  /** Where things lie; undefined in a browser. */
  readonly directories: PlatformDirectories | undefined;
}

export interface PlatformWorker {
  post(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Called once when the worker dies without being asked to, also if it died before the listener was set. */
  onError(listener: (error: Error) => void): void;
  /**
   * Whether the thread runs, looked up without waiting for an event; to be asked once it has answered a message.
   * Undefined in a browser, which does not tell.
   */
  alive(): boolean | undefined;
  terminate(): Promise<void>;
  /** Whether the process may end while the worker lives (Node); no effect in a browser. */
  unref(): void;
  ref(): void;
}

/** Absolute paths. */
export interface PlatformDirectories {
  /** The working directory of the process. */
  working(): string;
  /** The root of the fovea package (or checkout) that runs. */
  packageRoot(): string;
  /** Where the user's programs keep files that can be had again; it need not exist. */
  cache(): string;
  /** `path` from the root of the file system, with `..` resolved. */
  resolve(...path: readonly string[]): string;
}

/** File access; every function fails with a `FoveaError` of code "file" that names the path. Not to be had in a browser. */
export interface PlatformFiles {
  read(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Writes to a temporary name beside `path`, syncs, renames: readers see the old file or the whole new one.
   * The directory has to exist.
   */
  writeAtomic(path: string, data: Uint8Array | string): Promise<void>;
  /** Appends to `path`, which is made if need be. */
  append(path: string, data: Uint8Array | string): Promise<void>;
  /** Whether `path` is there, as a file or as a directory. */
  exists(path: string): Promise<boolean>;
  /** Makes a directory and those above it; fine when it is there already. */
  makeDirectory(path: string): Promise<void>;
  /** Names in a directory, sorted. */
  list(path: string): Promise<string[]>;
  /** Removes a file, or a directory with all that is in it; fine when it is not there. */
  remove(path: string): Promise<void>;
  /** Fails with a clear error when `path` (a directory, made if need be) cannot be written to. */
  checkWritable(path: string): Promise<void>;
}
