/** Data types of tensors. Arithmetic is float32; uint8 images and int32 labels enter as they are. */
export type DType = "float32" | "int32" | "uint8";

export type NumericArray = Float32Array | Float64Array | Int32Array | Uint8Array;

const bytes: { readonly [D in DType]: number } = { float32: 4, int32: 4, uint8: 1 };

/** Bytes of one element. */
export function bytesOf(dtype: DType): number {
  return bytes[dtype];
}

export function allocateArray(dtype: DType, length: number): Float32Array | Int32Array | Uint8Array {
  if (dtype === "float32") return new Float32Array(length);
  return dtype === "int32" ? new Int32Array(length) : new Uint8Array(length);
}
