import { fail } from "../core/errors.js";

/** The files of a TAR archive, by their names without folders: views of its bytes. `where` names it in errors. */
export function untar(bytes: Uint8Array, where: string): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const text = (from: number, to: number) => {
    const field = bytes.subarray(from, to);
    const end = field.indexOf(0);
    return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
  };
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0; ) {
    const digits = text(at + 124, at + 136).trim();
    const size = Number.parseInt(digits, 8);
    if (!/^[0-7]+$/.test(digits) || at + 512 + size > bytes.length) {
      fail({ code: "format", where, problem: `the archive is damaged at byte ${at}`, fix: "Get the file again" });
    }
    const kind = bytes[at + 156];
    // "0", or a zero byte in old archives: a file
    if (kind === 0x30 || kind === 0) {
      files.set(text(at, at + 100).replace(/^.*\//, ""), bytes.subarray(at + 512, at + 512 + size));
    }
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}
