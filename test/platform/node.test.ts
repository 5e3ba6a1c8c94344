import { chmodSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WorkerOptions } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FoveaError } from "../../src/core/errors.js";
import { platform } from "../../src/platform/node.js";

/** What workers started from now on may use. */
const limits = vi.hoisted(() => ({ maxOldGenerationSizeMb: undefined as number | undefined }));
vi.mock("node:worker_threads", async (original) => {
  const module = await original<typeof import("node:worker_threads")>();
  class Worker extends module.Worker {
    constructor(source: string, options: WorkerOptions) {
      super(source, { ...options, resourceLimits: limits });
    }
  }
  return { ...module, Worker };
});

const { files } = platform;
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "fovea-platform-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function messageOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof FoveaError)) throw new Error(`no FoveaError: ${String(error)}`);
  expect(error.code).toBe("file");
  return error.message;
}

describe("files", () => {
  test("writes whole files and leaves nothing else behind", async () => {
    const path = join(directory, "model.safetensors");
    await files.writeAtomic(path, "first");
    await files.writeAtomic(path, new Uint8Array([1, 2, 3]));
    expect([...(await files.read(path))]).toEqual([1, 2, 3]);
    expect(await files.list(directory)).toEqual(["model.safetensors"]);
  });

  test("a write that fails leaves the old file and no temporary one", async () => {
    const target = join(directory, "taken");
    await files.makeDirectory(join(target, "inside"));
    const message = await messageOf(files.writeAtomic(target, "text"));
    expect(message).toBe(`${target}: cannot be written because it is a directory. Give the path of a file.`);
    expect(await readdir(directory)).toEqual(["taken"]);
  });

  test("appends text and bytes", async () => {
    const path = join(directory, "metrics.jsonl");
    await files.append(path, "a\n");
    await files.append(path, new Uint8Array([98, 10]));
    expect(await readFile(path, "utf8")).toBe("a\nb\n");
  });

  test("lists sorted, removes, and knows what exists", async () => {
    for (const name of ["b", "a", "c"]) await writeFile(join(directory, name), "");
    expect(await files.list(directory)).toEqual(["a", "b", "c"]);
    expect(await files.exists(join(directory, "a"))).toBe(true);
    await files.remove(join(directory, "a"));
    await files.remove(join(directory, "a"));
    expect(await files.exists(join(directory, "a"))).toBe(false);
  });

  test("checkWritable makes the directory and leaves it empty", async () => {
    const path = join(directory, "new", "run");
    await files.checkWritable(path);
    expect(await files.list(path)).toEqual([]);
  });

  test("says in plain words why not", async () => {
    const missing = join(directory, "missing");
    const file = join(directory, "file");
    await writeFile(file, "");
    const below = join(file, "below");
    const notADirectory = "because a part of the path is a file, not a directory. Check the path.";
    expect(await messageOf(files.read(missing))).toBe(
      `${missing}: cannot be read because it does not exist. Check the path.`,
    );
    expect(await messageOf(files.read(directory))).toBe(
      `${directory}: cannot be read because it is a directory. Give the path of a file.`,
    );
    expect(await messageOf(files.writeAtomic(join(missing, "x"), ""))).toBe(
      `${missing}/x: cannot be written because its directory does not exist. Make the directory ${missing} first.`,
    );
    expect(await messageOf(files.writeAtomic(below, ""))).toBe(`${below}: cannot be written ${notADirectory}`);
    expect(await messageOf(files.append(below, ""))).toBe(`${below}: cannot be written ${notADirectory}`);
    expect(await messageOf(files.makeDirectory(below))).toBe(`${below}: cannot be made ${notADirectory}`);
    expect(await messageOf(files.checkWritable(below))).toBe(`${below}: cannot be made ${notADirectory}`);
    expect(await messageOf(files.list(missing))).toBe(
      `${missing}: cannot be read because it does not exist. Check the path.`,
    );
    const long = join(directory, "x".repeat(300));
    expect(await messageOf(files.read(long))).toBe(
      `${long}: cannot be read because the name is too long. Choose a shorter one.`,
    );
  });

  test("a full disk", async ({ skip }) => {
    if (process.platform !== "linux") skip("needs /dev/full of Linux");
    expect(await messageOf(files.append("/dev/full", "text"))).toBe(
      "/dev/full: cannot be written because the disk is full. Free some space, or choose a path on another disk.",
    );
  });

  test("a directory without permission", async ({ skip }) => {
    if (process.getuid?.() === 0) skip("root may write to any directory");
    chmodSync(directory, 0o500);
    expect(await messageOf(files.checkWritable(directory))).toBe(
      `${directory}: cannot be written because this user has no permission. ` +
        "Choose another path, or change the permissions.",
    );
  });
});

