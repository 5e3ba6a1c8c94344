/**
 * `npm test`: formatting and lint, types, then all tests, on the user's Node and on the newer one that comes as a
 * package, for the two run different code (256-bit kernels need the newer one). Arguments after `--` go to vitest.
 *
 * With FOVEA_TEST_REPORTS set, vitest's JSON reports are left in that directory.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, runTool, setup, userNode } from "./setup.mjs";

const code = setup();
if (code !== 0) process.exit(code);

const keep = process.env.FOVEA_TEST_REPORTS;
const reports = keep ?? mkdtempSync(join(tmpdir(), "fovea-test-"));
mkdirSync(reports, { recursive: true });

const results = [];
let passed = 0;
let failed = 0;

function step(name, action) {
  console.log(`\n── ${name}`);
  const began = performance.now();
  const exitCode = action();
  results.push({ name, exitCode, seconds: (performance.now() - began) / 1000 });
}

const versionOf = (node) => execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
const majorOf = (version) => version.split(".")[0];

/** Runs vitest on one Node and counts; a file that cannot even be loaded counts as a failed test. */
function test(node, version) {
  const report = join(reports, `vitest-${version}.json`);
  rmSync(report, { force: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const exitCode = runTool("vitest/vitest.mjs", ["run", ...reporters, ...process.argv.slice(2)], { node });
  if (!existsSync(report)) return exitCode || 1;
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, "utf8"));
  const broken = testResults.filter(
    ({ status, assertionResults }) => status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  );
  passed += numPassedTests;
  failed += numFailedTests + broken.length;
  return exitCode;
}

step("format and lint (biome)", () => runTool("@biomejs/biome/bin/biome", ["check", "."]));
for (const project of ["test", "examples"]) {
  if (!existsSync(join(root, project, "tsconfig.json"))) continue;
  step(`types of ${project} (tsc)`, () => runTool("typescript/bin/tsc", ["-p", project]));
}

const user = userNode();
const userVersion = versionOf(user);
step(`tests on Node ${userVersion}`, () => test(user, userVersion));
const packaged = join(root, "node_modules", ".bin", process.platform === "win32" ? "node.cmd" : "node");
if (existsSync(packaged) && process.platform !== "win32") {
  const version = versionOf(packaged);
  if (majorOf(version) !== majorOf(userVersion)) step(`tests on Node ${version}`, () => test(packaged, version));
}
if (keep === undefined) rmSync(reports, { recursive: true, force: true });

console.log("\n── summary");
for (const { name, exitCode, seconds } of results) {
  console.log(`${exitCode === 0 ? "ok    " : "FAILED"}  ${name} (${seconds.toFixed(1)} s)`);
}
console.log(`${passed} tests passed, ${failed} failed`);
process.exitCode = results.every(({ exitCode }) => exitCode === 0) ? 0 : 1;
