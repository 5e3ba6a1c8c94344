import { type DataArray, dtypeOf } from "../core/dtypes.js";
import { fail } from "../core/errors.js";
import { formatShape, sizeOf } from "../core/shapes.js";
import type { Dataset, ExampleReader } from "../data/dataset.js";
import { type Network, type NetworkInput, vocabularyOf } from "../model/network.js";

/** Checks that examples are tokens where the network's input takes tokens, all of them in its vocabulary, and not elsewhere. */
export function checkTokens(
  network: Network,
  input: NetworkInput,
  values: DataArray,
  examples: string,
  where: string,
): void {
  const vocabulary = vocabularyOf(network, input);
  const received = dtypeOf(values);
  if (vocabulary === undefined) {
    if (received !== "int32") return;
    const problem = `${examples} are tokens, but the network's input "${input.name}" takes numbers`;
    const fix = `Declare it as input(${formatShape(input.shape)}, { dtype: "int32" }), or pass a Float32Array`;
    fail({ code: "dtype", where, problem, expected: "float32 or uint8", received, fix });
  }
  if (received === "float32") {
    const problem = `${examples} are numbers, but the network's input "${input.name}" takes tokens`;
    fail({ code: "dtype", where, problem, expected: "int32 or uint8", received, fix: "Pass an Int32Array" });
  }
  const size = sizeOf(input.shape);
  const wrong = values.findIndex((token) => token < 0 || token >= vocabulary);
  if (wrong >= 0) failToken(values, wrong, `example ${Math.floor(wrong / size)} of ${examples}`, vocabulary, where);
}

/** A reader that refuses tokens which are not in the vocabulary when it meets them. */
export function checkedReader(
  reader: ExampleReader,
  network: Network,
  { name }: Pick<Dataset, "name">,
  where: string,
): ExampleReader {
  const vocabulary = vocabularyOf(network, network.inputs[0]!);
  if (vocabulary === undefined) return reader;
  return {
    ...reader,
    async read(index, inputs, targets) {
      await reader.read(index, inputs, targets);
      const wrong = inputs.findIndex((token) => token < 0 || token >= vocabulary);
      if (wrong >= 0) failToken(inputs, wrong, `example ${index} of "${name}"`, vocabulary, where);
    },
  };
}

function failToken(values: DataArray, at: number, example: string, vocabulary: number, where: string): never {
  return fail({
    code: "token",
    where,
    problem: `token ${values[at]} in ${example} is not in the network's vocabulary`,
    expected: `0 to ${vocabulary - 1}`,
    received: String(values[at]),
    fix: "Give embedding a larger vocabulary, or correct the tokens",
  });
}
