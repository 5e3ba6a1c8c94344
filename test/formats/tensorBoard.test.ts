import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { crc32c, encodeEvent, type TensorBoardEvent } from "../../src/formats/tensorBoard.js";

/** Written by test/fixtures/tensorBoard.py: events, and the records that TensorBoard's own writer makes of them. */
const { entries }: { readonly entries: readonly { event: TensorBoardEvent; record: string }[] } = JSON.parse(
  readFileSync(new URL("../fixtures/tensorBoard.json", import.meta.url), "utf8"),
);

test.each(entries)("a record is TensorBoard's, byte for byte: step $event.step", ({ event, record }) => {
  expect(Buffer.from(encodeEvent(event)).toString("base64")).toBe(record);
});

test("the checksum has the values of RFC 3720", () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
});
