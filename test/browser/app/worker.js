import { train } from "./training.js";

self.onmessage = async ({ data: threads }) => {
  try {
    postMessage(await train(threads));
  } catch ({ message }) {
    postMessage({ error: message });
  }
};
