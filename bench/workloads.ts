import { conv2d, dense, flatten, maxPool2d } from "../src/model/layers/index.js";
import { type Network, sequentialNetwork } from "../src/model/network.js";
import { input } from "../src/model/symbolic.js";
import { mnistDeep, mnistShallow } from "../src/zoo/networks.js";
import { resnet18 } from "../src/zoo/resnet.js";

/** A network and a batch; `torch_bench.py` has the same ones under the same names. */
export interface Workload {
  readonly name: string;
  readonly batchSize: number;
  /** The most that a step may take, as a multiple of PyTorch's time on the same threads. */
  readonly target: number;
  network(): Network;
}

export const workloads: readonly Workload[] = [
  { name: "mnist-shallow-b50", batchSize: 50, target: 0.5, network: mnistShallow },
  { name: "mnist-deep-b50", batchSize: 50, target: 1, network: mnistDeep },
  { name: "cifar-64-64-b32", batchSize: 32, target: 1, network: cifar },
  { name: "cifar-64-64-b250", batchSize: 250, target: 1, network: cifar },
  { name: "resnet18-224-b4", batchSize: 4, target: 1, network: imageNet },
  { name: "resnet18-224-b1", batchSize: 1, target: 1, network: imageNet },
];

export const workloadNames: readonly string[] = workloads.map(({ name }) => name);

/** Two convolutions of 64 filters for 32 × 32 colour images in 10 classes. */
function cifar(): Network {
  return sequentialNetwork(
    input(32, 32, 3),
    conv2d(64, 5, { padding: "valid", activation: "relu" }), // 28 × 28 × 64
    maxPool2d(2), // 14 × 14 × 64
    conv2d(64, 5, { padding: "valid", activation: "relu" }), // 10 × 10 × 64
    maxPool2d(2), // 5 × 5 × 64
    flatten(),
    dense(10),
  );
}

/** For 224 × 224 colour images in 1,000 classes. */
function imageNet(): Network {
  return resnet18({ classes: 1000, input: [224, 224, 3] });
}
