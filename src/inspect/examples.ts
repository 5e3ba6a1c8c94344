import { platform } from "#platform";
import { allocateArray, dtypeOf } from "../core/dtypes.js";
import { fail } from "../core/errors.js";
import { formatShape, type Shape, sameShape, sizeOf } from "../core/shapes.js";
import type { Dataset } from "../data/dataset.js";
import type { Model } from "../train/model.js";
import { normalized, onlyInput, type Probe } from "./probe.js";

/** Examples of data sets, as views take them: in memory, or read one by one. */

/** Shape of the examples, checked against the network's only input. */
export function checkExamples({ network }: Model, data: Dataset, where: string): Shape {
  const { shape } = onlyInput(network, where);
  if (!sameShape(shape, data.shape)) {
    fail({
      code: "shape",
      where,
      problem: `examples of "${data.name}" do not fit the network's input`,
      expected: formatShape(shape),
      received: formatShape(data.shape),
    });
  }
  if (data.length === 0) fail({ code: "data", where, problem: `"${data.name}" has no examples` });
  return shape;
}

/** Runs all examples through the network; `visit` gets the values of each tensor for each batch. */
export async function overExamples(
  probe: Probe,
  data: Dataset,
  tensors: Parameters<Probe["forward"]>[0],
  batchSize: number,
  visit: (values: readonly ArrayLike<number>[], start: number, examples: number) => void,
): Promise<void> {
  const { name } = probe.input();
  const program = await probe.forward(tensors, Math.min(batchSize, data.length));
  for (let start = 0; start < data.length; start += batchSize) {
    const end = Math.min(data.length, start + batchSize);
    program.input(name).set(await examplesAt(data, start, end - start));
    program.run();
    const values = tensors.map((_, i) => program.output(String(i)));
    visit(values, start, end - start);
    await platform.yield();
  }
}

/** Examples from `start` on as the network takes them; those of a reader are read now. */
export async function examplesAt(data: Dataset, start: number, count: number): Promise<Float32Array> {
  const size = sizeOf(data.shape);
  if (data.reader === undefined) return normalized(data.inputs.subarray(start * size, (start + count) * size));
  const values = allocateArray(dtypeOf(data.inputs), count * size);
  const target = data.targets instanceof Int32Array ? new Int32Array(1) : new Float32Array(1);
  for (let i = 0; i < count; i++) {
    await data.reader.read(start + i, values.subarray(i * size, (i + 1) * size), target);
  }
  return normalized(values);
}

/** Several examples by their numbers. */
export async function examplesOf(data: Dataset, examples: readonly number[]): Promise<Map<number, Float32Array>> {
  const images = new Map<number, Float32Array>();
  for (const example of examples) images.set(example, await examplesAt(data, example, 1));
  return images;
}

/** Batches of a data set, one after the other; lets others run in between. */
export async function overBatches(
  data: Dataset,
  batchSize: number,
  visit: (inputs: Float32Array, start: number, count: number) => void,
): Promise<void> {
  for (let start = 0; start < data.length; start += batchSize) {
    const count = Math.min(batchSize, data.length - start);
    visit(await examplesAt(data, start, count), start, count);
    await platform.yield();
  }
}
