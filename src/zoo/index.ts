/** `fovea/zoo`: well-known networks, as descriptions; `new Model(resnet18())` gives one weights. */
export { type MobileNetOptions, mobileNetV2 } from "./mobilenet.js";
export { fashionMlp, lwls, mnistDeep, mnistMlp, mnistShallow } from "./networks.js";
export { type ResNetOptions, resnet18, resnet34 } from "./resnet.js";
export { type UNetOptions, unet } from "./unet.js";
export { type WaveNetOptions, waveNet } from "./wavenet.js";
