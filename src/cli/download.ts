import type { MnistOptions } from "../data/mnist.js";
import { formatBytes } from "./format.js";
import { type Io, printLine } from "./io.js";

/** Shows downloads: a line that redraws itself on a terminal, one line per file elsewhere. */
export function downloadProgress({ stderr }: Io): NonNullable<MnistOptions["onProgress"]> {
  let current = "";
  let drawn = 0;
  return ({ file, url, received, total }) => {
    const isFirst = file !== current;
    current = file;
    if (stderr.isTTY !== true) {
      if (isFirst) printLine(stderr, `downloading ${url} (${formatBytes(total)})`);
      return;
    }
    const now = Date.now();
    if (!isFirst && received < total && now - drawn < 100) return;
    drawn = now;
    const text = `downloading ${file}  ${formatBytes(received)} of ${formatBytes(total)}`;
    stderr.write(`\r\u001b[K${text.slice(0, (stderr.columns ?? 80) - 1)}${received === total ? "\n" : ""}`);
  };
}
