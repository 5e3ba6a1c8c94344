import { answer, type Call } from "./answer.js";

self.onmessage = async ({ data }: MessageEvent<Call>) => {
  postMessage(await answer(data));
};
