#!/usr/bin/env node
import { existsSync } from "node:fs";

const built = new URL("../dist/cli/main.js", import.meta.url);
if (existsSync(built)) await (await import(built.href)).run();
else {
  console.error("error: fovea: it is not built yet\nRun npm install and npm run build in the directory of fovea.");
  process.exitCode = 1;
}
