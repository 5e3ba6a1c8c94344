import type { GraphBuilder } from "../../graph/builder.js";
import type { Node } from "../../graph/types.js";
import { equal, select, x } from "../../ops/expression.js";
import { gatherNode } from "../../ops/gather.js";
import { mapNode } from "../../ops/map.js";
import { reshapeNode, stopGradient } from "../../ops/reshape.js";
import { wholeNumber, withDefault, wrongOption } from "../check.js";
import { checkInitializer, type Initializer, randomUniform } from "../initializers.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { Embedding } from "../shapes/axes.js";

export interface EmbeddingOptions extends LayerOptions {
  /**
   * A token that stands for nothing, as what short sequences are filled up with: its vector begins as zeros, and training
   * does not change it. Default: none.
   */
  readonly paddingIndex?: number;
  /** How first vectors are drawn. Default: `randomUniform()`, ±0.05, as in Keras (PyTorch: `randomNormal(1)`). */
  readonly initializer?: Initializer;
}

export interface EmbeddingConfig {
  readonly vocabulary: number;
  readonly dimensions: number;
  readonly paddingIndex?: number;
  readonly initializer: Initializer;
}

export const embeddingKind: LayerKind<EmbeddingConfig> = {
  kind: "embedding",
  arguments: ["vocabulary", "dimensions"],
  options: ["paddingIndex", "initializer"],
  arity: "one",
  configure(given, where) {
    const vocabulary = wholeNumber(where, "vocabulary", given.vocabulary);
    return {
      vocabulary,
      dimensions: wholeNumber(where, "dimensions", given.dimensions),
      ...(given.paddingIndex === undefined ? {} : { paddingIndex: checkToken(where, given.paddingIndex, vocabulary) }),
      initializer: checkInitializer(where, "initializer", withDefault(given.initializer, randomUniform())),
    };
  },
  outputShape: ({ dimensions }, [input]) => [...input!, dimensions],
  weights: ({ vocabulary, dimensions, paddingIndex, initializer }) => [
    {
      name: "embeddings",
      shape: [vocabulary, dimensions],
      initializer,
      fanIn: vocabulary,
      fanOut: dimensions,
      trainable: true,
      ...(paddingIndex === undefined ? {} : { zeroRow: paddingIndex }),
    },
  ],
  emit({ builder, config: { paddingIndex }, inputs, weights, training }) {
    const [tokens] = inputs as readonly [Node];
    const vectors = gatherNode(builder, weights.embeddings!, tokens);
    return training && paddingIndex !== undefined ? withoutPadding(builder, vectors, tokens, paddingIndex) : vectors;
  },
  reach: () => "point",
  vocabulary: ({ vocabulary }) => vocabulary,
};

function checkToken(where: string, token: unknown, vocabulary: number): number {
  const last = vocabulary - 1;
  if (Number.isInteger(token) && Number(token) >= 0 && Number(token) <= last) return Number(token);
  return wrongOption(where, "paddingIndex", token, `a token, 0 to ${last}`);
}

/** The same vectors, but those of the padding do not lead gradients back. */
function withoutPadding(builder: GraphBuilder, vectors: Node, tokens: Node, paddingIndex: number): Node {
  const column = reshapeNode(builder, tokens, [...tokens.shape, 1]);
  const choice = select(equal(x(2), paddingIndex), x(1), x(0));
  return mapNode(builder, [vectors, stopGradient(builder, vectors), column], choice);
}

/**
 * A learned vector for every token: `y[…, d] = embeddings[x[…], d]`. A vector's gradient is the sum over all places where
 * its token stands.
 *
 * Input: tokens, whole numbers from 0 to vocabulary − 1, of any shape […]: an `input` of dtype `int32`, whose data are an
 * Int32Array or a Uint8Array. Output: […, dimensions]. Weights: `embeddings` [vocabulary, dimensions].
 *
 * Errors: code "option" for options out of range or unknown; code "dtype" for an input of floats. `fit`, `evaluate` and
 * `predict` refuse tokens that are not in the vocabulary with code "token", before any work starts (where examples are
 * read as they are needed: when they are read).
 *
 * Source: Bengio et al., "A neural probabilistic language model", Journal of Machine Learning Research 3, 2003.
 *
 * Keras: Embedding · PyTorch: Embedding
 *
 * @param vocabulary number of different tokens
 * @param dimensions numbers in a vector
 * @example embedding(1000, 16, { paddingIndex: 0 }) // 20 tokens → 20 × 16, 16,000 parameters
 * @example
 * const words = input([20], { dtype: "int32" });
 * const net = sequential(words, embedding(1000, 16), conv1d(32, 3, { padding: "causal" }), globalMaxPool1d(), dense(2));
 * const scores = await net.predict(Int32Array.from({ length: 20 }, (_, i) => 7 * i));
 */
export function embedding<const Dimensions extends number>(
  vocabulary: number,
  dimensions: Dimensions,
  options?: EmbeddingOptions,
): Layer<Embedding<Dimensions>> {
  return createLayer(embeddingKind, { vocabulary, dimensions }, options);
}
