import { describe, expect, test } from "vitest";
import { platform } from "../../src/platform/browser.js";

describe("the browser's platform", () => {
  test("refuses files in clear words", async () => {
    const message =
      "model.safetensors: a page in a browser cannot reach the files of the machine. " +
      "Pass the bytes themselves, for instance from fetch() or from a file input.";
    const { files } = platform;
    const path = "model.safetensors";
    const calls = [files.read(path), files.writeAtomic(path, ""), files.append(path, ""), files.list(path)];
    for (const call of [...calls, files.makeDirectory(path), files.remove(path), files.checkWritable(path)]) {
      await expect(call).rejects.toMatchObject({ code: "unsupported", message });
    }
    expect(await files.exists(path)).toBe(false);
    expect(platform.env("HOME")).toBeUndefined();
  });

  test("yields", async () => {
    await platform.yield();
  });

  test("the worker's prelude starts the script with its data and keeps early messages", async () => {
    // A stand-in for the browser: runs the script's text with a `self` of its own.
    let text = "";
    const sent: unknown[] = [];
    const self: { onmessage: (event: { data: unknown }) => void; postMessage: (message: unknown) => void } = {
      onmessage: () => {},
      postMessage: (message) => sent.push(message),
    };
    const posted: unknown[] = [];
    class FakeWorker {
      addEventListener(): void {}
      postMessage(message: unknown): void {
        posted.push(message);
      }
      terminate(): void {}
    }
    const originals = { Worker: globalThis.Worker, Blob: globalThis.Blob, createObjectURL: URL.createObjectURL };
    try {
      globalThis.Worker = FakeWorker as unknown as typeof Worker;
      globalThis.Blob = class {
        constructor(parts: string[]) {
          text = parts.join("");
        }
      } as unknown as typeof Blob;
      URL.createObjectURL = () => "blob:fake";
      const source = "later(() => receive((n) => send(workerData + n)));";
      const worker = platform.startWorker(source, 40);
      worker.post(1);
      worker.post(2);
    } finally {
      Object.assign(globalThis, { Worker: originals.Worker, Blob: originals.Blob });
      URL.createObjectURL = originals.createObjectURL;
    }
    let start = () => {};
    new Function("self", "later", text)(self, (action: () => void) => {
      start = action;
    });
    for (const data of posted) self.onmessage({ data });
    expect(sent).toEqual([]);
    start();
    self.onmessage({ data: 3 });
    expect(sent).toEqual([41, 42, 43]);
  });
});
