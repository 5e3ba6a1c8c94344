import { fail } from "../core/errors.js";
import { inflate } from "./gzip.js";

const signatures = { entry: 0x02014b50, local: 0x04034b50, end: 0x06054b50 } as const;

/** Entries of an archive: more are refused. */
const mostEntries = 10_000;

/**
 * Reads all files of a ZIP archive, stored or deflated, and checks their CRC-32. `where` names the archive in errors.
 * Together, the files may have `limit` bytes: more are refused before they are kept.
 */
export async function unzip(bytes: Uint8Array, where: string, limit: number): Promise<Map<string, Uint8Array>> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = findEnd(view, where);
  const count = view.getUint16(end + 10, true);
  if (count > mostEntries) failZip(where, "the archive has too many files", `at most ${mostEntries}`, `${count}`);
  const files = new Map<string, Uint8Array>();
  let rest = limit;
  let at = view.getUint32(end + 16, true);
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== signatures.entry) {
      failZip(where, `the archive's directory is damaged at entry ${i}`);
    }
    const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
    const [packed, size] = [view.getUint32(at + 20, true), view.getUint32(at + 24, true)];
    const nameLength = view.getUint16(at + 28, true);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    const entry = `${where}, entry "${name}"`;
    if ((flags & 1) !== 0) failZip(entry, "the file is encrypted");
    if (size > rest) failZip(entry, "the file is longer than is allowed", `at most ${rest} bytes`, `${size}`);
    const content = await readEntry(bytes, view, view.getUint32(at + 42, true), { entry, method, packed, size });
    if (crc32(content) !== view.getUint32(at + 16, true)) failZip(entry, "the file is damaged: its CRC-32 differs");
    rest -= size;
    files.set(name, content);
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return files;
}

/** The end record: the last 22 bytes, but for a comment. */
function findEnd(view: DataView, where: string): number {
  const first = Math.max(0, view.byteLength - 22 - 0xffff);
  for (let at = view.byteLength - 22; at >= first; at--) {
    if (view.getUint32(at, true) === signatures.end) return at;
  }
  return failZip(where, "not a ZIP archive, or a truncated one", "a directory at its end", `${view.byteLength} bytes`);
}

async function readEntry(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  { entry, method, packed, size }: { entry: string; method: number; packed: number; size: number },
): Promise<Uint8Array> {
  if (at + 30 > bytes.length || view.getUint32(at, true) !== signatures.local) failZip(entry, "the file is not there");
  const start = at + 30 + view.getUint16(at + 26, true) + view.getUint16(at + 28, true);
  if (start + packed > bytes.length) failZip(entry, "the archive is truncated");
  const content = bytes.subarray(start, start + packed);
  if (method !== 0 && method !== 8) {
    failZip(entry, "the file is compressed in another manner", "0 (stored) or 8 (deflated)", `${method}`);
  }
  const plain = method === 0 ? content : await inflate(content, "deflate-raw", entry, size);
  if (plain.length !== size) failZip(entry, "the file has the wrong length", `${size} bytes`, `${plain.length}`);
  return plain;
}

const table = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ table[(crc ^ bytes[i]) & 255];
  return ~crc >>> 0;
}

function failZip(where: string, problem: string, expected?: string, received?: string): never {
  fail({ code: "format", where, problem, expected, received });
}
