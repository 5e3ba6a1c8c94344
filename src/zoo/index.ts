/** `fovea/zoo`: well-known networks, as descriptions; `new Model(resnet18())` gives one weights. */
export { type MobileNetOptions, mobileNetV2 } from "./mobilenet.js";
export {
  cifarCnn,
  fashionCnn,
  fashionMlp,
  lwls,
  mnistCnn,
  mnistDeep,
  mnistMlp,
  mnistShallow,
  resnet9,
} from "./networks.js";
export { type ResNetOptions, resnet18, resnet34 } from "./resnet.js";
export { type UNetOptions, unet } from "./unet.js";
export { type WaveNetOptions, waveNet } from "./wavenet.js";
