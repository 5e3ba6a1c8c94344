import { describe, expect, it } from "vitest";
import { differentiate } from "../../src/autodiff/differentiate.js";
import { keyOf, normalAt, uniformAt } from "../../src/core/random.js";
import { sizeOf } from "../../src/core/shapes.js";
import { GraphBuilder } from "../../src/graph/builder.js";
import { emitInputs, emitNetwork } from "../../src/model/emit.js";
import { initialize } from "../../src/model/initializers.js";
import { emitLoss } from "../../src/model/losses.js";
import type { Network } from "../../src/model/network.js";
import { lwls, mnistDeep, mnistMlp, mnistShallow } from "../../src/zoo/networks.js";
import { truth } from "../harness/backends.js";

const batch = 2;

/** Loss of a network, and its gradient for every weight, as a program in float64. */
async function program(network: Network) {
  const builder = new GraphBuilder();
  const inputs = emitInputs(network, builder, batch, "float32");
  const { outputs, weights } = emitNetwork(network, builder, inputs, { training: true });
  const loss = emitLoss(builder, "crossEntropy", outputs[0]!, builder.input("target", [batch], "int32"));
  builder.output("loss", loss);
  const names = network.weights.map(({ name }) => name);
  const gradients = differentiate(
    builder,
    loss,
    names.map((name) => weights.get(name)!),
  );
  gradients.forEach((gradient, i) => {
    builder.output(`gradient ${names[i]}`, gradient!);
  });
  const store = truth.createStore();
  for (const { name, shape, initializer, fanIn, fanOut } of network.weights) {
    store.declare(name, { shape, dtype: "float32" });
    const bias = name.endsWith("bias");
    // biases away from zero, so that no unit stands exactly at its kink
    const values = initialize(bias ? "glorotUniform" : initializer, shape, { fanIn, fanOut }, keyOf(3, name));
    store.write(name, values);
  }
  const compiled = await truth.compile(truth.plan(builder.build()), store);
  compiled.input(network.inputs[0]!.name).forEach((_, i, images) => {
    images[i] = uniformAt(keyOf(4, "images"), i);
  });
  compiled.input("target").set([3, 8]);
  const loss64 = () => {
    compiled.run();
    return compiled.output("loss")[0]!;
  };
  return { store, compiled, loss: loss64 };
}

describe("the gradients of whole networks against finite differences", () => {
  const networks = { mnistShallow, mnistDeep, mnistMlp, lwls };
  for (const [name, make] of Object.entries(networks)) {
    it(name, async () => {
      const network = make();
      const { store, compiled, loss } = await program(network);
      loss();
      const gradients = network.weights.map((weight) => Float64Array.from(compiled.output(`gradient ${weight.name}`)));
      network.weights.forEach((weight, i) => {
        // the slope along a random direction of each weight, by central differences
        const values = Float64Array.from(store.read(weight.name));
        const direction = Float64Array.from({ length: sizeOf(weight.shape) }, (_, j) =>
          normalAt(keyOf(5, weight.name), j),
        );
        const slope = gradients[i]!.reduce((sum, gradient, j) => sum + gradient * direction[j]!, 0);
        const step = 1e-7;
        const at = (distance: number) => {
          store.write(
            weight.name,
            values.map((value, j) => value + distance * direction[j]!),
          );
          return loss();
        };
        const measured = (at(step) - at(-step)) / (2 * step);
        store.write(weight.name, values);
        const scale = Math.sqrt(gradients[i]!.reduce((sum, gradient, j) => sum + (gradient * direction[j]!) ** 2, 0));
        expect(Math.abs(measured - slope), `${weight.name}: ${measured} and ${slope}`).toBeLessThan(1e-5 * scale);
      });
    });
  }
});
