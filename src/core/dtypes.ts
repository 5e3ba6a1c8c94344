/** Data types of tensors. Arithmetic is float32; uint8 images, int32 labels and tokens enter as they are. */
export type DType = "float32" | "int32" | "uint8";

/** What data come in: an array of one of the data types. */
export type DataArray = Float32Array | Int32Array | Uint8Array;

export type NumericArray = Float32Array | Float64Array | Int32Array | Uint8Array;

const bytes: { readonly [D in DType]: number } = { float32: 4, int32: 4, uint8: 1 };

/** Bytes of one element. */
export function bytesOf(dtype: DType): number {
  return bytes[dtype];
}

export function dtypeOf(array: DataArray): DType {
  if (array instanceof Float32Array) return "float32";
  return array instanceof Int32Array ? "int32" : "uint8";
}

export const arrayTypes = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array } as const;

export function allocateArray(dtype: DType, length: number): DataArray {
  return new arrayTypes[dtype](length);
}
