import { FoveaError, fail } from "../core/errors.js";
import type { Platform, PlatformFiles, PlatformWorker } from "./types.js";

/**
 * Gives the script `workerData`, `receive` and `send`. The first message carries the data and starts the script;
 * messages that come before the script listens are kept for it, as in Node.
 */
const prelude = `"use strict";
const listeners = [];
let waiting = [];
const receive = (listener) => {
  listeners.push(listener);
  const early = waiting;
  waiting = [];
  for (const message of early) listener(message);
};
const send = (message) => self.postMessage(message);
self.onmessage = (event) => {
  self.onmessage = ({ data }) => {
    if (listeners.length === 0) waiting.push(data);
    for (const listener of listeners) listener(data);
  };
  run(event.data, receive, send);
};
function run(workerData, receive, send) {
`;
const epilogue = "\n}\n";

function startWorker(source: string, data: unknown): PlatformWorker {
  const url = URL.createObjectURL(new Blob([prelude, source, epilogue], { type: "text/javascript" }));
  const worker = new Worker(url);
  worker.addEventListener("message", () => URL.revokeObjectURL(url), { once: true });
  worker.postMessage(data);
  const adopted = adoptWorker(worker);
  return {
    ...adopted,
    async terminate() {
      await adopted.terminate();
      URL.revokeObjectURL(url);
    },
  };
}

function adoptWorker(worker: Worker): PlatformWorker {
  let death: Error | undefined;
  let listener: ((error: Error) => void) | undefined;
  const die = (error: Error) => {
    if (death !== undefined) return;
    death = error;
    listener?.(error);
  };
  worker.addEventListener("error", (event) => {
    // A page whose content policy forbids blob: workers gets an event without a message.
    const reason = event.message || "it could not be started (does the page's content policy allow blob: workers?)";
    const cause: unknown = event.error ?? undefined;
    die(new FoveaError({ code: "unsupported", where: "worker thread", problem: `failed: ${reason}`, cause }));
  });
  worker.addEventListener("messageerror", () => {
    die(new FoveaError({ code: "unsupported", where: "worker thread", problem: "a message could not be read" }));
  });
  return {
    post: (message) => worker.postMessage(message),
    onMessage: (onMessage) => worker.addEventListener("message", (event) => onMessage(event.data)),
    onError(onError) {
      listener = onError;
      if (death !== undefined) onError(death);
    },
    alive: () => undefined,
    async terminate() {
      worker.terminate();
    },
    unref() {},
    ref() {},
  };
}

async function refuse(path: string): Promise<never> {
  fail({
    code: "unsupported",
    where: path,
    problem: "a page in a browser cannot reach the files of the machine",
    fix: "Pass the bytes themselves, for instance from fetch() or from a file input",
  });
}

const files: PlatformFiles = {
  read: refuse,
  writeAtomic: refuse,
  append: refuse,
  exists: async () => false,
  makeDirectory: refuse,
  list: refuse,
  remove: refuse,
  checkWritable: refuse,
};

export const platform: Platform = {
  name: "browser",
  cpuCount: () => navigator.hardwareConcurrency || 1,
  machine: () => navigator.userAgent,
  env: () => undefined,
  relaxWasm: () => false,
  widenWasm: () => false,
  // of the browsers, only Chromium's of before 2024 do
  sinksWasm: false,
  optimizingWasm: (body) => body(),
  warn: (text) => console.warn(text),
  now: () => performance.now(),
  yield() {
    // A message, not a timer: nested timers wait 4 ms each, and a second each in a hidden tab.
    const { port1, port2 } = new MessageChannel();
    return new Promise((done) => {
      port1.onmessage = () => {
        port1.close();
        done();
      };
      port2.postMessage(undefined);
    });
  },
  startWorker,
  adoptWorker,
  files,
  directories: undefined,
};
