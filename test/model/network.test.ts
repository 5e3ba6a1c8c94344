import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.js";
import { emitInputs, emitNetwork } from "../../src/model/emit.js";
import { add, conv2d, dense, dropout, flatten, relu } from "../../src/model/layers/index.js";
import { countParameters, isRandom, network, sequentialNetwork, tensorName } from "../../src/model/network.js";
import { input } from "../../src/model/symbolic.js";

describe("names", () => {
  it("count each kind, from the second one on", () => {
    const net = sequentialNetwork(input(8, 8, 1), conv2d(2, 3), conv2d(2, 3), flatten(), dense(3), relu(), dense(4));
    expect(net.calls.map(({ name }) => name)).toEqual(["conv2d", "conv2d_1", "flatten", "dense", "relu", "dense_1"]);
  });

  it("do not depend on what was built before", () => {
    const build = () => sequentialNetwork(input(4), dense(3), dense(2)).weights.map(({ name }) => name);
    expect(build()).toEqual(build());
    expect(build()).toEqual(["dense.kernel", "dense.bias", "dense_1.kernel", "dense_1.bias"]);
  });

  it("leave out what the user took", () => {
    const net = sequentialNetwork(
      input(4),
      dense(3),
      dense(3, { name: "dense_1" }),
      dense(3),
      dense(3, { name: "head" }),
    );
    expect(net.calls.map(({ name }) => name)).toEqual(["dense", "dense_1", "dense_2", "head"]);
  });

  it("of inputs are counted, too", () => {
    const [a, b] = [input([4], { name: "a" }), input(4)];
    const net = network([a, b], add()(a, b));
    expect(net.inputs.map(({ name }) => name)).toEqual(["a", "input"]);
    const [c, d] = [input(4), input(4)];
    expect(network([c, d], add()(c, d)).inputs.map(({ name }) => name)).toEqual(["input", "input_1"]);
  });

  it("differ between networks that share a layer, as the layer stands in each", () => {
    const x = input(4);
    const [first, second] = [dense(4), dense(4)];
    expect(network(x, second(first(x))).calls.map(({ name }) => name)).toEqual(["dense", "dense_1"]);
    expect(network(x, second(x)).calls.map(({ name }) => name)).toEqual(["dense"]);
  });
});

describe("weights", () => {
  it("of a convolution: HWIO, fans of its taps", () => {
    const net = sequentialNetwork(input(8, 8, 4), conv2d(6, [5, 3], { groups: 2, kernelInitializer: "heNormal" }));
    expect(net.weights).toEqual([
      {
        name: "conv2d.kernel",
        layer: "conv2d",
        shape: [5, 3, 2, 6],
        initializer: "heNormal",
        fanIn: 30,
        fanOut: 90,
        trainable: true,
      },
      {
        name: "conv2d.bias",
        layer: "conv2d",
        shape: [6],
        initializer: "zeros",
        fanIn: 6,
        fanOut: 6,
        trainable: true,
      },
    ]);
    expect(countParameters(net.weights)).toBe(186);
  });

  it("of a dense layer", () => {
    const net = sequentialNetwork(input(7), dense(3, { useBias: false }));
    expect(net.weights).toMatchObject([{ name: "dense.kernel", shape: [7, 3], fanIn: 7, fanOut: 3 }]);
  });
});

describe("graphs of layers", () => {
  it("are ordered depth first, inputs of a call from left to right", () => {
    const x = input(8, 8, 4);
    const join = add({ name: "join" });
    const left = conv2d(4, 3, { name: "left" })(x);
    const right = conv2d(4, 1, { name: "right" })(x);
    const net = network(x, [relu()(join(left, right)), flatten()(left)]);
    expect(net.calls.map(({ name }) => name)).toEqual(["left", "right", "join", "relu", "flatten"]);
    expect(net.outputs.map(({ shape }) => shape)).toEqual([[8, 8, 4], [256]]);
  });

  it("share the weights of a layer that is called twice", () => {
    const [a, b] = [input(4), input(4)];
    const shared = dense(3);
    const net = network([a, b], add()(shared(a), shared(b)));
    expect(net.calls.map(({ name, use }) => [name, use])).toEqual([
      ["dense", 0],
      ["dense", 1],
      ["add", 0],
    ]);
    expect(net.weights.map(({ name }) => name)).toEqual(["dense.kernel", "dense.bias"]);
    expect(net.calls.map(({ output }) => tensorName(net, output))).toEqual(["dense", "dense@1", "add"]);
  });

  it("may share a layer without weights between shapes", () => {
    const rectify = relu();
    expect(sequentialNetwork(input(2, 2, 1), rectify, flatten(), rectify).calls).toHaveLength(3);
  });
});

