import { conv3d, dense, flatten, maxPool3d } from "../src/model/layers/index.js";
import { type Network, sequentialNetwork } from "../src/model/network.js";
import { input } from "../src/model/symbolic.js";
import { mobileNetV2 } from "../src/zoo/mobilenet.js";
import { cifarCnn, mnistDeep, mnistShallow } from "../src/zoo/networks.js";
import { resnet18 } from "../src/zoo/resnet.js";
import { unet } from "../src/zoo/unet.js";
import { waveNet } from "../src/zoo/wavenet.js";

/** A network that gives logits, and a batch; `torch_bench.py` has the same ones under the same names. */
export interface Workload {
  readonly name: string;
  readonly batchSize: number;
  /** The most that a step may take, as a multiple of PyTorch's time on the same threads. */
  readonly target: number;
  /** Whether `tfjsBench.mjs` has it too. */
  readonly tfjs: boolean;
  network(): Network;
}

export const workloads: readonly Workload[] = [
  { name: "mnist-shallow-b50", batchSize: 50, target: 0.5, tfjs: true, network: mnistShallow },
  { name: "mnist-deep-b50", batchSize: 50, target: 1, tfjs: true, network: mnistDeep },
  { name: "cifar-64-64-b32", batchSize: 32, target: 1, tfjs: true, network: cifarCnn },
  { name: "cifar-64-64-b250", batchSize: 250, target: 1, tfjs: true, network: cifarCnn },
  { name: "resnet18-224-b4", batchSize: 4, target: 1, tfjs: true, network: imageNet },
  { name: "resnet18-224-b1", batchSize: 1, target: 1, tfjs: true, network: imageNet },
  { name: "mobilenet-96-b16", batchSize: 16, target: 1, tfjs: false, network: mobile },
  { name: "wavenet-8000-b8", batchSize: 8, target: 1, tfjs: false, network: waveNet },
  { name: "volume-32-b4", batchSize: 4, target: 1, tfjs: false, network: volume },
  { name: "unet-128-b4", batchSize: 4, target: 1, tfjs: false, network: unet },
];

export const workloadNames: readonly string[] = workloads.map(({ name }) => name);

/** The one of a name that is known. */
export const workloadOf = (wanted: string): Workload => workloads.find(({ name }) => name === wanted)!;

/** For 224 × 224 colour images in 1,000 classes. */
function imageNet(): Network {
  return resnet18({ classes: 1000, input: [224, 224, 3] });
}

/** Without dropout, which PyTorch's side leaves out too. */
function mobile(): Network {
  return mobileNetV2({ classes: 1000, input: [96, 96, 3], dropout: 0 });
}

/** Three convolutions for 32 × 32 × 32 volumes in 10 classes. */
function volume(): Network {
  return sequentialNetwork(
    input(32, 32, 32, 1),
    conv3d(32, 3, { activation: "relu" }),
    maxPool3d(2), // 16 × 16 × 16 × 32
    conv3d(64, 3, { activation: "relu" }),
    maxPool3d(2), // 8 × 8 × 8 × 64
    conv3d(128, 3, { activation: "relu" }),
    maxPool3d(2), // 4 × 4 × 4 × 128
    flatten(),
    dense(10),
  );
}
