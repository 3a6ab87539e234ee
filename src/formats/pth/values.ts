/** What a pickle by torch.save may hold, as data: nothing here can act. */
import type { Dtype } from "../safetensors.ts";

export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | List
  | Tuple
  | Dict
  | Global
  | Storage
  | StridedTensor;

export interface List {
  readonly kind: "list";
  readonly items: Value[];
}

export interface Tuple {
  readonly kind: "tuple";
  readonly items: readonly Value[];
}

/** A dict or an OrderedDict. */
export type Dict = Map<Value, Value>;

/** A class or function by its qualified name, `torch._utils._rebuild_tensor_v2`. */
export interface Global {
  readonly kind: "global";
  readonly name: string;
}

/** Where numbers lie: `elements` of them from `offset` on, in the stored block `key` of `blockElements`. */
export interface Storage {
  readonly kind: "storage";
  readonly key: string;
  readonly dtype: Dtype;
  readonly offset: number;
  readonly elements: number;
  readonly blockElements: number;
}

/** A view of a storage: element (i, j, …) is number `offset + i·strides[0] + j·strides[1] + …` of it. */
export interface StridedTensor {
  readonly kind: "tensor";
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

export const tuple = (items: readonly Value[]): Tuple => ({ kind: "tuple", items });

export function isKind<Kind extends "list" | "tuple" | "global" | "storage" | "tensor">(
  value: Value,
  kind: Kind,
): value is Extract<Value, { readonly kind: Kind }> {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === kind;
}

/** How an error names a value: short, never its content's content, since a pickle may hold itself. */
export function describe(value: Value): string {
  if (value === null) return "None";
  if (typeof value === "string") return value.length > 40 ? `"${value.slice(0, 37)}…"` : `"${value}"`;
  if (typeof value !== "object") return String(value);
  if (value instanceof Map) return `a dict of ${value.size}`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  switch (value.kind) {
    case "global":
      return value.name;
    case "tensor":
      return `a tensor [${value.shape}]`;
    default:
      return "items" in value ? `a ${value.kind} of ${value.items.length}` : `a ${value.kind}`;
  }
}
