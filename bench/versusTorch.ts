import { join } from "node:path";
import type { Context } from "./context.js";
import { benchVersus, runScript } from "./versus.js";

/** The script beside this file's source; the launcher starts us in the checkout. */
const script = join("bench", "torch_bench.py");

/** Compares training and inference with PyTorch. */
export async function benchVersusTorch(context: Context): Promise<void> {
  const { python } = context.options;
  await benchVersus(context, {
    title: "PyTorch",
    key: "torch",
    purposes: ["train", "infer"],
    target: ({ target }) => target,
    measure: ({ name, threads, seconds }) =>
      runScript({
        where: `PyTorch (${python})`,
        fix: "Install PyTorch (pip install torch), or name a Python that has it: --vs-torch=PYTHON",
        command: python,
        args: [script, "--only", name, "--threads", String(threads), "--seconds", String(seconds)],
        fields: ["train_ms", "infer_ms"],
      }),
  });
}
