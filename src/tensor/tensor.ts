import "../disposable.ts";
import type { Gpu, GpuBuffer, Slice } from "../gpu/gpu.ts";

/** Says what an element is, of 32 bits or, in plans for inference, of 16. */
export type Dtype = "f32" | "u32" | "i32" | "f16";

/**
 * This is a contiguous row-major array on the device: a range of a buffer, its shape and its element type.
 * It holds one reference to the buffer; `dispose` (or `using`) gives it back.
 */
export class Tensor implements Slice {
  /** It has so many elements. */
  readonly size: number;
  /** It has four bytes for each element, or two with "f16". */
  readonly byteLength: number;
  #live = true;

  /** Takes over one reference to `buffer`. */
  constructor(
    readonly gpu: Gpu,
    readonly buffer: GpuBuffer,
    readonly byteOffset: number,
    readonly shape: readonly number[],
    readonly dtype: Dtype,
  ) {
    this.size = elements(shape);
    this.byteLength = this.size * bytesOf(dtype);
  }

  /** Makes a tensor with undefined contents. */
  static empty(gpu: Gpu, shape: readonly number[], dtype: Dtype = "f32"): Tensor {
    return new Tensor(
      gpu,
      gpu.alloc(Math.max(4, elements(shape) * bytesOf(dtype)), `tensor [${shape}]`),
      0,
      shape,
      dtype,
    );
  }

  /** Makes a new tensor of zeros. */
  static zeros(gpu: Gpu, shape: readonly number[], dtype: Dtype = "f32"): Tensor {
    const tensor = Tensor.empty(gpu, shape, dtype);
    gpu.clear(tensor);
    return tensor;
  }

  /** Uploads host data; the dtype is the array's. Throws if the array's length isn't the shape's size. */
  static from(gpu: Gpu, data: Float32Array | Uint32Array | Int32Array, shape: readonly number[]): Tensor {
    if (data.length !== elements(shape)) {
      throw new RangeError(`shape [${shape}] has ${elements(shape)} elements, the data ${data.length}`);
    }
    const dtype = data instanceof Float32Array ? "f32" : data instanceof Uint32Array ? "u32" : "i32";
    const tensor = Tensor.empty(gpu, shape, dtype);
    gpu.write(tensor, data);
    return tensor;
  }

  /** Gives the same storage under another shape of the same size, with a reference of its own. */
  view(shape: readonly number[]): Tensor {
    if (elements(shape) !== this.size) throw new RangeError(`a view of [${this.shape}] cannot have shape [${shape}]`);
    return new Tensor(this.gpu, this.buffer.retain(), this.byteOffset, shape, this.dtype);
  }

  /** Reads a float tensor back. Several tensors are read cheaper by `readTensors`. */
  async read(): Promise<Float32Array<ArrayBuffer>> {
    return new Float32Array((await this.gpu.readMany([this]))[0]);
  }

  /** Reads the one number of a scalar. Waits for the device. */
  async item(): Promise<number> {
    return (await this.read())[0];
  }

  /** Says whether it hasn't been disposed of. */
  get live(): boolean {
    return this.#live;
  }

  /** Gives its reference to the storage back; views keep theirs. */
  dispose(): void {
    if (!this.#live) return;
    this.#live = false;
    this.buffer.release();
  }

  /** Does what `dispose` does. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Reads several float tensors in one wait. */
export async function readTensors(tensors: readonly Tensor[]): Promise<Float32Array<ArrayBuffer>[]> {
  if (tensors.length === 0) return [];
  return (await tensors[0].gpu.readMany(tensors)).map((bytes) => new Float32Array(bytes));
}

/** Gives `count` elements from `first` on of a slice of 4-byte numbers. */
export function partOf({ buffer, byteOffset }: Slice, first: number, count: number): Slice {
  return { buffer, byteOffset: byteOffset + 4 * first, byteLength: 4 * count };
}

/** Says how many bytes an element has. */
export function bytesOf(dtype: Dtype): 2 | 4 {
  return dtype === "f16" ? 2 : 4;
}

export function elements(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
