import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { checkUnlocked, lockHolder, takeLock } from "../../src/cli/lock.js";
import { buildInto, makeGenerated } from "../harness/generated.js";

const place = mkdtempSync(join(tmpdir(), "fovea-lock-"));
const path = join(place, "run.lock");
const generated = makeGenerated("lock");

beforeEach(() => {
  for (const name of readdirSync(place)) rmSync(join(place, name));
});

afterAll(() => {
  generated.remove();
  rmSync(place, { recursive: true });
});

/** The number of a process that has ended. */
const deadProcess = () => spawnSync(process.execPath, ["-e", ""]).pid;

const writeLock = (holder: object) =>
  writeFileSync(path, JSON.stringify({ since: "2026-11-20T10:00:00.000Z", host: hostname(), token: "a1", ...holder }));

describe("a lock", () => {
  test("is a file that says who holds it, and goes with its release", async () => {
    const lock = await takeLock(path);
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ pid: process.pid, host: hostname() });
    expect(await lockHolder(path)).toMatchObject({ pid: process.pid });
    expect(readdirSync(place)).toEqual(["run.lock"]);
    await lock.release();
    await lock.release();
    expect(readdirSync(place)).toEqual([]);
    expect(await lockHolder(path)).toBeUndefined();
  });

  test("is refused while it is held, with the process that holds it", async () => {
    const lock = await takeLock(path);
    const { since } = JSON.parse(readFileSync(path, "utf8"));
    const message =
      `${place}: process ${process.pid} is training in this directory, since ${since}. ` +
      "Wait until it has ended, or stop it: Ctrl-C there saves a checkpoint to go on from.";
    await expect(takeLock(path)).rejects.toThrow(message);
    await expect(checkUnlocked(path)).rejects.toThrow(message);
    expect(readdirSync(place)).toEqual(["run.lock"]);
    await lock.release();
    await (await takeLock(path)).release();
  });

  test("of a process that has ended is taken over", async () => {
    writeLock({ pid: deadProcess() });
    expect(await lockHolder(path)).toBeUndefined();
    const lock = await takeLock(path);
    expect(await lockHolder(path)).toMatchObject({ pid: process.pid });
    expect(readdirSync(place)).toEqual(["run.lock"]);
    await lock.release();
  });

  test("of a process that ended while it took over is taken over", async () => {
    const pid = deadProcess();
    writeLock({ pid });
    writeFileSync(`${path}-a1`, JSON.stringify({ pid, host: hostname(), token: "b2" }));
    const lock = await takeLock(path);
    expect(await lockHolder(path)).toMatchObject({ pid: process.pid });
    expect(readdirSync(place)).toEqual(["run.lock"]);
    await lock.release();
  });

  test.runIf(process.platform === "linux")("of an earlier process of the same number is taken over", async () => {
    writeLock({ pid: process.pid, began: "another start of the machine 1" });
    await (await takeLock(path)).release();
  });

  test("of another machine counts, since nobody can look there", async () => {
    writeLock({ pid: deadProcess(), host: "elsewhere" });
    await expect(takeLock(path)).rejects.toThrow(
      /of elsewhere is training .* if it runs no more, remove .*run\.lock\.$/,
    );
  });

  test("that was removed by hand and taken by another is left alone", async () => {
    const lock = await takeLock(path);
    writeLock({ pid: deadProcess() });
    await lock.release();
    expect(existsSync(path)).toBe(true);
  });

  test("that is damaged is named", async () => {
    writeFileSync(path, "{");
    await expect(takeLock(path)).rejects.toThrow(/run\.lock: is not a lock \(received \{\)\. Remove it if no process/);
  });
});

test("of many processes that find a stale lock, one has it at a time", { timeout: 60_000 }, async () => {
  expect(buildInto(generated.path, ["cli/lock.ts"])).toBe("");
  // each adds to a number that is read and written slowly: it comes out wrong if two are at it together
  const counter = join(place, "counter");
  writeFileSync(counter, "0");
  writeFileSync(
    join(generated.path, "contend.js"),
    `
import { readFileSync, writeFileSync } from "node:fs";
import { takeLock } from "./dist/cli/lock.js";
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
for (let done = 0; done < 5; ) {
  const lock = await takeLock(process.argv[2]).catch((error) => {
    if (error.code !== "usage") throw error;
  });
  if (lock === undefined) {
    await pause(1);
    continue;
  }
  const before = Number(readFileSync(process.argv[3], "utf8"));
  await pause(2);
  writeFileSync(process.argv[3], String(before + 1));
  done += 1;
  // now and then a lock is left behind, as a process that is killed does it
  if (done === 5) process.kill(process.pid, "SIGKILL");
  await lock.release();
}
`,
  );
  writeLock({ pid: deadProcess() });
  const contenders = Array.from({ length: 4 }, () =>
    spawn(process.execPath, [join(generated.path, "contend.js"), path, counter], {
      stdio: ["ignore", "ignore", "pipe"],
    }),
  );
  const complaints = await Promise.all(
    contenders.map(async (child) => {
      let text = "";
      child.stderr.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      await once(child, "close");
      return text;
    }),
  );
  expect(complaints).toEqual(["", "", "", ""]);
  expect(readFileSync(counter, "utf8")).toBe("20");
});
