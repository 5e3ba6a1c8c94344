import { FoveaError, fail } from "../core/errors.js";

/** Whether `bytes` start as a gzip file does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** 1 GiB: beyond this, an array that grows is more likely an attack (or the wrong file) than a data set. */
const defaultLimit = 2 ** 30;

/**
 * Decompresses a gzip file. `where` names it in errors; more than `limit` bytes of output are refused as they come,
 * before they are kept.
 *
 * @example const bytes = await gunzip(packed, "train-labels-idx1-ubyte.gz");
 */
export async function gunzip(bytes: Uint8Array, where: string, limit = defaultLimit): Promise<Uint8Array<ArrayBuffer>> {
  if (!isGzip(bytes)) {
    const received = [...bytes.subarray(0, 2)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    fail({
      code: "format",
      where,
      problem: "not a gzip file",
      expected: "1f 8b as the first two bytes",
      received: received || "an empty file",
    });
  }
  return inflate(bytes, "gzip", where, limit);
}

const names = { gzip: "the gzip file", "deflate-raw": "the compressed entry" } as const;

/** Decompresses; more than `limit` bytes of output are refused as they come, before they are kept. */
export async function inflate(
  bytes: Uint8Array,
  format: keyof typeof names,
  where: string,
  limit: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new DecompressionStream(format);
  const writer = stream.writable.getWriter();
  // Failures of the writer come out of the reader too, so only the reader is waited for.
  writer.write(bytes as Uint8Array<ArrayBuffer>).catch(() => {});
  writer.close().catch(() => {});
  const reader: ReadableStreamDefaultReader<Uint8Array> = stream.readable.getReader();
  const chunks: Uint8Array[] = [];
  let total = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      total += value.length;
      if (total > limit) failTooLong(where, limit, names[format]);
      chunks.push(value);
    }
  } catch (error) {
    if (error instanceof FoveaError) {
      reader.cancel().catch(() => {});
      throw error;
    }
    fail({
      code: "format",
      where,
      problem: `${names[format]} is truncated or damaged`,
      received: `${bytes.length} bytes`,
      fix: "Get the file again",
      cause: error,
    });
  }
  const result = new Uint8Array(total);
  let position = 0;
  for (const chunk of chunks) {
    result.set(chunk, position);
    position += chunk.length;
  }
  return result;
}

function failTooLong(where: string, limit: number, what: string): never {
  fail({
    code: "format",
    where,
    problem: `${what} decompresses to more than is allowed`,
    expected: `at most ${limit} bytes`,
  });
}
