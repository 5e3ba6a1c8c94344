import { readFileSync, writeFileSync } from "node:fs";
import { formatWithOptions } from "node:util";
import { afterAll, describe, expect, test, vi } from "vitest";
import { main } from "../../src/cli/main.js";
import { compileTypeScript, makeGenerated, root } from "../harness/generated.js";

/** Blocks of docs/signal.md: programs, whose lines say what they print, and commands with their output. */
const page = readFileSync(`${root}docs/signal.md`, "utf8");
const programs = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code!);
const commands = [...page.matchAll(/^```\n\$ npx fovea (.*)\n([\s\S]*?)^```$/gm)];

const generated = makeGenerated("signal-page");
afterAll(() => {
  vi.restoreAllMocks();
  generated.remove();
});
programs.forEach((code, i) => {
  writeFileSync(`${generated.path}/block${i}.ts`, code);
});

const onOneLine = (text: string) => text.replace(/\s+/g, " ").trim();

describe("docs/signal.md", () => {
  test("has programs of correct types", () => {
    expect(programs.length).toBeGreaterThan(5);
    const options = { extends: "../../tsconfig.json", include: ["*.ts"] };
    expect(compileTypeScript(generated.path, options)).toBe("");
  });

  test.each(programs.map((code, i) => [i, code] as const))("program %i prints what it says", async (i, code) => {
    const printed: string[] = [];
    vi.spyOn(console, "log").mockImplementation((...values) => {
      printed.push(formatWithOptions({ breakLength: Number.POSITIVE_INFINITY, depth: 5 }, ...values));
    });
    await import(/* @vite-ignore */ `${generated.path}/block${i}.ts`);
    vi.restoreAllMocks();
    const said = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text!);
    expect(onOneLine(printed.join(" "))).toBe(onOneLine(said.join(" ")));
    expect(said.length).toBeGreaterThan(0);
  });

  test.each(commands.map(([, command, output]) => [command!, output!] as const))(
    "fovea %s",
    async (command, output) => {
      const written: string[] = [];
      const stream = { write: (text: string) => written.push(text) };
      expect(await main(command.split(" "), { stdout: stream, stderr: stream })).toBe(0);
      expect(written.join("")).toBe(output);
    },
  );
});
