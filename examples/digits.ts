// The first program of the README: trains a small network on handwritten digits, measures it, saves it.
// After `npm install` in this checkout: node examples/digits.ts (Node ≥ 24), or npx tsx examples/digits.ts.
import { conv2d, dense, earlyStopping, flatten, input, sequential, sgd } from "fovea";
import { digits } from "fovea/data";

// 6,000 MNIST digits, or as many generated ones where MNIST cannot be had
const { train, test } = await digits({ train: 6000, seed: 4487 });
console.log(train.source);

const net = sequential(
  input(28, 28, 1),
  conv2d(10, 5, { stride: 2, activation: "relu" }), // 14 × 14 × 10, padding "same"
  flatten(),
  dense(50, { activation: "relu" }),
  dense(10),
);

await net.fit(train, {
  loss: "crossEntropy",
  optimizer: sgd(0.02, { momentum: 0.9, nesterov: true }),
  batchSize: 50,
  epochs: 100,
  validation: 0.1,
  callbacks: [earlyStopping({ patience: 3 })],
});
console.log(await net.evaluate(test)); // { loss, accuracy, examples }
await net.save("digits.safetensors");
