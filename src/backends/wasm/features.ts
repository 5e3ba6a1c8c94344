/** What this engine's WebAssembly can do, found by validating tiny modules. */
export interface Features {
  /** 128-bit vectors; without them the backend cannot run. */
  readonly simd: boolean;
  /** Fused (relaxed) multiply-add. Node 20 lacks it without a flag. */
  readonly relaxedSimd: boolean;
  /** Shared memory, atomics, and a thread that may wait for others (a page's main thread may not). */
  readonly threads: boolean;
}

const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
/** A module with one function [] -> [] whose body is `code`, and one memory if `memory` is given. */
const probe = (code: number[], memory: number[] = []): boolean =>
  WebAssembly.validate(
    new Uint8Array([
      ...header,
      ...[0x01, 0x04, 0x01, 0x60, 0x00, 0x00],
      ...[0x03, 0x02, 0x01, 0x00],
      ...(memory.length > 0 ? [0x05, memory.length + 1, 0x01, ...memory] : []),
      ...[0x0a, code.length + 4, 0x01, code.length + 2, 0x00, ...code, 0x0b],
    ]),
  );

const zeroVector = [0x41, 0x00, 0xfd, 0x11];

export function detectFeatures(): Features {
  const drop = 0x1a;
  return {
    simd: probe([...zeroVector, drop]),
    relaxedSimd: probe([...zeroVector, ...zeroVector, ...zeroVector, 0xfd, 0x85, 0x02, drop]),
    threads:
      typeof SharedArrayBuffer !== "undefined" &&
      !("document" in globalThis) &&
      probe([0x41, 0x00, 0xfe, 0x10, 0x02, 0x00, drop], [0x03, 0x01, 0x01]),
  };
}
