/**
 * The page of `npm run bench -- --browser`. Its address says whose functions are called, and where they run: most in a
 * worker, since a page's main thread may not wait for threads.
 */
import { type Answer, answer, type Call } from "./answer.js";

const inWorker = new URLSearchParams(location.search).has("worker");
const worker = inWorker ? new Worker(`./worker.js${location.search}`, { type: "module" }) : undefined;

/** One call at a time, as the benchmark makes them. */
const call = (call: Call): Promise<Answer> => {
  if (worker === undefined) return answer(call);
  return new Promise((done) => {
    worker.onmessage = ({ data }) => done(data);
    worker.onerror = ({ message }) => done({ error: { message: message || "it does not start" } });
    worker.postMessage(call);
  });
};

Object.assign(globalThis, { call });
