import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Browser } from "playwright-core";
import { build, type InlineConfig, type Plugin } from "vite";
import { type ErrorCode, FoveaError, fail } from "../src/core/errors.js";
import { findChromium, launchChromium } from "./chromium.js";
import type { Host, Output } from "./context.js";
import type { Options } from "./options.js";
import type { Answer, Call } from "./page/answer.js";
import type { Runner } from "./runner.js";
import { isolation, serve } from "./server.js";
import { tfjsBinaries, tfjsDirectory } from "./tfjsPackages.js";
import type { PeerResult } from "./versus.js";

/** Which thread of a page. */
type Place = "main" | "worker";

/** The page's function: see page/main.ts. */
declare const call: (call: Call) => Promise<Answer>;

/** Sources of the page; the launcher starts us in the checkout. */
const sources = resolve("bench", "page");

const where = "Chromium";

/**
 * Chromium, with an isolated page for each runner. Errors: "unsupported" where there is none, or where it does not
 * start.
 */
export async function browserHost(options: Options, { note }: Output): Promise<Host> {
  const executable = findChromium();
  if (executable === undefined) {
    return fail({
      code: "unsupported",
      where: "--browser",
      problem: "no Chromium found",
      expected: "chromium or google-chrome on PATH",
      fix: "Install Chromium or Chrome, or name its program in the variable FOVEA_CHROMIUM",
    });
  }
  const tfjs = options.mode === "vs-tfjs" ? tfjsDirectory(options) : undefined;
  const binaries = tfjs === undefined ? undefined : tfjsBinaries(tfjs);
  const bundle = mkdtempSync(join(tmpdir(), "fovea-bench-"));
  const remove = () => rmSync(bundle, { recursive: true, force: true });
  // where Ctrl-C ends us, Chromium's driver ends it and exits
  process.once("exit", remove);
  const endings: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const end of endings.splice(0).reverse()) await end();
    process.off("exit", remove);
    remove();
  };
  try {
    await bundlePage(bundle, tfjs);
    const server = await serve({ bundle, ...(binaries !== undefined && { tfjs: binaries }) }, isolation);
    endings.push(() => server.close());
    const browser = await launchChromium(executable).catch((error) =>
      failInBrowser("does not start", error, `Name another than ${executable} in the variable FOVEA_CHROMIUM`),
    );
    endings.push(() => browser.close());
    const open = (script: string, place: Place) =>
      openPage(browser, `${server.origin}/bundle/index.html?script=${script}&${place}`, note);
    const engine = `Chromium ${browser.version()}`;
    return {
      engine,
      fields: { browser: engine },
      openRunner: async (threads) => remoteRunner(await open("fovea", "worker"), threads),
      async measureTfjs({ name, threads, seconds }) {
        return bestOf(threads, async (place, threads) => {
          const page = await open("tfjs", place);
          try {
            return (await page.call("measure", name, seconds, threads)) as PeerResult;
          } finally {
            await page.close();
          }
        });
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The best that TensorFlow.js has with up to `threads` threads, and what it takes as it comes. */
async function bestOf(
  threads: number,
  measure: (place: Place, threads: number | undefined) => Promise<PeerResult>,
): Promise<PeerResult> {
  const unaided = await measure("main", undefined);
  const results = [await measure("main", 1)];
  if (unaided.threads <= threads) results.push(unaided);
  // its threads may cost more than they give; a main thread spins where a worker sleeps
  if (threads > 1) results.push(await measure("main", threads), await measure("worker", threads));
  const best = results.reduce((best, result) => (result.infer_ms < best.infer_ms ? result : best));
  return { ...best, default_ms: unaided.infer_ms, default_threads: unaided.threads };
}

/** Bundles the page and what is called in it; TensorFlow.js where the directory that it is installed in is named. */
async function bundlePage(outDir: string, tfjs: string | undefined): Promise<void> {
  const input = {
    index: join(sources, "index.html"),
    worker: join(sources, "worker.ts"),
    fovea: join(sources, "fovea.ts"),
    ...(tfjs !== undefined && { tfjs: join(sources, "tfjs.mjs") }),
  };
  const config: InlineConfig = {
    configFile: false,
    root: sources,
    base: "./",
    publicDir: false,
    logLevel: "silent",
    resolve: { alias: [{ find: /^#platform$/, replacement: resolve("src", "platform", "browser.ts") }] },
    plugins: tfjs === undefined ? [] : [packagesOf(tfjs)],
    build: {
      outDir,
      emptyOutDir: true,
      // TensorFlow.js gives its threads a function as its source text, so names have to stay
      minify: false,
      modulePreload: false,
      target: "esnext",
      rolldownOptions: { input, preserveEntrySignatures: "strict", output: { entryFileNames: "[name].js" } },
    },
  };
  await build(config).catch((error) => failInBrowser("the page cannot be bundled", error));
}

/** Finds TensorFlow.js's packages as a program in `directory` would. */
function packagesOf(directory: string): Plugin {
  return {
    name: "packages-of-directory",
    enforce: "pre",
    resolveId(id) {
      if (!id.startsWith("@tensorflow/")) return null;
      return this.resolve(id, join(resolve(directory), "index.js"), { skipSelf: true });
    },
  };
}

function failInBrowser(problem: string, cause: unknown, fix?: string): never {
  const [received] = String(cause instanceof Error ? cause.message : cause).split("\n");
  return fail({ code: "unsupported", where, problem, received, fix, cause });
}

interface OpenPage {
  call(method: string, ...args: unknown[]): Promise<unknown>;
  close(): Promise<void>;
}

async function openPage(browser: Browser, address: string, note: Output["note"]): Promise<OpenPage> {
  const failPage = (cause: unknown) => failInBrowser("the page failed", cause);
  const page = await browser.newPage();
  // what fovea warns of, such as too few threads
  page.on("console", (message) => note(`${where}: ${message.text()}`));
  const evaluate = (asked: Call): Promise<Answer> => page.evaluate((asked) => call(asked), asked).catch(failPage);
  await page.goto(address).catch(failPage);
  await page.waitForFunction("globalThis.call !== undefined").catch(failPage);
  return {
    async call(method, ...args) {
      const answer = await evaluate({ method, args });
      if ("value" in answer) return answer.value;
      const { error: code, message, ...details } = answer.error;
      if (code === undefined) return failPage(message);
      throw new FoveaError({ ...(details as Record<"where" | "problem", string>), code: code as ErrorCode });
    },
    close: () => page.close(),
  };
}

async function remoteRunner(page: OpenPage, threads: number): Promise<Runner> {
  const opened = (await page.call("open", threads)) as Pick<Runner, "threads" | "width" | "fused">;
  const method =
    (name: keyof Runner) =>
    (...args: unknown[]): Promise<never> =>
      page.call(name, ...args) as Promise<never>;
  return {
    ...opened,
    measurePeak: method("measurePeak"),
    planMemory: method("planMemory"),
    measure: method("measure"),
    prepare: method("prepare"),
    time: method("time"),
    // its threads end with the page
    close: () => page.close(),
  };
}
