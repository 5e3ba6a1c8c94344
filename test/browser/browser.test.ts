import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import sharp from "sharp";
import { build, preview } from "vite";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { findChromium, launchChromium } from "../../bench/chromium.js";
import { isolation, serve } from "../../bench/server.js";
import { createWasmBackend } from "../../src/backends/wasm/index.js";
import type { ImageSize } from "../../src/data/index.js";
import { buildInto, makeGenerated, root } from "../harness/generated.js";
import type { Trained, train } from "./app/training.js";

/** The page's functions: see app/main.js. */
declare const trainHere: typeof train;
declare const decode: (bytes: number[], size: ImageSize) => Promise<number[] | string>;
declare const trainInWorker: (threads: number | undefined) => Promise<Trained | { readonly error: string }>;

const executable = findChromium();
if (executable === undefined) {
  console.warn("The tests in a browser are skipped: no Chromium found on PATH, nor by FOVEA_CHROMIUM.");
}

/** Whether this Node can compute what a browser of today does. */
const fuses = executable !== undefined && (await createWasmBackend({ threads: 1 })).engine.relaxedSimd;

describe.skipIf(executable === undefined)("in Chromium", { timeout: 120_000 }, () => {
  /** Without isolation; with it; and with a content policy that forbids workers from blob: addresses. */
  const sites = { open: 0, isolated: 1, strict: 2 } as const;
  const app = `${root}test/browser/app`;
  let generated: ReturnType<typeof makeGenerated>;
  const servers: Awaited<ReturnType<typeof serve>>[] = [];
  let browser: Browser;

  beforeAll(async () => {
    generated = makeGenerated("browser");
    expect(
      buildInto(generated.path, ["index.ts", "data/index.ts", "data/loader/pageWorker.ts", "platform/browser.ts"]),
    ).toBe("");
    // the package as it is published, which a bundler finds by its own rules
    copyFileSync(`${root}package.json`, `${generated.path}/package.json`);
    mkdirSync(`${generated.path}/node_modules`);
    symlinkSync(generated.path, `${generated.path}/node_modules/fovea`, "junction");
    mkdirSync(`${generated.path}/app`);
    for (const name of ["index.html", "main.js", "worker.js", "training.js"]) {
      copyFileSync(`${app}/${name}`, `${generated.path}/app/${name}`);
    }
    await build({
      root: `${generated.path}/app`,
      base: "./",
      build: { outDir: "../bundled", minify: true },
      worker: { format: "es" },
      logLevel: "error",
      configFile: false,
    });
    const directories = { dist: `${generated.path}/dist`, app, bundled: `${generated.path}/bundled` };
    const policy = "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'";
    for (const headers of [{}, isolation, { ...isolation, "Content-Security-Policy": policy }]) {
      servers.push(await serve(directories, headers));
    }
    browser = await launchChromium(executable!);
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    for (const server of servers) await server.close();
    generated.remove();
  });

  let page: Page;
  let warnings: string[];

  /** Opens a page of one of the three servers. */
  async function open(path: string, site: keyof typeof sites, prepare?: () => void): Promise<void> {
    page = await browser.newPage();
    warnings = [];
    page.on("console", (message) => warnings.push(message.text()));
    page.on("pageerror", (error) => warnings.push(String(error)));
    if (prepare !== undefined) await page.addInitScript(prepare);
    await page.goto(`${servers[sites[site]]!.origin}/${path}`);
    await page.waitForFunction("globalThis.ready === true", undefined, { timeout: 30_000 });
    expect(await page.evaluate("crossOriginIsolated")).toBe(site !== "open");
  }

  afterEach(async () => {
    vi.unstubAllEnvs();
    await page.close();
  });

  /** What Node computes with the vectors that a browser has. */
  async function inNode(mode: "narrow" | "plain", threads: number) {
    vi.stubEnv("FOVEA_WASM", mode);
    vi.resetModules();
    const { train } = await import("./app/training.js");
    return train(threads);
  }

  /** As old an engine as Node's, where that cannot fuse. */
  const unfused = () => {
    const { validate } = WebAssembly;
    WebAssembly.validate = (bytes) => {
      const code = Array.from(new Uint8Array(bytes as ArrayBuffer)).join();
      return !code.includes("253,133,2") && validate(bytes);
    };
  };

  async function expectSameAsNode(received: Trained, fused = true) {
    const { losses, weights } = await inNode(fused ? "narrow" : "plain", 1);
    expect(losses[1]).toBeLessThan(losses[0]!);
    expect(received.losses).toEqual(losses);
    expect(received.weights).toEqual(weights);
  }

  test.skipIf(!fuses)("a page without isolation trains on one thread, to the bits of Node", async () => {
    await open("app/unbundled.html", "open");
    const received = await page.evaluate(() => trainHere(undefined));
    expect(received.threads).toBe(1);
    expect(warnings).toEqual([]);
    await expectSameAsNode(received);
  });

  test("a page decodes images by itself, and names those that are damaged", async () => {
    await open("bundled/index.html", "open");
    // two pixels that a phone held upright took, so that the first is below the second
    const raw = { width: 2, height: 1, channels: 3 } as const;
    const pixels = sharp(Uint8Array.of(255, 0, 0, 0, 0, 255), { raw });
    const turned = [...(await pixels.png().withMetadata({ orientation: 8 }).toBuffer())];
    const size = { height: 2, width: 1, channels: 3 } as const;
    const received = await page.evaluate(([bytes, size]) => decode(bytes, size), [turned, size] as const);
    expect(received).toEqual([0, 0, 255, 255, 0, 0]);
    const wide = { height: 4, width: 2, channels: 1, fit: "contain" } as const;
    const barred = await page.evaluate(([bytes, size]) => decode(bytes, size), [turned, wide] as const);
    expect(barred).toHaveLength(8);
    expect(await page.evaluate((size) => decode([1, 2, 3], size), size)).toMatch(
      /^chosen\.png: the image cannot be decoded \(expected .*received 3 bytes: /,
    );
  });

  test("an engine without fused multiply-add gives the bits of Node without it", async () => {
    await open("app/unbundled.html", "open", unfused);
    await expectSameAsNode(await page.evaluate(() => trainHere(1)), false);
    expect(warnings).toEqual([]);
  });

  test("a page without isolation says how to get the threads that were asked for", async () => {
    await open("app/unbundled.html", "open");
    const { threads, losses } = await page.evaluate(() => trainHere(4));
    expect([threads, losses.length]).toEqual([1, 2]);
    expect(warnings).toEqual([
      "fovea: 4 threads were asked for, but this page is not cross-origin isolated: serve it with the headers " +
        "Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, and run fovea in a " +
        "Worker. Using one thread; results are the same.",
    ]);
  });

  test("so does a worker of such a page", async () => {
    await open("bundled/index.html", "open");
    expect(await page.evaluate(() => trainInWorker(3))).toMatchObject({ threads: 1 });
    expect(warnings).toEqual([expect.stringContaining("fovea: 3 threads were asked for, but this page is not cross")]);
  });

  test("the main thread of an isolated page trains on one thread, and says where to have more", async () => {
    await open("app/unbundled.html", "isolated");
    const silent = await page.evaluate(() => trainHere(undefined));
    expect(silent.threads).toBe(1);
    expect(warnings).toEqual([]);
    const asked = await page.evaluate(() => trainHere(2));
    expect(asked).toEqual(silent);
    expect(warnings).toEqual([
      "fovea: 2 threads were asked for, but a page's main thread may not wait for others: run fovea in a Worker. " +
        "Using one thread; results are the same.",
    ]);
  });

  /** Keeps the addresses of workers, and whether one ever answered. */
  const watchWorkers = () => {
    const started: { url: string; answered: boolean }[] = [];
    Object.assign(globalThis, { started });
    globalThis.Worker = class extends Worker {
      constructor(url: string | URL, options?: WorkerOptions) {
        super(url, options);
        const entry = { url: String(url), answered: false };
        started.push(entry);
        this.addEventListener("message", () => {
          entry.answered = true;
        });
      }
    };
  };

  test.each(["app/unbundled.html", "bundled/index.html"])(
    "%s augments in a worker beside its main thread",
    async (path) => {
      await open(path, "isolated", watchWorkers);
      // long enough for the worker to be there before the end
      const received = await page.evaluate(() => trainHere(1, 30));
      const last = (await page.evaluate("started.at(-1)")) as { url: string; answered: boolean };
      expect(last).toEqual({ url: expect.stringMatching(/\/pageWorker[^/]*\.js$/), answered: true });
      await open(path, "open", watchWorkers);
      expect(await page.evaluate(() => trainHere(1, 30))).toEqual(received);
      expect(await page.evaluate("started")).toEqual([]);
      expect(warnings).toEqual([]);
    },
  );

  test("where there are no workers to be had, the main thread augments, to the same bits", async () => {
    await open("app/unbundled.html", "isolated");
    const expected = await page.evaluate(() => trainHere(1));
    await open("app/unbundled.html", "isolated", () => {
      globalThis.Worker = class {
        constructor() {
          throw new DOMException("not here", "SecurityError");
        }
      } as unknown as typeof Worker;
    });
    expect(await page.evaluate(() => trainHere(1))).toEqual(expected);
    expect(warnings).toEqual([]);
  });

  test("a worker of an isolated page trains on several threads, to the same bits, bundled by Vite", async () => {
    await open("bundled/index.html", "isolated");
    const alone = await page.evaluate(() => trainHere(1));
    for (const threads of [2, 3]) {
      const received = await page.evaluate((threads) => trainInWorker(threads), threads);
      expect(received).toEqual({ ...alone, threads });
    }
    const byDefault = await page.evaluate(() => trainInWorker(undefined));
    const processors = await page.evaluate("navigator.hardwareConcurrency");
    expect(byDefault).toEqual({ ...alone, threads: Math.min(processors as number, 8) });
    expect(warnings).toEqual([]);
    if (fuses) await expectSameAsNode(alone);
  });

  test("the program of docs/browser.md trains", async () => {
    const documented = `${generated.path}/documented`;
    mkdirSync(documented);
    const blocks = readFileSync(`${root}docs/browser.md`, "utf8").matchAll(/^```js\n\/\/ (\S+)\n([\s\S]*?)^```$/gm);
    const names = [...blocks].map(([, name, code]) => {
      writeFileSync(`${documented}/${name}`, code!);
      return name;
    });
    expect(names).toEqual(["main.js", "worker.js", "vite.config.js"]);
    copyFileSync(`${app}/index.html`, `${documented}/index.html`);
    await build({ root: documented, logLevel: "error" });
    const server = await preview({ root: documented, logLevel: "error", preview: { host: "127.0.0.1", port: 0 } });
    try {
      page = await browser.newPage();
      const said = page.waitForEvent("console");
      await page.goto(server.resolvedUrls!.local[0]!);
      expect(await page.evaluate("crossOriginIsolated")).toBe(true);
      const [result] = (await said).args();
      expect(await result!.jsonValue()).toMatchObject({ examples: 200, loss: expect.any(Number) });
    } finally {
      await server.close();
    }
  });

  test("where the content policy forbids its threads, fovea says so", async () => {
    await open("bundled/index.html", "strict");
    const { error } = (await page.evaluate(() => trainInWorker(2))) as { error: string };
    expect(error).toBe(
      "wasm threads: worker 1 failed: it could not be started (does the page's content policy allow blob: workers?). " +
        "Run with one thread (threads: 1).",
    );
    expect(await page.evaluate(() => trainInWorker(1))).toMatchObject({ threads: 1 });
  });
});
