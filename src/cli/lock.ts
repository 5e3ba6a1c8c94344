import { randomBytes } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import * as fs from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { fail } from "../core/errors.js";

/** Who holds a lock: the content of its file, as JSON. */
export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** ISO date of the moment at which the lock was taken. */
  readonly since: string;
  /** When the process began, as far as the system tells: it tells a process from a later one of the same number. */
  readonly began?: string;
  /** Names this lock among all that ever were. */
  readonly token: string;
}

/** A lock that this process holds. */
export interface Lock {
  /** Gives it back; fine when that was done already. */
  release(): Promise<void>;
}

/**
 * Takes the lock file at `path` for this process. A lock of a process of this machine that is no more is taken over. The
 * lock ends with the process, unless it is killed; then the next one finds it stale.
 *
 * A lock is a file that appears under its name with its whole content, or not at all. A stale one, whose token is t, is
 * claimed by making the file `path-t` in the same way, which one process alone can do; it then moves its claim to `path`
 * if the stale lock is still there.
 *
 * Errors: code "usage" where another process holds it; code "file" where the file cannot be written.
 */
export async function takeLock(path: string): Promise<Lock> {
  const holder = await thisProcess();
  const mine = `${path}-${holder.token}.new`;
  await write(mine, `${JSON.stringify(holder)}\n`, path);
  try {
    while (!(await claim(path, mine))) await new Promise((resolve) => setTimeout(resolve, 5));
  } finally {
    await fs.rm(mine, { force: true });
  }
  const release = () => {
    if (isOf(holder, path)) rmSync(path, { force: true });
  };
  process.once("exit", release);
  return {
    async release() {
      process.off("exit", release);
      release();
    },
  };
}

/** Who holds the lock at `path` now; undefined where nobody does, or a process that is no more. */
export async function lockHolder(path: string): Promise<LockHolder | undefined> {
  const holder = await read(path);
  return holder !== undefined && (await isAlive(holder)) ? holder : undefined;
}

/** Refuses what must not happen while another process holds the lock at `path`. */
export async function checkUnlocked(path: string): Promise<void> {
  const holder = await lockHolder(path);
  if (holder !== undefined) failHeld(path, holder);
}

/** Tries to make the file `mine` the lock. False where another process was faster, and one has to look again. */
async function claim(path: string, mine: string): Promise<boolean> {
  const stale: string[] = [];
  let at = path;
  while (!(await linked(mine, at, path))) {
    const holder = await read(at);
    if (holder === undefined) return false;
    if (await isAlive(holder)) failHeld(path, holder);
    stale.push(holder.token);
    at = `${path}-${holder.token}`;
  }
  if (at === path) return true;
  // between our first look and our claim, another may have taken over, ended and cleared away
  if ((await read(path))?.token !== stale[0]) {
    await fs.rm(at, { force: true });
    return false;
  }
  await fs.rename(at, path);
  for (const token of stale) await fs.rm(`${path}-${token}`, { force: true });
  return true;
}

/** Gives the file `from` a second name, if there is no such file yet. */
async function linked(from: string, to: string, path: string): Promise<boolean> {
  try {
    await fs.link(from, to);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === "EEXIST") return false;
    // some file systems have no links: there, for a moment, the file is without its content
    if (["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EMLINK"].includes(code)) {
      return write(to, await fs.readFile(from, "utf8"), path);
    }
    return failFile(path, error);
  }
}

/** Whether the file was not there yet. */
async function write(file: string, text: string, path: string): Promise<boolean> {
  try {
    await fs.writeFile(file, text, { flag: "wx" });
    return true;
  } catch (error) {
    return codeOf(error) === "EEXIST" ? false : failFile(path, error);
  }
}

async function read(path: string): Promise<LockHolder | undefined> {
  let text: string;
  try {
    text = await fs.readFile(path, "utf8");
  } catch (error) {
    return codeOf(error) === "ENOENT" ? undefined : failFile(path, error);
  }
  try {
    const holder = JSON.parse(text) as LockHolder;
    if (Number.isInteger(holder.pid) && /^\w+$/.test(holder.token)) return holder;
  } catch {
    // said below
  }
  return fail({
    code: "format",
    where: path,
    problem: "is not a lock",
    received: text.slice(0, 40),
    fix: "Remove it if no process trains in this directory",
  });
}

/** Whether the lock at `path` is that of `holder`: its file may have been removed by hand, and taken by another process. */
function isOf({ token }: LockHolder, path: string): boolean {
  try {
    return readFileSync(path, "utf8").includes(token);
  } catch {
    return false;
  }
}

/** Whether the process of a lock runs still. Of other machines nobody knows, and so it counts as running. */
async function isAlive({ pid, host, began }: LockHolder): Promise<boolean> {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === "ESRCH") return false;
  }
  const now = await statusOf(pid);
  return now?.ended !== true && (began === undefined || now === undefined || began === now.began);
}

async function thisProcess(): Promise<LockHolder> {
  const { pid } = process;
  const status = await statusOf(pid);
  return {
    pid,
    host: hostname(),
    since: new Date().toISOString(),
    ...(status && { began: status.began }),
    token: randomBytes(8).toString("hex"),
  };
}

/**
 * What Linux tells of a process: when it began, as the machine's start and clock ticks after it; and whether it has ended
 * and only waits for its parent to notice.
 */
async function statusOf(pid: number): Promise<{ began: string; ended: boolean } | undefined> {
  try {
    const status = await fs.readFile(`/proc/${pid}/stat`, "utf8");
    const boot = (await fs.readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
    // the second field is the program's name in brackets, which may have any character in it
    const fields = status.slice(status.lastIndexOf(")") + 2).split(" ");
    return { began: `${boot} ${fields[19]}`, ended: fields[0] === "Z" };
  } catch {
    return undefined;
  }
}

function failHeld(path: string, { pid, host, since }: LockHolder): never {
  const elsewhere = host !== hostname();
  return fail({
    code: "usage",
    where: dirname(path),
    problem: `process ${pid}${elsewhere ? ` of ${host}` : ""} is training in this directory, since ${since}`,
    fix: elsewhere
      ? `Wait until it has ended; if it runs no more, remove ${path}`
      : "Wait until it has ended, or stop it: Ctrl-C there saves a checkpoint to go on from",
  });
}

function failFile(path: string, error: unknown): never {
  return fail({ code: "file", where: path, problem: "cannot be written", received: String(error), cause: error });
}

const codeOf = (error: unknown) => (error instanceof Error && "code" in error ? String(error.code) : "");
