import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { main } from "../../src/cli/main.js";
import { keyOf } from "../../src/core/random.js";
import { drawDigit } from "../../src/data/strokes.js";
import { idxFile } from "../data/idx-file.js";

/** A machine of our own: a working directory, and a small MNIST in FOVEA_DATA. */
export interface Machine {
  readonly directory: string;
  readonly data: string;
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Digits by our own pen, in MNIST's files. */
export async function makeMachine(train: number, test: number): Promise<Machine> {
  const directory = await mkdtemp(join(tmpdir(), "fovea-cli-"));
  const data = join(directory, "data");
  await mkdir(join(data, "mnist"), { recursive: true });
  for (const [name, count] of [
    ["train", train],
    ["t10k", test],
  ] as const) {
    const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
    const pixels = new Uint8Array(count * 784);
    labels.forEach((label, i) => pixels.set(drawDigit(label, keyOf(7, name, i)), i * 784));
    await writeFile(join(data, "mnist", `${name}-images-idx3-ubyte`), idxFile([count, 28, 28], pixels));
    await writeFile(join(data, "mnist", `${name}-labels-idx1-ubyte`), idxFile([count], labels));
  }
  const environment = { FOVEA_DATA: data, FOVEA_CACHE: join(directory, "cache"), FOVEA_OFFLINE: "1" };
  return { directory, data, environment, close: () => rm(directory, { recursive: true, force: true }) };
}

/** Has the tests of a file run on such a machine: in its directory, with its environment and with `more`. */
export function useMachine(
  train: number,
  test: number,
  more: Readonly<Record<string, string>> = {},
): Omit<Machine, "close"> {
  const home = process.cwd();
  const before = { ...process.env };
  let machine: Machine;
  beforeAll(async () => {
    machine = await makeMachine(train, test);
    Object.assign(process.env, machine.environment, more);
    process.chdir(machine.directory);
  });
  afterAll(async () => {
    process.chdir(home);
    process.env = before;
    await machine.close();
  });
  return {
    get directory() {
      return machine.directory;
    },
    get data() {
      return machine.data;
    },
    get environment() {
      return machine.environment;
    },
  };
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in this process. */
export async function fovea(...argv: string[]): Promise<Outcome> {
  const output = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({
    write(text: string) {
      output[name] += text;
    },
  });
  const code = await main(argv, { stdout: stream("stdout"), stderr: stream("stderr") });
  return { code, ...output };
}

export const jsonLines = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
