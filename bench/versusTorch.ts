import { join } from "node:path";
import type { Context } from "./context.js";
import { benchVersus, type Request, runScript } from "./versus.js";

/** The script beside this file's source; the launcher starts us in the checkout. */
const script = join("bench", "torch_bench.py");

/** With vectors of 128 bits, as in browsers and in Node 20: a quarter of what PyTorch's have on many processors. */
const narrowTarget = 2;

/** Compares training and inference with PyTorch, and the memory of training. */
export async function benchVersusTorch(context: Context): Promise<void> {
  const { python } = context.options;
  const run = <T>({ name, threads }: Request, args: readonly string[], fields: readonly string[]): Promise<T> =>
    runScript({
      where: `PyTorch (${python})`,
      fix: "Install PyTorch (pip install torch), or name a Python that has it: --vs-torch=PYTHON",
      command: python,
      args: [script, "--only", name, "--threads", String(threads), ...args],
      fields,
    });
  await benchVersus(context, {
    title: "PyTorch",
    key: "torch",
    purposes: ["train", "infer"],
    target: ({ target }, width) => (width === 128 ? narrowTarget : target),
    measure: (request) => run(request, ["--seconds", String(request.seconds)], ["train_ms", "infer_ms"]),
    async measurePeak(request) {
      const { peak_mb } = await run<{ peak_mb: number }>(request, ["--memory"], ["peak_mb"]);
      return peak_mb;
    },
  });
}
