import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

/** $FOVEA_CHROMIUM, or the first Chromium or Chrome on PATH; undefined where there is none. */
export function findChromium(): string | undefined {
  const asked = process.env.FOVEA_CHROMIUM;
  if (asked) {
    if (!existsSync(asked)) throw new Error(`FOVEA_CHROMIUM: there is no ${asked}`);
    return asked;
  }
  const directories = [...(process.env.PATH ?? "").split(delimiter), "/usr/bin"];
  const names = ["chromium", "google-chrome"];
  return names.flatMap((name) => directories.map((directory) => join(directory, name))).find(existsSync);
}

/** Without a sandbox, since tests may run as root, and without anything that talks to the network by itself. */
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