describe("emitting", () => {
  it("names nodes after layers, weights after weights", () => {
    const net = sequentialNetwork(input(4, 4, 1), conv2d(2, 3, { name: "stem" }), flatten(), dense(3));
    const builder = new GraphBuilder();
    const { outputs, weights } = emitNetwork(net, builder, emitInputs(net, builder, 5, "uint8"), { training: false });
    expect(outputs.map(({ shape }) => shape)).toEqual([[5, 3]]);
    expect([...weights.keys()]).toEqual(["stem.kernel", "stem.bias", "dense.kernel", "dense.bias"]);
    expect(builder.nodes.map(({ op, name }) => `${op} ${name}`)).toEqual([
      "input input",
      "map input",
      "variable stem.kernel",
      "variable stem.bias",
      "variable dense.kernel",
      "variable dense.bias",
      "conv stem",
      "map stem",
      "reshape flatten",
      "matmul dense",
      "map dense",
    ]);
  });

  it("drops in training only, with another mask for every layer and every use", () => {
    const twice = dropout(0.5);
    const net = sequentialNetwork(input(4), twice, dropout(0.5), twice);
    expect(isRandom(net)).toBe(true);
    const emit = (training: boolean) => {
      const builder = new GraphBuilder();
      const randomKey = builder.input("randomKey", [2], "int32");
      emitNetwork(net, builder, emitInputs(net, builder, 5), { training, randomKey });
      return builder.nodes.filter(({ op }) => op === "map").map(({ attributes }) => JSON.stringify(attributes));
    };
    expect(emit(false)).toEqual([]);
    expect(new Set(emit(true).map((text) => /"salt":(\d+)/.exec(text)![1])).size).toBe(3);
    expect(isRandom(sequentialNetwork(input(4), dropout(0)))).toBe(false);
  });
});

describe("errors", () => {
  const wrong = (value: unknown) => value as never;
  const x = input(4);
  const y = dense(4, { name: "y" })(x);
  const emitting = (training: boolean, inputs: (builder: GraphBuilder) => Parameters<typeof emitNetwork>[2]) => () => {
    const builder = new GraphBuilder();
    emitNetwork(sequentialNetwork(input(4), dropout(0.5)), builder, inputs(builder), { training });
  };
  const wordings: readonly [() => unknown, string][] = [
    [() => sequentialNetwork(x), "sequential: has no layers. Pass layers after the input."],
    [
      () => sequentialNetwork(wrong(dense(3)), dense(3)),
      "sequential: takes symbolic tensors (expected what input(28, 28, 1) or the call of a layer returns, received a function).",
    ],
    [
      () => sequentialNetwork(x, dense(3), wrong(dense)),
      "sequential: argument 3 is not a layer (expected what conv2d(10, 5) or dense(10) returns, received a function).",
    ],
    [() => network([], y), "network: has no inputs or no outputs. Pass at least one of each."],
    [() => network(y, relu()(y)), 'network: input 1 is the output of dense "y". Inputs are what input(…) returned.'],
    [() => network([x, input(3)], y), "network: input 2 leads to no output. Leave it out, or connect it."],
    [() => network([x, x], y), "network: input 2 is listed twice. List every input once."],
    [
      () => network(x, add()(y, input(4))),
      "network: an output depends on an input of shape [4] that is not listed. List it.",
    ],
    [
      () => network(x, add()(y, input([4], { name: "other" }))),
      'network: an output depends on input "other" of shape [4] that is not listed. List it.',
    ],
    [
      () => network(x, relu({ name: "y" })(y)),
      'relu "y": the name "y" is taken by another dense. Give every layer a name of its own.',
    ],
    [
      () => sequentialNetwork(input([4], { name: "a" }), dense(3, { name: "a" })),
      'dense "a": the name "a" is taken by another input. Give every layer a name of its own.',
    ],
    [
      () => {
        const shared = dense(3);
        shared(x);
        shared(input(5));
      },
      'dense "dense": is called again with an input that its weights do not fit (expected kernel [4, 3], received kernel [5, 3]). Make a second layer for this input.',
    ],
    [
      emitting(true, (builder) => [builder.input("input", [2, 4], "float32")]),
      "network: training it needs a random key (expected int32 [2]).",
    ],
    [
      emitting(false, (builder) => [builder.input("input", [2, 4], "uint8")]),
      'input "input": gets a node of another type (expected float32 [batch, 4], received uint8 [2, 4]).',
    ],
    [
      emitting(false, () => []),
      'input "input": gets a node of another type (expected float32 [batch, 4], received nothing).',
    ],
  ];
  it.each(wordings.map(([body, message]) => [message, body] as const))("%s", (message, body) => {
    expect(body).toThrow(expect.objectContaining({ name: "FoveaError", message }));
  });
});
