import { join } from "node:path";
import { platform } from "#platform";
import { fail } from "../src/core/errors.js";
import type { Context } from "./context.js";
import { benchVersus, type PeerResult, type Request, runScript } from "./versus.js";

/** The script beside this file's source; the launcher starts us in the checkout. */
const script = join("bench", "tfjsBench.mjs");

const where = "TensorFlow.js";
const fix =
  "In a directory outside of this one, run npm install @tensorflow/tfjs-core @tensorflow/tfjs-backend-wasm, and name it: " +
  "--vs-tfjs=DIRECTORY, or the variable FOVEA_TFJS";

/** fovea's time at most, as a part of TensorFlow.js's. */
const target = 1 / 3;

/**
 * Compares inference with TensorFlow.js's WebAssembly backend, in the Node that runs us and with V8's wider vectors for
 * both or for none; the faster of one thread and as many as fovea has decides. What it takes by default in Node, on one
 * thread and without the wider vectors, is told as well. There is nothing to compare with in training: that backend has
 * no gradient of a convolution's filter.
 */
export async function benchVersusTfjs(context: Context): Promise<void> {
  const directory = context.options.tfjs ?? platform.env("FOVEA_TFJS");
  if (directory === undefined) return fail({ code: "usage", where, problem: "its directory is not known", fix });
  const run = ({ name, seconds }: Request, threads: number, wide: boolean): Promise<PeerResult> =>
    runScript({
      where: `${where} (${directory})`,
      fix,
      command: process.execPath,
      args: [
        ...(wide ? ["--experimental-wasm-revectorize"] : []),
        script,
        ...["--directory", directory, "--only", name, "--threads", String(threads), "--seconds", String(seconds)],
      ],
      fields: ["infer_ms"],
    });
  const workloads = context.workloads.filter(({ tfjs }) => tfjs);
  const missing = context.workloads.filter((workload) => !workloads.includes(workload));
  if (missing.length > 0) context.note(`not on TensorFlow.js's side: ${missing.map(({ name }) => name).join(", ")}`);
  await benchVersus(
    { ...context, workloads },
    {
      title: where,
      key: "tfjs",
      purposes: ["infer"],
      target: () => target,
      hasDefault: true,
      async measure(request) {
        const wide = request.width === 256;
        const alone = await run(request, 1, wide);
        const { infer_ms: default_ms } = wide ? await run(request, 1, false) : alone;
        // its threads may cost more than they give
        const together = request.threads === 1 ? alone : await run(request, request.threads, wide);
        return { ...(together.infer_ms < alone.infer_ms ? together : alone), default_ms };
      },
    },
  );
}
