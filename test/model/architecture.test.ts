import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { activationNames } from "../../src/model/activations.js";
import { type Architecture, fromArchitecture, toArchitecture } from "../../src/model/architecture.js";
import { constant, type Initializer, initializerNames } from "../../src/model/initializers.js";
import type { Layer } from "../../src/model/layer.js";
import {
  activation,
  add,
  averagePool2d,
  batchNorm,
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  dense,
  depthwiseConv1d,
  depthwiseConv2d,
  depthwiseConv3d,
  dropout,
  flatten,
  globalAveragePool2d,
  leakyRelu,
  locallyConnected1d,
  locallyConnected2d,
  maxPool2d,
  relu,
  reshape,
  separableConv1d,
  separableConv2d,
  softmax,
  subnetwork,
} from "../../src/model/layers/index.js";
import { network, sequentialNetwork, withFrozen } from "../../src/model/network.js";
import { input, type SymbolicTensor } from "../../src/model/symbolic.js";

describe("toArchitecture", () => {
  it("writes every use of a layer, with all options", () => {
    const [a, b] = [input([4], { name: "left", dtype: "uint8" }), input(4)];
    const shared = dense(3, { activation: "relu" });
    const net = network([a, b], add({ name: "join" })(shared(a), shared(b)));
    expect(toArchitecture(net)).toEqual({
      format: "fovea",
      version: 1,
      inputs: [
        { name: "left", shape: [4], dtype: "uint8" },
        { name: "input", shape: [4], dtype: "float32" },
      ],
      layers: [
        {
          kind: "dense",
          name: "dense",
          config: {
            units: 3,
            activation: "relu",
            useBias: true,
            kernelInitializer: "glorotUniform",
            biasInitializer: "zeros",
          },
          inputs: ["left"],
        },
        { name: "dense", use: 1, inputs: ["input"] },
        { kind: "add", name: "join", config: {}, inputs: ["dense", "dense@1"] },
      ],
      outputs: ["join"],
    });
  });
});

/** Convolutions over any number of axes, of every kind. */
function convolutions(
  options: fc.Arbitrary<{ readonly kernelInitializer?: Initializer }>,
  size: fc.Arbitrary<number>,
): fc.Arbitrary<Layer> {
  const padding = fc.constantFrom("same" as const, "valid" as const);
  const multiplier = fc.integer({ min: 1, max: 2 });
  return fc
    .tuple(options, size, size, padding, multiplier)
    .chain(([given, filters, kernel, padding, depthMultiplier]) => {
      const all = { ...given, padding };
      const { kernelInitializer: _, ...shared } = all;
      const full = { ...given, padding: "full" as const };
      const transposed = { ...all, ...(depthMultiplier === 1 ? {} : { outputPadding: 0 }) };
      return fc.constantFrom(
        () => conv1d(filters, kernel, { ...given, padding: "causal" }),
        () => conv3d(filters, kernel, full),
        () => conv2d(filters, kernel, { ...given, padding: 1, paddingMode: "replicate" }),
        () => locallyConnected1d(filters, kernel, { ...given, padding: "causal" }),
        () => locallyConnected2d(filters, kernel, full),
        () => depthwiseConv1d(kernel, { ...all, depthMultiplier }),
        () => depthwiseConv2d(kernel, { ...all, depthMultiplier }),
        () => depthwiseConv3d(kernel, { ...all, depthMultiplier }),
        () => separableConv1d(filters, kernel, { ...shared, depthMultiplier }),
        () => separableConv2d(filters, kernel, { ...shared, depthMultiplier }),
        () => convTranspose1d(filters, kernel, transposed),
        () => convTranspose2d(filters, kernel, transposed),
        () => convTranspose3d(filters, kernel, transposed),
      );
    })
    .map((make) => make());
}

