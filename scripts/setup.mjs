/**
 * Makes a checkout ready to run: installs what package-lock.json says, and builds. Does nothing where nothing changed.
 * Plain JavaScript, for it runs before anything is installed.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const at = (...path) => join(root, ...path);
const installStamp = at("node_modules", ".fovea-setup");
const buildStamp = at("dist", ".fovea-setup");

/**
 * The Node that the user has. `npm run` puts node_modules/.bin in front of PATH, where the package `node` (a newer
 * version, to test with) lies; npm itself still runs on the user's.
 */
export function userNode() {
  const npmNode = process.env.npm_node_execpath;
  const isOurs = (path) => path.startsWith(at("node_modules") + sep);
  return npmNode !== undefined && existsSync(npmNode) && !isOurs(npmNode) ? npmNode : process.execPath;
}

/** Runs a program in the checkout, and returns its exit code. */
export function run(command, args, options = {}) {
  const { status, error, signal } = spawnSync(command, args, { cwd: root, stdio: "inherit", ...options });
  if (error !== undefined) console.error(`error: ${command}: ${error.message}`);
  return status ?? (signal === "SIGINT" ? 130 : 1);
}

/** Runs a JavaScript program of an installed package. */
export function runTool(path, args, { node = userNode(), ...options } = {}) {
  return run(node, [at("node_modules", path), ...args], options);
}

/** Installs and builds where need be. Returns an exit code. */
export function setup() {
  const [major] = process.versions.node.split(".").map(Number);
  if (major < 20) {
    console.error(`error: fovea needs Node 20 or newer, and this is ${process.version}`);
    return 1;
  }
  return install() || build();
}

function install() {
  const lock = readFileSync(at("package-lock.json"), "utf8");
  const wanted = createHash("sha256").update(lock).digest("hex");
  if (existsSync(installStamp) && readFileSync(installStamp, "utf8") === wanted) return 0;
  if (!isInstalled(lock)) {
    console.log("Installing packages (npm ci) …");
    const code = runNpm(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
    if (code !== 0) {
      console.error("error: npm ci failed; its messages are above. It needs the network once.");
      return code;
    }
  }
  writeFileSync(installStamp, wanted);
  return 0;
}

/** npm is a script of the Node that runs it; under `npm run`, its path is known. */
function runNpm(args) {
  const script = process.env.npm_execpath;
  if (script?.endsWith(".js")) return run(userNode(), [script, ...args]);
  return run("npm", args, { shell: process.platform === "win32" });
}

/** Whether someone has run `npm install` already: npm notes in node_modules what it has put there. */
function isInstalled(lock) {
  const note = at("node_modules", ".package-lock.json");
  if (!existsSync(note)) return false;
  const installed = JSON.parse(readFileSync(note, "utf8")).packages;
  return Object.entries(JSON.parse(lock).packages).every(
    ([path, { version, optional }]) => path === "" || (installed[path]?.version ?? (optional && version)) === version,
  );
}

function build() {
  if (existsSync(buildStamp) && statSync(buildStamp).mtimeMs >= newest()) return 0;
  console.log("Building (tsc -b) …");
  const began = new Date();
  const code = runTool("typescript/bin/tsc", ["-b"]);
  if (code !== 0) {
    console.error("error: the build failed; the mistakes are above.");
    return code;
  }
  // The start counts, so that what was changed meanwhile is built the next time.
  writeFileSync(buildStamp, "");
  utimesSync(buildStamp, began, began);
  return 0;
}

/** When a source or a setting of the build was last changed. */
function newest() {
  const files = readdirSync(at("src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  const settings = readdirSync(root).filter((name) => /^(tsconfig.*|package)\.json$/.test(name));
  return Math.max(...[...files, ...settings.map((name) => at(name))].map((path) => statSync(path).mtimeMs));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const code = setup();
  if (code === 0) console.log("fovea is ready: npx fovea --help");
  process.exitCode = code;
}
