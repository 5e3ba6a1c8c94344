import { afterEach, describe, expect, test, vi } from "vitest";
import { createWasmBackend } from "../../../src/backends/wasm/index.js";

afterEach(() => {
  vi.unstubAllEnvs();
});

async function engine(options: Parameters<typeof createWasmBackend>[0]) {
  const backend = await createWasmBackend({ threads: 1, ...options });
  await backend.close();
  const { wide, relaxedSimd } = backend.engine;
  return { wide, relaxedSimd };
}

describe("FOVEA_WASM", () => {
  test("narrow forbids 256-bit vectors, and nothing else", async () => {
    const usual = await engine({});
    vi.stubEnv("FOVEA_WASM", "narrow");
    expect(await engine({ wide: true })).toEqual({ ...usual, wide: false });
  });

  test("plain forbids fused multiply-add, too", async () => {
    vi.stubEnv("FOVEA_WASM", "plain");
    expect(await engine({ wide: true, relaxedSimd: true })).toEqual({ wide: false, relaxedSimd: false });
  });

  test("may be empty", async () => {
    const usual = await engine({});
    vi.stubEnv("FOVEA_WASM", "");
    expect(await engine({})).toEqual(usual);
  });

  test("must be one of these", async () => {
    vi.stubEnv("FOVEA_WASM", "slow");
    await expect(engine({})).rejects.toMatchObject({
      code: "option",
      message: 'FOVEA_WASM: asks for an unknown mode of the engine (expected "narrow" or "plain", received "slow").',
    });
  });
});
