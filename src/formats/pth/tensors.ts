/** From views of storages to row-major tensors. */
import { show, UserError } from "../../errors.ts";
import { elements } from "../../tensor/tensor.ts";
import { arrayOf, BYTES_PER_ELEMENT, type StoredTensor } from "../safetensors.ts";
import type { Storage, StridedTensor, Value } from "./values.ts";

/** What torch.save saved, and where the numbers of its storages are. */
export interface SavedObject {
  readonly root: Value;
  readonly byteOrder: "little" | "big";
  /** The bytes of a storage, or undefined where the file has none. */
  readonly block: (key: string) => Uint8Array | undefined;
}

/** Views may share a storage, as tied weights do, but no file's views are many times what it stores. */
const MAX_BYTES_PER_STORED = 4;

/**
 * Each view as a tensor of its own, row-major and little-endian.
 * @throws UserError where a view reaches beyond its storage, a storage isn't whole, or the views ask for absurdly much
 */
export function gather(
  tensors: ReadonlyMap<string, StridedTensor>,
  { byteOrder, block }: SavedObject,
): Map<string, StoredTensor> {
  const storages = new Map<string, [Storage, owner: string]>();
  let asked = 0;
  for (const [name, tensor] of tensors) {
    const { storage, shape } = tensor;
    requireInside(name, tensor);
    asked += elements(shape) * BYTES_PER_ELEMENT[storage.dtype];
    const known = storages.get(storage.key);
    if (known) sameBlock(known[0], storage);
    else storages.set(storage.key, [storage, name]);
  }
  let stored = 0;
  for (const [storage, owner] of storages.values()) stored += requireWhole(owner, storage, block(storage.key));
  if (asked > MAX_BYTES_PER_STORED * stored) {
    throw new UserError(`its tensors would take ${asked} bytes, its storages have ${stored}; save clones of its views`);
  }
  return new Map([...tensors].map(([name, tensor]) => {
    const bytes = gatherBytes(tensor, block(tensor.storage.key)!);
    const { dtype } = tensor.storage;
    if (byteOrder === "big") swapBytes(bytes, BYTES_PER_ELEMENT[dtype]);
    return [name, { dtype, shape: tensor.shape, data: arrayOf(dtype, bytes) }];
  }));
}

/** @throws UserError where two storages of one key differ */
export function sameBlock(a: Storage, b: Storage): void {
  if (a.dtype !== b.dtype || a.blockElements !== b.blockElements) {
    throw new UserError(
      `its storage ${show(a.key)} is ${a.dtype} of ${a.blockElements} and ${b.dtype} of ${b.blockElements} elements`,
    );
  }
}

function requireInside(name: string, { storage, offset, shape, strides }: StridedTensor): void {
  if (shape.includes(0)) return;
  const last = shape.reduce((at, size, axis) => at + (size - 1) * strides[axis], offset);
  if (last < storage.elements) return;
  throw new UserError(
    `tensor ${show(name)} ${show(shape)} reaches to element ${last} of its storage, which has ${storage.elements}`,
  );
}

/** The length of the block, checked. */
function requireWhole(name: string, { key, dtype, blockElements }: Storage, block: Uint8Array | undefined): number {
  const expected = blockElements * BYTES_PER_ELEMENT[dtype];
  if (block?.length === expected) return expected;
  throw new UserError(
    `the storage ${show(key)} of tensor ${show(name)} needs ${expected} bytes, the file has ${block?.length ?? "none"}`,
  );
}

/** A copy of the tensor's bytes, row-major. */
function gatherBytes({ storage, offset, shape, strides }: StridedTensor, block: Uint8Array): Uint8Array<ArrayBuffer> {
  const width = BYTES_PER_ELEMENT[storage.dtype];
  const count = elements(shape);
  const first = storage.offset + offset;
  if (count === 0 || isContiguous(shape, strides)) return block.slice(first * width, (first + count) * width);
  const out = new Uint8Array(count * width);
  const index = shape.map(() => 0);
  for (let to = 0, from = first; to < count; to++) {
    for (let byte = 0; byte < width; byte++) out[to * width + byte] = block[from * width + byte];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}

/** Axes of size 1 may have any stride. */
function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis];
  }
  return true;
}

function swapBytes(bytes: Uint8Array, width: number): void {
  for (let at = 0; at < bytes.length; at += width) bytes.subarray(at, at + width).reverse();
}
