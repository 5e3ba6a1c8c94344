import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { fail } from "../src/core/errors.js";

/**
 * $FOVEA_CHROMIUM, or the first Chromium or Chrome on PATH; undefined where there is none. Errors: "unsupported" where
 * the variable names none.
 */
export function findChromium(): string | undefined {
  const asked = process.env.FOVEA_CHROMIUM;
  if (asked) {
    if (!existsSync(asked)) {
      fail({
        code: "unsupported",
        where: "FOVEA_CHROMIUM",
        problem: "there is no such file",
        expected: "Chromium's or Chrome's program",
        received: asked,
        fix: "Correct the variable, or unset it to have PATH searched",
      });
    }
    return asked;
  }
  const directories = [...(process.env.PATH ?? "").split(delimiter), "/usr/bin"];
  const names = ["chromium", "google-chrome"];
  return names.flatMap((name) => directories.map((directory) => join(directory, name))).find(existsSync);
}

/** Without a sandbox, since we may run as root, and without anything that talks to the network by itself. */
export function launchChromium(executablePath: string): Promise<Browser> {
  const args = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ];
  return chromium.launch({ executablePath, headless: true, chromiumSandbox: false, args });
}
