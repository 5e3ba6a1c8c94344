import { mkdirSync, writeFileSync } from "node:fs";
import { bench } from "../../bench/bench.js";
import { makeGenerated } from "../harness/generated.js";

/** Runs the benchmark's command line. */
export async function run(...args: string[]) {
  const written: string[] = [];
  const noted: string[] = [];
  const code = await bench(args, { write: (line) => written.push(line), note: (line) => noted.push(line) });
  return { code, written, noted };
}

/** A run that takes no time. */
export const short = ["--only", "mnist-shallow-b50", "--seconds", "0.05", "--threads", "1"];

/** A directory of what stands for the peers. */
export function makePeers(name: string) {
  const directory = makeGenerated(name);
  const { path } = directory;
  return {
    ...directory,

    /** Stands for a Python: tells its arguments in the name of the peer, and numbers that decide the comparison. */
    python(name: string, train: number, infer: number, peak: number): string {
      const line = `{"peer":"'"$*"'","threads":1,"train_ms":${train},"infer_ms":${infer},"peak_mb":${peak}}`;
      writeFileSync(`${path}/${name}`, `#!/bin/sh\necho '${line}'\n`, { mode: 0o755 });
      return `${path}/${name}`;
    },

    /** Stands for an installed TensorFlow.js whose inference takes `milliseconds` of a clock of its own. */
    tfjs(name: string, milliseconds: number): string {
      const installed = `${path}/${name}-packages`;
      const packages = {
        "tfjs-core": `
          let clock = 0;
          performance.now = () => clock;
          module.exports = {
            version_core: "0.0.0",
            enableProdMode() {},
            env: () => ({ set() {}, getAsync: async () => true }),
            setBackend: async (name) => name === "wasm",
            randomUniform: (shape) => ({ shape }),
            tidy: () => ({ data: async () => (clock += ${milliseconds}), dispose() {} }),
          };`,
        "tfjs-backend-wasm": `module.exports = {
          setWasmPaths() {},
          setThreadsCount() {},
          getThreadsCount: () => 1,
        };`,
      };
      for (const [key, source] of Object.entries(packages)) {
        const at = `${installed}/node_modules/@tensorflow/${key}`;
        mkdirSync(at, { recursive: true });
        writeFileSync(`${at}/index.js`, source);
        writeFileSync(`${at}/package.json`, JSON.stringify({ name: `@tensorflow/${key}`, main: "index.js" }));
      }
      return installed;
    },
  };
}