/** Layers of every kind with random options. */
const anyLayer: fc.Arbitrary<Layer> = (() => {
  const size = fc.integer({ min: 1, max: 4 });
  const pair = fc.oneof(size, fc.tuple(size, size));
  const padding = fc.oneof(
    fc.constantFrom("same" as const, "valid" as const),
    fc.nat(2),
    fc.tuple(fc.nat(2), fc.nat(2)),
    fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2)),
  );
  const initializer: fc.Arbitrary<Initializer> = fc.oneof(
    fc.constantFrom(...initializerNames),
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -2, max: 2 }).map((value) => constant(value + 0)),
  );
  const weighted = {
    activation: fc.constantFrom(...activationNames),
    useBias: fc.boolean(),
    kernelInitializer: initializer,
    biasInitializer: initializer,
  };
  const partial = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(model, { requiredKeys: [] });
  return fc.oneof(
    fc
      .tuple(size, pair, partial({ ...weighted, stride: pair, padding, dilation: pair }))
      .map(([filters, kernel, options]) => conv2d(filters, kernel, options)),
    convolutions(partial({ ...weighted, stride: size, dilation: fc.nat(1).map((d) => d + 1) }), size),
    fc.tuple(size, partial(weighted)).map(([units, options]) => dense(units, options)),
    fc.tuple(pair, partial({ strides: pair, padding })).map(([window, options]) => maxPool2d(window, options)),
    fc
      .tuple(pair, partial({ strides: pair, padding, countPadding: fc.boolean() }))
      .map(([window, options]) => averagePool2d(window, options)),
    fc.double({ min: 0, max: 0.9, noNaN: true }).map((rate) => dropout(rate + 0)),
    fc.constantFrom(...activationNames).map((name) => activation(name)),
    fc.constantFrom(flatten, relu, leakyRelu, softmax, globalAveragePool2d).map((make) => make()),
    partial({
      momentum: fc.double({ min: 0, max: 0.99, noNaN: true }).map((part) => part + 0),
      epsilon: fc.double({ min: 1e-6, max: 1e-2, noNaN: true }),
      scale: fc.boolean(),
      center: fc.boolean(),
    }).map((options) => batchNorm(options)),
    fc.constant(0).map(() => reshape([2, 2, 9])),
    fc.boolean().map((frozen) => {
      const inner = sequentialNetwork(input(6, 6, 1), conv2d(1, 3), batchNorm());
      return subnetwork(frozen ? withFrozen(inner, new Set(["conv2d.bias"])) : inner);
    }),
  );
})();

/** A network of the layers that fit; now and then a result is added to itself, or a layer is used twice. */
const anyShape = fc.constantFrom([6, 6, 1], [18, 2], [3, 4, 3, 1]);
const anyLayers = fc.array(fc.tuple(anyLayer, fc.nat(3)), { minLength: 1, maxLength: 8 });
const anyNetwork = fc.tuple(anyShape, anyLayers).map(([shape, layers]) => {
  const source = input(shape, { dtype: "uint8" });
  let tensor: SymbolicTensor = source;
  for (const [layer, fate] of layers) {
    try {
      const next = layer(tensor);
      tensor = fate === 0 ? add()(next, tensor) : next;
      if (fate === 1) tensor = layer(tensor);
    } catch {
      // does not fit here
    }
  }
  return network(source, tensor);
});

describe("frozen weights", () => {
  it("are written by name, in a version of their own", () => {
    const net = withFrozen(sequentialNetwork(input(4), dense(3), dense(2)), new Set(["dense.kernel"]));
    const written = toArchitecture(net);
    expect([written.version, written.frozen]).toEqual([2, ["dense.kernel"]]);
    expect(fromArchitecture(written).weights.map(({ frozen }) => frozen)).toEqual([
      true,
      undefined,
      undefined,
      undefined,
    ]);
    expect(() => fromArchitecture({ ...written, frozen: ["dense.gamma"] }, "net.json")).toThrow(
      'net.json: freezes "dense.gamma", which no weight is called.',
    );
  });
});

describe("round trip", () => {
  it("of random networks, through text", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(anyNetwork, (net) => {
        for (const { layer } of net.calls) seen.add(layer.kind);
        const written = toArchitecture(net);
        const again = fromArchitecture(JSON.parse(JSON.stringify(written)));
        expect(toArchitecture(again)).toEqual(written);
        expect(again.weights).toEqual(net.weights);
        expect(again.calls.map(({ outputShape }) => outputShape)).toEqual(
          net.calls.map(({ outputShape }) => outputShape),
        );
      }),
      { seed: 1, numRuns: 300 },
    );
    // the others are in the samples, each of which makes the same trip
    expect(seen.size).toBeGreaterThan(12);
  });
});

