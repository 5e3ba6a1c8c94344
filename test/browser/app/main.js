/** What a test calls, once the page is loaded. */
import { imageDataset } from "fovea/data";
import { train } from "./training.js";

globalThis.trainHere = train;

/** Pixels of an image file, as a data set of it has them. */
globalThis.decode = async (bytes, size) => {
  const image = new Blob([Uint8Array.from(bytes)]);
  try {
    const { inputs } = await imageDataset([{ image, name: "chosen.png", label: 0 }], size);
    return Array.from(inputs);
  } catch (error) {
    return error.message;
  }
};

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
