import { type Answer, type Job, serve, type WorkerStart } from "./worker.js";

/** What a browser loads as a loader's worker: the first message is what it begins with, the others are jobs. */
self.onmessage = ({ data }: MessageEvent<WorkerStart>) => {
  const receive = (listener: (job: Job) => void) => {
    self.onmessage = ({ data: job }: MessageEvent<Job>) => listener(job);
  };
  serve(data, receive, (answer: Answer) => self.postMessage(answer));
};
