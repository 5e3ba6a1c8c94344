/** `npm start`: from a fresh checkout to a trained network. Arguments after `--` go to `fovea train mnist-shallow`. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { root, setup, userNode } from "./setup.mjs";

const code = setup();
if (code !== 0) process.exit(code);

console.log("This trains a small convolutional network to read handwritten digits, on your CPU. Ctrl-C stops it.\n");
const command = [join(root, "bin", "fovea.js"), "train", "mnist-shallow", ...process.argv.slice(2)];
const child = spawn(userNode(), command, { cwd: root, stdio: "inherit" });
// Ctrl-C reaches both of us: the training decides what to do about it, and we wait for it.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("exit", (status, signal) => {
  process.exitCode = status ?? (signal === "SIGINT" ? 130 : 1);
});
