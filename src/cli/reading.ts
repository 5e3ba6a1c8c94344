import { allocateArray, dtypeOf } from "../core/dtypes.js";
import { sizeOf } from "../core/shapes.js";
import { type Dataset, type SkippedFile, subset } from "../data/index.js";
import { formatCount } from "./format.js";
import { type Io, printLine, printNote } from "./io.js";

/** Shows how many images were read: a line that redraws itself on a terminal, one line at the start elsewhere. */
export function readingProgress({ stderr }: Io, source: string): (done: number, total: number) => void {
  let drawn = 0;
  let begun = false;
  return (done, total) => {
    if (stderr.isTTY !== true) {
      if (!begun) printLine(stderr, `reading ${formatCount(total)} images from ${source}`);
      begun = true;
      return;
    }
    const now = Date.now();
    if (done < total && now - drawn < 100) return;
    drawn = now;
    const text = `reading ${formatCount(done)} of ${formatCount(total)} images from ${source}`;
    stderr.write(`\r\u001b[K${done === total ? "" : text.slice(0, (stderr.columns ?? 80) - 1)}`);
  };
}

/** Files that are listed one by one; of more, the number is told. */
export const mostListed = 20;

/** Says which files were left out. */
export function noteSkipped(skipped: readonly SkippedFile[], io: Io): void {
  for (const { file, reason } of skipped.slice(0, mostListed)) printNote(io, `left out ${file}: ${reason}`);
  if (skipped.length > mostListed) printNote(io, `left out ${formatCount(skipped.length - mostListed)} more`);
}

/** Files that are decoded at once: large photos take much memory. */
const mostAtOnce = 8;

/** Does work for 0 … count − 1, some of it at once. */
export async function severally(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const workOn = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: mostAtOnce }, workOn));
}

/** Examples of a data set, in memory: those of files are read now. */
export async function inMemory(data: Dataset, indices: ArrayLike<number>): Promise<Dataset> {
  const few = subset(data, indices);
  const { reader, ...rest } = few;
  if (reader === undefined) return few;
  const [size, targetSize] = [sizeOf(few.shape), sizeOf(few.targetShape)];
  const Targets = few.targets instanceof Int32Array ? Int32Array : Float32Array;
  const inputs = allocateArray(dtypeOf(few.inputs), few.length * size);
  const targets = new Targets(few.length * targetSize);
  await severally(few.length, async (i) => {
    const to = targets.subarray(i * targetSize, (i + 1) * targetSize);
    await reader.read(i, inputs.subarray(i * size, (i + 1) * size), to);
  });
  return { ...rest, inputs, targets: reader.readsTargets ? targets : few.targets };
}

/** Examples that are measured at a time: as many as `evaluate` and `predict` take in one step. */
const chunkSize = 250;

/** A data set in pieces that fit into memory, each read while the one before it is worked on. */
export async function* piecesOf(data: Dataset): AsyncGenerator<{ readonly start: number; readonly piece: Dataset }> {
  if (data.reader === undefined) {
    yield { start: 0, piece: data };
    return;
  }
  const read = (start: number) => {
    const count = Math.min(chunkSize, data.length - start);
    return inMemory(
      data,
      Array.from({ length: count }, (_, i) => start + i),
    );
  };
  let coming = read(0);
  for (let start = 0; start < data.length; start += chunkSize) {
    const piece = await coming;
    const next = start + chunkSize;
    if (next < data.length) {
      coming = read(next);
      // it is awaited later: until then a failure has nobody who takes it
      coming.catch(() => {});
    }
    yield { start, piece };
  }
}
