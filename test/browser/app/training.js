/** The same training everywhere: on a page, in its worker, bundled or not, and in Node. */
import { conv2d, dense, flatten, input, maxPool2d, sequential, sgd } from "fovea";
import { augment, noise, rotate, shift, strokes } from "fovea/data";

/**
 * Gives the threads that were used, the losses, and the bits of every weight. Large enough to share its work between
 * threads, and with Winograd's kernels.
 */
export async function train(threads, epochs = 2) {
  const { train, test } = await strokes({ train: 150, test: 50 });
  const convolution = { activation: "relu" };
  const net = sequential(
    input(28, 28, 1),
    conv2d(8, 5, convolution),
    maxPool2d(2),
    conv2d(16, 3, convolution),
    flatten(),
    dense(10),
  );
  let used;
  const history = await net.fit(train, {
    loss: "crossEntropy",
    optimizer: sgd(0.02, { momentum: 0.9 }),
    batchSize: 40,
    epochs,
    seed: 3,
    threads,
    progress: false,
    validation: test,
    augment: augment(rotate(5), shift(0.05), noise(0.02)),
    callbacks: [
      {
        onStart: (start) => {
          used = start.threads;
        },
      },
    ],
  });
  const bits = net.weightNames.map((name) => [name, Array.from(new Uint32Array(net.weight(name).buffer))]);
  return { threads: used, losses: history.epochs.map(({ loss }) => loss), weights: Object.fromEntries(bits) };
}
