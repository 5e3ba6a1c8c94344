/** What a test calls, once the page is loaded. */
import { train } from "./training.js";

globalThis.trainHere = train;

globalThis.trainInWorker = (threads) =>
  new Promise((done) => {
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }) => {
      worker.terminate();
      done(data);
    };
    worker.onerror = ({ message }) => done({ error: message });
    worker.postMessage(threads);
  });

globalThis.ready = true;
