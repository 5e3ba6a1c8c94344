import { randomBytes } from "node:crypto";
import * as fs from "node:fs/promises";
import { availableParallelism, cpus, homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import { FoveaError, fail } from "../core/errors.js";
import type { Platform, PlatformFiles, PlatformWorker } from "./types.js";

/** Gives the script `workerData`, `receive` and `send`; Node itself keeps messages until someone listens. */
const prelude = `"use strict";
const { parentPort: port, workerData: data } = require("node:worker_threads");
const receive = (listener) => port.on("message", listener);
const send = (message) => port.postMessage(message);
((workerData, receive, send) => {
`;
const epilogue = "\n})(data, receive, send);\n";

/** The words for an error of the operating system, and what to do about it. `directory` is that of the path. */
function explain(error: unknown, access: Access, directory: string): { reason: string; fix?: string } {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  switch (code) {
    case "ENOENT":
      return access === "read"
        ? { reason: "it does not exist", fix: "Check the path" }
        : { reason: "its directory does not exist", fix: `Make the directory ${directory} first` };
    case "EACCES":
    case "EPERM":
      return { reason: "this user has no permission", fix: "Choose another path, or change the permissions" };
    case "ENOSPC":
    case "EDQUOT":
      return { reason: "the disk is full", fix: "Free some space, or choose a path on another disk" };
    case "EROFS":
      return { reason: "the file system is read-only", fix: "Choose a path on a disk that can be written to" };
    case "EISDIR":
      return { reason: "it is a directory", fix: "Give the path of a file" };
    case "ENOTDIR":
      return { reason: "a part of the path is a file, not a directory", fix: "Check the path" };
    case "EEXIST":
      return { reason: "a file of this name is in the way", fix: "Choose another path, or remove the file" };
    case "EMFILE":
    case "ENFILE":
      return { reason: "too many files are open", fix: "Close some, or raise the limit (ulimit -n)" };
    case "ENAMETOOLONG":
      return { reason: "the name is too long", fix: "Choose a shorter one" };
    case "ERR_FS_FILE_TOO_LARGE":
      return { reason: "it is larger than 2 GiB" };
    default:
      return { reason: error instanceof Error ? error.message : String(error) };
  }
}

/** What was tried, as it reads after "cannot be". */
type Access = "read" | "written" | "removed" | "made";

function failFile(error: unknown, path: string, access: Access): never {
  const { reason, fix } = explain(error, access, dirname(path));
  fail({ code: "file", where: path, problem: `cannot be ${access} because ${reason}`, fix, cause: error });
}

/** A name beside `path` that nobody else uses; the dot hides it from listings. */
function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path).slice(0, 100)}.${process.pid}-${randomBytes(6).toString("hex")}.tmp`);
}

/** Makes a rename survive a power cut. Windows, and some network file systems, cannot sync a directory. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await fs.open(path, "r");
  try {
    await handle.sync();
  } catch (error) {
    if (!(error instanceof Error && "code" in error && (error.code === "EINVAL" || error.code === "ENOTSUP")))
      throw error;
  } finally {
    await handle.close();
  }
}

const files: PlatformFiles = {
  async read(path) {
    try {
      const buffer = await fs.readFile(path);
      return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    } catch (error) {
      failFile(error, path, "read");
    }
  },

  async writeAtomic(path, data) {
    const temporary = temporaryName(path);
    try {
      const handle = await fs.open(temporary, "wx");
      try {
        await handle.writeFile(data);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await fs.rename(temporary, path);
      await syncDirectory(dirname(path));
    } catch (error) {
      await fs.rm(temporary, { force: true }).catch(() => {});
      failFile(error, path, "written");
    }
  },

  async append(path, data) {
    try {
      await fs.appendFile(path, data);
    } catch (error) {
      failFile(error, path, "written");
    }
  },

  async exists(path) {
    return fs.access(path).then(
      () => true,
      () => false,
    );
  },

  async makeDirectory(path) {
    try {
      await makeWithParents(path);
    } catch (error) {
      failFile(error, path, "made");
    }
  },

  async list(path) {
    try {
      return (await fs.readdir(path)).sort();
    } catch (error) {
      failFile(error, path, "read");
    }
  },

  async remove(path) {
    try {
      await fs.rm(path, { recursive: true, force: true });
    } catch (error) {
      failFile(error, path, "removed");
    }
  },

  async checkWritable(path) {
    await files.makeDirectory(path);
    const probe = temporaryName(join(path, "writable"));
    try {
      await fs.writeFile(probe, "", { flag: "wx" });
    } catch (error) {
      failFile(error, path, "written");
    }
    await fs.rm(probe, { force: true }).catch(() => {});
  },
};

/** As `mkdir -p`. Node's own recursive mode does not end where a file system refuses with ENOENT, as /proc does. */
async function makeWithParents(path: string): Promise<void> {
  const made = await fs.mkdir(path).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error,
  );
  if (made === undefined) return;
  if (made.code === "EEXIST" && (await fs.stat(path)).isDirectory()) return;
  const parent = dirname(path);
  if (made.code !== "ENOENT" || parent === path) throw made;
  await makeWithParents(parent);
  await fs.mkdir(path);
}

function startWorker(source: string, data: unknown): PlatformWorker {
  // Without the process's own flags: `--import`, `--input-type` and their like are not meant for this script.
  const worker = new Worker(prelude + source + epilogue, { eval: true, workerData: data, execArgv: [] });
  let death: Error | undefined;
  let asked = false;
  let listener: ((error: Error) => void) | undefined;
  const die = (error: Error) => {
    if (asked || death !== undefined) return;
    death = error;
    listener?.(error);
  };
  worker.on("error", (error) => die(workerError(error)));
  worker.on("messageerror", (error) => die(workerError(error)));
  worker.on("exit", (code) =>
    die(
      new FoveaError({
        code: "unsupported",
        where: "worker thread",
        problem: "ended without being asked to",
        received: `exit code ${code}`,
      }),
    ),
  );
  return {
    post: (message) => worker.postMessage(message),
    onMessage: (onMessage) => void worker.on("message", onMessage),
    onError(onError) {
      listener = onError;
      if (death !== undefined) onError(death);
    },
    alive() {
      // times of the thread's event loop: an idle time of -1 when the loop is gone, zeros when it never was
      const { idle, active } = worker.performance.eventLoopUtilization();
      return active > 0 && idle >= 0;
    },
    async terminate() {
      asked = true;
      await worker.terminate();
    },
    unref: () => worker.unref(),
    ref: () => worker.ref(),
  };
}

/** Running out of memory is the machine's failure; all else is what the script threw. */
function workerError(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(`worker thread: ${String(error)}`);
  if (!("code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY")) return error;
  return new FoveaError({
    code: "memory",
    where: "worker thread",
    problem: "ran out of memory",
    fix: "Use a smaller batch, or fewer threads",
    cause: error,
  });
}

function env(name: string): string | undefined {
  return process.env[name] || undefined;
}

/** The user's cache as each system has it: XDG on Linux, Library/Caches on macOS, Local AppData on Windows. */
function cacheDirectory(): string {
  const xdg = env("XDG_CACHE_HOME");
  if (xdg !== undefined) return resolve(xdg);
  if (process.platform === "win32") return env("LOCALAPPDATA") ?? join(homedir(), "AppData", "Local");
  return process.platform === "darwin" ? join(homedir(), "Library", "Caches") : join(homedir(), ".cache");
}

const v8Version = Number.parseInt(process.versions.v8, 10);

/** Only x64 is known to fuse: the flag's code for other processors was not tried. */
const canRelax = process.arch === "x64" && v8Version === 11;

function relaxWasm(on: boolean): boolean {
  if (!canRelax) return false;
  setFlagsFromString(`--${on ? "" : "no-"}experimental-wasm-relaxed-simd`);
  return on;
}

const canWiden = process.arch === "x64" && v8Version >= 13;

function widenWasm(on: boolean): boolean {
  if (!canWiden) return false;
  setFlagsFromString(`--${on ? "" : "no-"}experimental-wasm-revectorize`);
  return on;
}

/** V8's own budget: about the bytes of code that a function executes until it is optimised. */
const tieringBudget = 13_000_000;

/**
 * The usual way up, from the baseline compiler to TurboFan, only at once and on this thread. (`--no-liftoff` would skip
 * the first step, but ends the process on V8 14, whose inlining misses the counts that baseline code takes.)
 */
function optimizingWasm<T>(body: () => T): T {
  if (!canWiden) return body();
  setFlagsFromString("--wasm-sync-tier-up");
  setFlagsFromString("--wasm-tiering-budget=1");
  try {
    return body();
  } finally {
    setFlagsFromString("--no-wasm-sync-tier-up");
    setFlagsFromString(`--wasm-tiering-budget=${tieringBudget}`);
  }
}

export const platform: Platform = {
  name: "node",
  cpuCount: availableParallelism,
  machine: () => `${cpus()[0]?.model.trim() ?? process.arch}, V8 ${process.versions.v8}`,
  env,
  relaxWasm,
  widenWasm,
  sinksWasm: v8Version < 13,
  optimizingWasm,
  warn: (text) => void process.stderr.write(`${text}\n`),
  now: () => performance.now(),
  yield: () => new Promise((done) => setImmediate(done)),
  startWorker,
  adoptWorker: undefined,
  files,
  directories: {
    working: () => process.cwd(),
    // This file lies at src/platform/node.ts, built at dist/platform/node.js.
    packageRoot: () => resolve(fileURLToPath(new URL("../..", import.meta.url))),
    cache: cacheDirectory,
    resolve,
  },
};
