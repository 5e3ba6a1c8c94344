import { platform } from "#platform";
import { FoveaError, fail } from "../core/errors.js";

/** A published file: enough to know that a copy is the same, bit by bit. */
export interface PublishedFile {
  /** Name on the server and in directories, e.g. "train-images-idx3-ubyte.gz". */
  readonly name: string;
  /** Exact length. */
  readonly bytes: number;
  /** SHA-256 of the file as it is published, in hex. */
  readonly sha256: string;
}

export interface DownloadProgress {
  readonly file: string;
  readonly url: string;
  /** Bytes that are there, those of an earlier attempt included. */
  readonly received: number;
  readonly total: number;
}

export interface DownloadOptions {
  onProgress?: (progress: DownloadProgress) => void;
  /** Milliseconds until the server has to answer; default 5000. */
  connectTimeout?: number;
  /** Milliseconds between two pieces of the file; default 15000. */
  stallTimeout?: number;
}

/** Times that a broken transfer is taken up again, provided that it brought something. */
const maximumResumes = 3;

/**
 * Downloads `file` from `url` and checks length and SHA-256. With `path`, what has arrived is kept in `path`.part, a
 * later call goes on from there, and the whole file appears under `path` at once. Fails with code "data".
 */
export async function download(
  url: string,
  file: PublishedFile,
  path: string | undefined,
  options: DownloadOptions = {},
): Promise<Uint8Array> {
  const transfer = new Transfer(url, file, path === undefined ? undefined : `${path}.part`, options);
  await transfer.loadPart();
  const resumed = transfer.received > 0;
  await transfer.run();
  if ((await transfer.digest()) !== file.sha256 && resumed) {
    // The kept part may be at fault (another version, two processes at once): once more, from the start.
    await transfer.reset();
    await transfer.run();
  }
  const digest = await transfer.digest();
  if (digest !== file.sha256) {
    await transfer.reset();
    fail({
      code: "data",
      where: url,
      problem: "the file is not the published one: its SHA-256 differs",
      expected: file.sha256,
      received: digest,
    });
  }
  if (path !== undefined) {
    await platform.files.writeAtomic(path, transfer.bytes);
    await transfer.removePart();
  }
  return transfer.bytes;
}

/** The bytes of one file as they arrive. Memory is bounded by the published length. */
class Transfer {
  readonly #buffer: Uint8Array<ArrayBuffer>;
  #received = 0;

  constructor(
    readonly url: string,
    readonly file: PublishedFile,
    readonly part: string | undefined,
    readonly options: DownloadOptions,
  ) {
    this.#buffer = new Uint8Array(file.bytes);
  }

  get received(): number {
    return this.#received;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(0, this.#received);
  }

  async loadPart(): Promise<void> {
    if (this.part === undefined || !(await platform.files.exists(this.part))) return;
    const bytes = await platform.files.read(this.part);
    if (bytes.length > this.file.bytes) return this.reset();
    this.#buffer.set(bytes);
    this.#received = bytes.length;
  }

  /** Forgets what has arrived. */
  async reset(): Promise<void> {
    this.#received = 0;
    await this.removePart();
  }

  async removePart(): Promise<void> {
    if (this.part !== undefined) await platform.files.remove(this.part);
  }

  async digest(): Promise<string> {
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", this.bytes));
    return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  async run(): Promise<void> {
    for (let resumes = 0; this.#received < this.file.bytes; resumes++) {
      const before = this.#received;
      try {
        await this.#request();
        if (this.#received < this.file.bytes) throw new Error("the connection was closed too early");
      } catch (error) {
        const final = error instanceof FoveaError || this.#received <= before || resumes >= maximumResumes;
        if (final) this.#fail(error);
      }
    }
  }

  #fail(error: unknown): never {
    if (error instanceof FoveaError) throw error;
    const got = this.#received > 0 ? `${this.#received} of ${this.file.bytes} bytes` : undefined;
    fail({ code: "data", where: this.url, problem: reasonOf(error), received: got, cause: error });
  }

  async #request(): Promise<void> {
    const { connectTimeout = 5000, stallTimeout = 15000 } = this.options;
    const timer = new Deadline(connectTimeout, `no answer within ${connectTimeout / 1000} s`);
    try {
      const headers: Record<string, string> = { "accept-encoding": "identity" };
      if (this.#received > 0) headers.range = `bytes=${this.#received}-`;
      const response = await fetch(this.url, { headers, signal: timer.signal });
      await this.#checkResponse(response);
      if (response.body === null) throw new Error("the answer has no content");
      const reader: ReadableStreamDefaultReader<Uint8Array> = response.body.getReader();
      for (;;) {
        timer.restart(stallTimeout, `nothing more came within ${stallTimeout / 1000} s`);
        const { done, value } = await reader.read();
        if (done) return;
        await this.#accept(value);
      }
    } catch (error) {
      throw timer.signal.aborted ? timer.signal.reason : error;
    } finally {
      timer.stop();
    }
  }

  /** Goes on with the part only where the server says that it does, too. */
  async #checkResponse(response: Response): Promise<void> {
    if (response.status === 206) {
      const start = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1];
      if (Number(start) === this.#received) return;
    } else if (response.ok) {
      if (this.#received > 0) await this.reset();
      return;
    }
    await response.body?.cancel();
    if (response.status === 206 || response.status === 416) await this.reset();
    fail({
      code: "data",
      where: this.url,
      problem: `the server answered ${response.status} ${response.statusText}`.trim(),
    });
  }

  async #accept(chunk: Uint8Array): Promise<void> {
    if (this.#received + chunk.length > this.file.bytes) {
      await this.reset();
      fail({
        code: "data",
        where: this.url,
        problem: "the file is not the published one: it is too long",
        expected: `${this.file.bytes} bytes`,
      });
    }
    this.#buffer.set(chunk, this.#received);
    this.#received += chunk.length;
    if (this.part !== undefined) await platform.files.append(this.part, chunk);
    this.options.onProgress?.({
      file: this.file.name,
      url: this.url,
      received: this.#received,
      total: this.file.bytes,
    });
  }
}

/** Aborts its signal with the given reason unless it is restarted or stopped in time. */
class Deadline {
  readonly #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout>;

  constructor(milliseconds: number, reason: string) {
    this.#timer = this.#start(milliseconds, reason);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  restart(milliseconds: number, reason: string): void {
    this.stop();
    this.#timer = this.#start(milliseconds, reason);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #start(milliseconds: number, reason: string): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.#controller.abort(new Error(reason)), milliseconds);
  }
}

/** fetch() says only "fetch failed"; the reason is its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause : error;
  const code = "code" in cause ? String(cause.code) : "";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "the host cannot be found (is there a network?)";
  if (code === "ECONNREFUSED") return "the host refuses the connection";
  if (code === "UND_ERR_SOCKET" || code === "ECONNRESET") return "the connection was closed too early";
  if (code === "ENETUNREACH" || code === "EHOSTUNREACH") return "the host cannot be reached (is there a network?)";
  return cause.message;
}
