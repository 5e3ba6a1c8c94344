import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decodeCheckpoint } from "../../src/formats/checkpointFile.js";
import { decodeModel } from "../../src/formats/modelFile.js";
import { buildInto, makeGenerated } from "../harness/generated.js";

/** How many processes are killed: a few in every run of the tests, as many as you like by FOVEA_KILLS=200. */
const kills = Number(process.env.FOVEA_KILLS ?? 4);

const generated = makeGenerated("kill");
const place = mkdtempSync(join(tmpdir(), "fovea-kill-"));

const undisturbed = join(place, "undisturbed");
/** Milliseconds that it trains for. */
let duration = 0;

beforeAll(async () => {
  expect(buildInto(generated.path, ["index.ts", "data/index.ts"])).toBe("");
  writeFileSync(join(generated.path, "train.js"), trainer);
  const { started, done } = train(undisturbed, `${undisturbed}.safetensors`);
  await started;
  const began = performance.now();
  expect(await done).toBe(0);
  duration = performance.now() - began;
}, 60_000);

afterAll(() => {
  generated.remove();
  rmSync(place, { recursive: true, force: true });
});

/** Trains with a checkpoint after every other step, goes on where the directory stands, and writes the model at the end. */
const trainer = `
import { adam, conv2d, cosineDecay, csvLogger, dense, dropout, earlyStopping, flatten, input, sequential } from "./dist/index.js";
import { strokes } from "./dist/data/index.js";
const [directory, model, threads] = process.argv.slice(2);
const { train } = await strokes({ train: 240, test: 10, seed: 3 });
const net = sequential(input(28, 28, 1), conv2d(8, 5, { stride: 2 }), flatten(), dropout(0.2), dense(32), dense(10));
await net.fit(train, {
  loss: "crossEntropy", optimizer: adam(0.003, { averageDecay: 0.9 }), schedule: cosineDecay({ steps: 60 }),
  batchSize: 20, epochs: 6, validation: 0.1, seed: 7, progress: false, threads: Number(threads),
  callbacks: [
    earlyStopping({ monitor: "validationAccuracy", patience: 3 }),
    csvLogger(model + ".csv"),
    { onStart: () => console.log("started") },
  ],
  checkpoint: { directory, every: { steps: 2 }, keep: 3 },
  resume: true,
});
await net.save(model);
`;

interface Training {
  readonly child: ChildProcess;
  readonly started: Promise<unknown>;
  readonly done: Promise<number | null>;
}

function train(directory: string, model: string, threads = 1): Training {
  const child = spawn(process.execPath, [join(generated.path, "train.js"), directory, model, String(threads)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaints += text;
  });
  const done = once(child, "close").then(([code]) => {
    expect(complaints).toBe("");
    return code as number | null;
  });
  return { child, started: Promise.race([once(child.stdout, "data"), done]), done };
}

/** Every file that has its name is whole, whenever one looks. */
function checkDirectory(directory: string): void {
  if (!existsSync(directory)) return;
  const names = readdirSync(directory).filter((name) => !name.endsWith(".tmp"));
  for (const name of names) {
    const bytes = readFileSync(join(directory, name));
    decodeCheckpoint(bytes, name);
    decodeModel(bytes, name);
  }
  const steps = names.filter((name) => name.startsWith("checkpoint-"));
  // one more than are kept, where the process ended before it removed the oldest
  expect(steps.length).toBeLessThanOrEqual(4);
}

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The columns of a log that are no times. */
const measuredIn = (csv: string) =>
  readFileSync(csv, "utf8")
    .split("\n")
    .map((line) => line.split(",").slice(0, -2).join());

test.runIf(process.platform !== "win32")(
  `${kills} processes are killed while they train, and nothing is lost`,
  async () => {
    const expected = readFileSync(`${undisturbed}.safetensors`);
    let killed = 0;
    let finished = 0;
    for (let run = 0; killed < kills; run++) {
      const directory = join(place, `run-${run}`);
      const model = join(place, `run-${run}.safetensors`);
      for (let attempt = 0; ; attempt++) {
        const { child, started, done } = train(directory, model, 1 + (attempt % 2));
        // a few before the first step, most while steps and checkpoints are written
        if (attempt % 7 !== 6) await started;
        const began = performance.now();
        await wait(Math.random() * 0.5 * duration);
        if (child.exitCode === null && killed < kills) {
          child.kill("SIGKILL");
          if ((await done) === null) killed += 1;
        }
        const code = await done;
        checkDirectory(directory);
        // machines are not always equally busy
        if (code === 0 && attempt === 0) duration = Math.min(duration, performance.now() - began);
        if (code === 0) break;
        if (code !== null) throw new Error(`training ended with exit code ${code}`);
      }
      expect(Buffer.compare(readFileSync(model), expected), `run ${run}`).toBe(0);
      expect(measuredIn(`${model}.csv`)).toEqual(measuredIn(`${undisturbed}.safetensors.csv`));
      const names = (path: string) => readdirSync(path).sort();
      expect(names(directory)).toEqual(names(undisturbed));
      finished += 1;
      rmSync(directory, { recursive: true, force: true });
    }
    console.log(`${killed} processes killed, ${finished} runs ended in the bits of an undisturbed one`);
  },
  20_000 + kills * 5_000,
);

/** A file system of our own, where this machine lets us have one. */
function mount(path: string, options: string): boolean {
  return spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", path]).status === 0;
}
const unmount = (path: string) => spawnSync("umount", [path]);

test.runIf(process.platform === "linux" && process.getuid?.() === 0)(
  "a full disk and a read-only one give clear errors, and keep what is there",
  async ({ skip }) => {
    const directory = mkdtempSync(join(tmpdir(), "fovea-disk-"));
    try {
      // room for some checkpoints of about a megabyte, not for all that are kept and one more
      if (!mount(directory, "size=3500k")) skip();
      const model = join(place, "full.safetensors");
      const run = () => {
        const argv = [join(generated.path, "train.js"), directory, model, "1"];
        return spawnSync(process.execPath, argv, { encoding: "utf8" });
      };
      const full = run();
      expect(full.status).toBe(1);
      expect(full.stderr).toMatch(/: cannot be written because the disk is full\. Free some space, or choose/);
      expect(readdirSync(directory).filter((name) => name.endsWith(".tmp"))).toEqual([]);
      expect(readdirSync(directory).length).toBeGreaterThan(1);
      checkDirectory(directory);
      const kept = readdirSync(directory);

      spawnSync("mount", ["-o", "remount,ro", directory]);
      const readOnly = run();
      expect(readOnly.status).toBe(1);
      expect(readOnly.stderr).toMatch(/: cannot be written because the file system is read-only\. Choose a path/);
      expect(readdirSync(directory)).toEqual(kept);

      spawnSync("mount", ["-o", "remount,rw,size=20m", directory]);
      expect(run().status).toBe(0);
      expect(Buffer.compare(readFileSync(model), readFileSync(`${undisturbed}.safetensors`))).toBe(0);
    } finally {
      unmount(directory);
      rmSync(directory, { recursive: true, force: true });
    }
  },
  60_000,
);
