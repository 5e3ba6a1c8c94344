export type { ValueType } from "./encoding.js";
export {
  type Expression,
  type F32,
  f32,
  f32x4,
  type I32,
  type I32Like,
  i32,
  i32x4,
  type V128,
  v128,
} from "./instructions.js";
export { FunctionBuilder, type FunctionReference, type Local, ModuleBuilder } from "./module.js";