describe("workers", () => {
  test("the script has workerData, receive and send", async () => {
    const source = "receive((message) => send([workerData.base + message, typeof require]));";
    const worker = platform.startWorker(source, { base: 40 });
    const answer = new Promise((done) => worker.onMessage(done));
    worker.post(2);
    expect(await answer).toEqual([42, "function"]);
    await worker.terminate();
  });

  test("messages wait until the script listens; memory is shared", async () => {
    const memory = new SharedArrayBuffer(4);
    const worker = platform.startWorker(
      "setTimeout(() => receive((n) => { Atomics.add(new Int32Array(workerData), 0, n); send(0); }), 30);",
      memory,
    );
    let answers = 0;
    const both = new Promise<void>((done) => worker.onMessage(() => ++answers === 2 && done()));
    worker.post(1);
    worker.post(2);
    await both;
    expect(new Int32Array(memory)[0]).toBe(3);
    await worker.terminate();
  });

  test("an error of the script is told once, also to a late listener", async () => {
    const worker = platform.startWorker(`throw new Error("boom")`, undefined);
    const first = await new Promise<Error>((done) => worker.onError(done));
    expect(first.message).toBe("boom");
    const late = await new Promise<Error>((done) => worker.onError(done));
    expect(late).toBe(first);
  });

  test("an end on its own is an error, a terminate is not", async () => {
    const worker = platform.startWorker("process.exit(3)", undefined);
    const error = await new Promise<Error>((done) => worker.onError(done));
    expect(error.message).toBe("worker thread: ended without being asked to (received exit code 3).");
    const asked = platform.startWorker("receive(() => {})", undefined);
    let died = false;
    asked.onError(() => {
      died = true;
    });
    await asked.terminate();
    await platform.yield();
    expect(died).toBe(false);
  });

  test.each([
    ["exits", "process.exit(3)", "unsupported"],
    ["throws", 'throw new Error("boom")', undefined],
    ["has no memory left", "const rows = []; for (;;) rows.push(new Array(10_000).fill(Math.random()))", "memory"],
  ])("one that %s is known to be dead before any event tells", async (_, end, code) => {
    limits.maxOldGenerationSizeMb = 20;
    const worker = platform.startWorker(`receive(() => { ${end} }); send(0)`, undefined);
    limits.maxOldGenerationSizeMb = undefined;
    await new Promise((done) => worker.onMessage(done));
    let told: FoveaError | undefined;
    const telling = new Promise<void>((done) =>
      worker.onError((error) => {
        told = error as FoveaError;
        done();
      }),
    );
    expect(worker.alive()).toBe(true);
    worker.post(1);
    const sleeping = new Int32Array(new SharedArrayBuffer(4));
    // no event can come here
    for (let i = 0; i < 1000 && worker.alive(); i++) Atomics.wait(sleeping, 0, 0, 10);
    expect(worker.alive()).toBe(false);
    expect(told).toBeUndefined();
    await telling;
    expect(told!.code).toBe(code);
    expect(worker.alive()).toBe(false);
  });
});

test("environment and directories", () => {
  process.env.FOVEA_EMPTY = "";
  expect(platform.env("FOVEA_EMPTY")).toBeUndefined();
  expect(platform.cpuCount()).toBeGreaterThan(0);
  expect(platform.directories?.packageRoot()).toBe(process.cwd());
  expect(platform.directories?.resolve("/a/b", "../c")).toBe("/a/c");
});
