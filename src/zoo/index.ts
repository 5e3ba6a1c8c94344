/** `fovea/zoo`: well-known networks, as descriptions; `new Model(resnet18())` gives one weights. */
export {
  findImageClassifier,
  type ImageClassifier,
  type ImageClassifierOptions,
  imageClassifiers,
} from "./imageClassifiers.js";
export { imageNetNormalization, type Normalization, setNormalization } from "./imageInput.js";
export { type MobileNetOptions, mobileNetV2 } from "./mobilenet.js";
export { fashionMlp, lwls, mnistDeep, mnistMlp, mnistShallow } from "./networks.js";
export { type TakenOver, takeFeatures } from "./pretrained.js";
export { type ResNetOptions, resnet18, resnet34 } from "./resnet.js";
export { type SmallCnnOptions, smallCnn } from "./smallCnn.js";
export { type UNetOptions, unet } from "./unet.js";
export { type WaveNetOptions, waveNet } from "./wavenet.js";
