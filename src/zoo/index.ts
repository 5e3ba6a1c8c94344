/** `fovea/zoo`: well-known networks, as descriptions; `new Model(resnet18())` gives one weights. */
export { type AlexNetOptions, alexNet, type LargeNetworkOptions, zeilerFergus } from "./alexnet.js";
export { type AllConvOptions, allConv } from "./allConv.js";
export { type GoogLeNetOptions, googleNet } from "./googlenet.js";
export {
  findImageClassifier,
  type ImageClassifier,
  type ImageClassifierOptions,
  imageClassifiers,
} from "./imageClassifiers.js";
export { imageNetNormalization, type Normalization, setNormalization } from "./imageInput.js";
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
export { type PipelineStep, pipeline, pipelineSteps } from "./pipeline.js";
export { type TakenOver, takeFeatures } from "./pretrained.js";
export { type ResNetOptions, resnet18, resnet34 } from "./resnet.js";
export { type SmallCnnOptions, smallCnn } from "./smallCnn.js";
export { type UNetOptions, unet } from "./unet.js";
export { type WaveNetOptions, waveNet } from "./wavenet.js";
export { zip1989 } from "./zip1989.js";