describe("errors", () => {
  const base = toArchitecture(sequentialNetwork(input(8, 8, 1), conv2d(2, 3), flatten(), dense(3)));
  const clone = () => JSON.parse(JSON.stringify(base)) as Mutable<Architecture>;
  // biome-ignore lint/suspicious/noExplicitAny: files may hold anything
  type Mutable<T> = { -readonly [K in keyof T]: any };
  const changed = (change: (json: Mutable<Architecture>) => void) => {
    const json = clone();
    change(json);
    return json;
  };
  const wordings: readonly [unknown, string][] = [
    [
      null,
      'net.json: is not the architecture of a fovea network (expected an object with format "fovea", received null).',
    ],
    [[], 'net.json: is not the architecture of a fovea network (expected an object with format "fovea", received []).'],
    [
      { format: "keras" },
      'net.json: is not the architecture of a fovea network (expected an object with format "fovea", received format "keras").',
    ],
    [{ format: "fovea" }, "net.json: wrong version (expected a whole number ≥ 1, received nothing)."],
    [
      { ...base, version: 3 },
      "net.json: was written by a newer fovea (expected version 2, received version 3). Update fovea.",
    ],
    [
      { ...base, output: [] },
      'net.json: unknown option "output" (expected one of format, version, inputs, layers, outputs, frozen). Did you mean "outputs".',
    ],
    [{ ...base, inputs: {} }, "net.json: wrong inputs (expected a list, received an object)."],
    [
      changed((json) => {
        json.inputs[0].shape = "28";
      }),
      'net.json: inputs[0]: wrong shape (expected a list, received "28").',
    ],
    [
      changed((json) => {
        json.inputs[0].shape = [8, 0, 1];
      }),
      'net.json: inputs[0]: input "input": wrong shape (expected whole numbers ≥ 1, such as [28, 28, 1], received [8, 0, 1]).',
    ],
    [
      changed((json) => {
        json.inputs[0].dtype = "int8";
      }),
      'net.json: inputs[0]: unknown dtype "int8" (expected one of float32, uint8, int32). Did you mean "uint8".',
    ],
    [
      changed((json) => {
        delete json.inputs[0].name;
      }),
      "net.json: inputs[0]: wrong name (expected a name, received nothing).",
    ],
    [
      changed((json) => {
        json.inputs[0].size = 3;
      }),
      'net.json: inputs[0]: unknown option "size" (expected one of name, shape, dtype).',
    ],
    [{ ...base, layers: [3] }, "net.json: layers[0]: wrong layer (expected an object, received 3)."],
    [
      changed((json) => {
        json.layers[0].kind = "conv2";
      }),
      `net.json: layers[0]: unknown kind of layer "conv2". Did you mean "conv2d".`,
    ],
    [
      changed((json) => {
        json.layers[0].kind = "toString";
      }),
      `net.json: layers[0]: unknown kind of layer "toString". If it is a layer of your own, run defineLayer({ name: "toString", … }) before loading.`,
    ],
    [
      changed((json) => {
        delete json.layers[0].kind;
      }),
      `net.json: layers[0]: wrong kind (expected the name of a kind of layer, received nothing).`,
    ],
    [
      changed((json) => {
        json.layers[0].name = 7;
      }),
      'net.json: conv2d: wrong name (expected letters, digits, "_", "-", "." and "/", received 7).',
    ],
    [
      changed((json) => {
        json.layers[0].trainable = false;
      }),
      'net.json: layers[0]: unknown option "trainable" (expected one of kind, name, config, inputs).',
    ],
    [
      changed((json) => {
        delete json.layers[0].config;
      }),
      'net.json: conv2d "conv2d": wrong config (expected an object, received nothing).',
    ],
    [
      changed((json) => {
        json.layers[0].config.filters = "many";
      }),
      'net.json: conv2d "conv2d": wrong filters (expected a whole number ≥ 1, received "many").',
    ],
    [
      changed((json) => {
        json.layers[0].config.filter = 3;
      }),
      'net.json: conv2d "conv2d": unknown option "filter" (expected one of filters, kernelSize, stride, strides, padding, dilation, groups, activation, useBias, kernelInitializer, biasInitializer, paddingMode). Did you mean "filters".',
    ],
    [
      changed((json) => {
        json.layers.splice(1, 1);
        json.layers[1].inputs = ["conv2d"];
      }),
      'net.json: dense "dense": input [8, 8, 2] is not flat (expected [features], received [8, 8, 2]). Add flatten() before it.',
    ],
    [
      changed((json) => {
        json.layers[1].inputs = ["stem"];
      }),
      'net.json: layers[1]: reads "stem", which no input or layer before it is called (expected one of input, conv2d).',
    ],
    [
      changed((json) => {
        json.layers[1].inputs = [0];
      }),
      "net.json: layers[1]: wrong inputs (expected names of inputs or layers before it, received 0).",
    ],
    [
      changed((json) => {
        json.layers[1].name = "input";
      }),
      'net.json: two layers or inputs are called "input".',
    ],
    [
      changed((json) => {
        json.layers.push({ name: "dense", use: 2, inputs: ["flatten"] });
      }),
      'net.json: layers[3]: wrong use (expected 1, the next use of "dense", received 2).',
    ],
    [
      changed((json) => {
        json.layers.push({ name: "head", use: 1, inputs: ["flatten"] });
      }),
      'net.json: layers[3]: is another use of "head", which no layer before it is called.',
    ],
    [
      changed((json) => {
        json.outputs = ["flatten"];
      }),
      'net.json: layer "dense" leads to no output.',
    ],
    [
      changed((json) => {
        json.outputs = ["head"];
      }),
      'net.json: outputs: reads "head", which no input or layer before it is called (expected one of input, conv2d, flatten, dense).',
    ],
    [
      changed((json) => {
        json.outputs = [];
      }),
      "net.json: network: has no inputs or no outputs. Pass at least one of each.",
    ],
  ];
  it.each(wordings.map(([json, message]) => [message, json] as const))("%s", (message, json) => {
    expect(() => fromArchitecture(json, "net.json")).toThrow(expect.objectContaining({ name: "FoveaError", message }));
  });
});
