import { join } from "node:path";
import type { Context } from "./context.js";
import { tfjsDirectory, tfjsFix, tfjsTitle } from "./tfjsPackages.js";
import { benchVersus, type Peer, type PeerResult, type Request, runScript } from "./versus.js";

/** The script beside this file's source; the launcher starts us in the checkout. */
const script = join("bench", "tfjsBench.mjs");

/** fovea's time at most, as a part of TensorFlow.js's. */
const target = 1 / 3;

/**
 * Compares inference with TensorFlow.js's WebAssembly backend where fovea is measured, in Node or in a browser. There is
 * nothing to compare with in training: that backend has no gradient of a convolution's filter.
 */
export async function benchVersusTfjs(context: Context): Promise<void> {
  const measure = context.host.measureTfjs ?? measureInNode(tfjsDirectory(context.options));
  const workloads = context.workloads.filter(({ tfjs }) => tfjs);
  const missing = context.workloads.filter((workload) => !workloads.includes(workload));
  if (missing.length > 0) context.note(`not on TensorFlow.js's side: ${missing.map(({ name }) => name).join(", ")}`);
  await benchVersus(
    { ...context, workloads },
    { title: tfjsTitle, key: "tfjs", purposes: ["infer"], target: () => target, hasDefault: true, measure },
  );
}

/**
 * In the Node that runs us, with V8's wider vectors for both or for none; the faster of one thread and as many as fovea
 * has decides. What it takes by default in Node, on one thread and without the wider vectors, is told as well.
 */
function measureInNode(directory: string): Peer["measure"] {
  const run = ({ name, seconds }: Request, threads: number, wide: boolean): Promise<PeerResult> =>
    runScript({
      where: `${tfjsTitle} (${directory})`,
      fix: tfjsFix,
      command: process.execPath,
      args: [
        ...(wide ? ["--experimental-wasm-revectorize"] : []),
        script,
        ...["--directory", directory, "--only", name, "--threads", String(threads), "--seconds", String(seconds)],
      ],
      fields: ["infer_ms"],
    });
  return async (request) => {
    const wide = request.width === 256;
    const alone = await run(request, 1, wide);
    const unaided = wide ? await run(request, 1, false) : alone;
    // its threads may cost more than they give
    const together = request.threads === 1 ? alone : await run(request, request.threads, wide);
    const best = together.infer_ms < alone.infer_ms ? together : alone;
    return { ...best, default_ms: unaided.infer_ms, default_threads: unaided.threads };
  };
}
