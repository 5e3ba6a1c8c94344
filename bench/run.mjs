/**
 * `npm run bench`: builds the benchmark with the sources that it measures into bench/dist, apart from what others
 * build, and runs it in a new process under the newest Node that is installed here. See docs/performance.md.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, runTool, userNode } from "../scripts/setup.mjs";

const system = process.argv.includes("--node=system");
const args = process.argv.slice(2).filter((argument) => argument !== "--node=system");

if (!existsSync(join(root, "node_modules", "typescript"))) {
  console.error("error: packages are missing. Run `npm run setup` first.");
  process.exit(1);
}

// stdout is for results alone
const code = runTool("typescript/bin/tsc", ["-p", "bench"], { stdio: ["ignore", 2, 2] });
if (code !== 0) {
  console.error("error: the build failed; the mistakes are above.");
  process.exit(code);
}
mkdirSync(join(root, "bench", "dist"), { recursive: true });
const imports = { "#platform": "./src/platform/node.js" };
writeFileSync(join(root, "bench", "dist", "package.json"), JSON.stringify({ type: "module", imports }));

/** The package `node` is newer than what many have, and only newer ones have 256-bit vectors. */
function newestNode() {
  const packaged = join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
  return existsSync(packaged) ? packaged : userNode();
}

const main = join(root, "bench", "dist", "bench", "main.js");
const child = spawn(system ? userNode() : newestNode(), [main, ...args], { stdio: "inherit" });
// Ctrl-C reaches both of us: we end when it has
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("error", (error) => {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
});
child.on("exit", (status, signal) => {
  process.exitCode = status ?? (signal === "SIGINT" ? 130 : 1);
});
