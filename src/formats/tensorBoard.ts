/**
 * TensorBoard's event files: records (length, checksum, data, checksum; TensorFlow's TFRecord) of protocol buffers
 * (tensorflow.Event), of which scalars need six fields.
 *
 * Source: tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto
 */

/** One event: where training stands, and what it measured there. */
export interface TensorBoardEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  /** Values by tag: `loss/training`. */
  readonly scalars?: Readonly<Record<string, number>>;
  /** The first event of a file: `brain.Event:2`. */
  readonly fileVersion?: string;
  /** Whether the run begins here, or goes on: events of this step and later ones in older files do not count. */
  readonly starts?: boolean;
}

/** The record of an event, to be appended to a file. */
export function encodeEvent(event: TensorBoardEvent): Uint8Array<ArrayBuffer> {
  const message = eventMessage(event);
  const record = new Uint8Array(12 + message.length + 4);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(message.length), true);
  view.setUint32(8, maskedChecksum(record.subarray(0, 8)), true);
  record.set(message, 12);
  view.setUint32(12 + message.length, maskedChecksum(record.subarray(12, 12 + message.length)), true);
  return record;
}

function eventMessage({ wallTime, step, scalars, fileVersion, starts }: TensorBoardEvent): Uint8Array {
  return join([
    float64Field(1, wallTime),
    // as protocol buffers have it, 0 goes without saying
    ...(step === 0 ? [] : [wholeField(2, step)]),
    ...(fileVersion === undefined ? [] : [bytesField(3, utf8(fileVersion))]),
    ...(scalars === undefined ? [] : [bytesField(5, summaryMessage(scalars))]),
    // SessionLog with status START
    ...(starts === true ? [bytesField(7, wholeField(1, 1))] : []),
  ]);
}

/** A repeated Value in field 1: its tag in field 1, its simple_value in field 2. */
function summaryMessage(scalars: Readonly<Record<string, number>>): Uint8Array {
  return join(
    Object.entries(scalars).map(([tag, value]) =>
      bytesField(1, join([bytesField(1, utf8(tag)), float32Field(2, value)])),
    ),
  );
}

const utf8 = (text: string) => new TextEncoder().encode(text);

/** Fields of protocol buffers: a key of number and wire type, then the value. */
const wire = { varint: 0, bits64: 1, bytes: 2, bits32: 5 } as const;

function wholeField(field: number, value: number): Uint8Array {
  return join([varint(field * 8 + wire.varint), varint(value)]);
}

function float64Field(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return join([varint(field * 8 + wire.bits64), bytes]);
}

function float32Field(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return join([varint(field * 8 + wire.bits32), bytes]);
}

function bytesField(field: number, bytes: Uint8Array): Uint8Array {
  return join([varint(field * 8 + wire.bytes), varint(bytes.length), bytes]);
}

/** Seven bits a byte, the lowest first; whole numbers up to 2^53 − 1. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Uint8Array.from([...bytes, rest]);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let position = 0;
  for (const part of parts) {
    all.set(part, position);
    position += part.length;
  }
  return all;
}

/** CRC-32C (Castagnoli), reflected polynomial 0x82f63b78. */
export function crc32c(bytes: Uint8Array): number {
  let rest = 0xffffffff;
  for (const byte of bytes) rest = table[(rest ^ byte) & 255]! ^ (rest >>> 8);
  return (rest ^ 0xffffffff) >>> 0;
}

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0x82f63b78 : rest >>> 1;
  return rest;
});

/** Checksums of data that hold checksums would be weak: these are turned by 15 bits, and a constant is added. */
function maskedChecksum(bytes: Uint8Array): number {
  const checksum = crc32c(bytes);
  return (((checksum >>> 15) | (checksum << 17)) + 0xa282ead8) >>> 0;
}
