import type { Gpu, Slice } from "../gpu/gpu.ts";
import { elements, Tensor } from "./tensor.ts";

/** Parameters start on multiples of 256 bytes: the strictest offset alignment that a device may ask of a binding. */
const ALIGNED_ELEMENTS = 64;

/** This is a parameter of an arena. */
export interface ArenaSpec {
  /** It is unique in the arena. */
  readonly name: string;
  /** These are the sizes along the axes. */
  readonly shape: readonly number[];
}

/** Says where one parameter lies, in elements from the start of the arena. */
export interface ArenaSlot extends ArenaSpec {
  /** It begins here, at a multiple of 64 elements. */
  readonly offset: number;
  /** It has so many elements. */
  readonly size: number;
}

/**
 * These are the offsets shared by all arenas of one parameter set, as pure data. `elements` counts the gaps too, a
 * multiple of 64.
 */
export interface ArenaLayout {
  /** They are in the order in which they lie. */
  readonly slots: readonly ArenaSlot[];
  /** The whole arena has so many, gaps included. */
  readonly elements: number;
}

/** These are numbers on the host, row-major. */
export interface HostArray {
  /** These are the sizes along the axes. */
  readonly shape: readonly number[];
  /** They are row-major. */
  readonly data: Float32Array<ArrayBuffer>;
}

/**
 * This is one float buffer that holds every parameter of a net in one role (weights, gradients, a moment, masks, pull
 * targets…). Arenas of the same layout agree in all offsets, so the optimizer is one dispatch. It is itself a Slice:
 * the whole of it.
 */
export interface Arena extends Slice {
  /** It lies on this device. */
  readonly gpu: Gpu;
  /** Messages call it by this. */
  readonly label: string;
  /** This says where each parameter lies. */
  readonly layout: ArenaLayout;
  /** Gives the same Tensor each time; it belongs to the arena. Throws for a name that the layout lacks. */
  tensor(name: string): Tensor;
  /** Everything becomes `value`, 0 by default; gaps stay 0. */
  fill(value: number): void;
  /** Everything becomes 0. */
  zero(): void;
  /** Writes the named parameters; others keep what they hold. Throws on an unknown name or a wrong length. */
  upload(values: ReadonlyMap<string, HostArray>): void;
  /** Reads all parameters by name, in one wait. */
  download(): Promise<Map<string, HostArray>>;
  /** Gives its buffer back; its tensors must not be used any more. */
  dispose(): void;
  /** Does what `dispose` does. */
  [Symbol.dispose](): void;
}

/**
 * Lays parameters out one after another, each at a multiple of 256 bytes. Throws on a repeated name or an empty shape.
 */
export function arenaLayout(specs: readonly ArenaSpec[]): ArenaLayout {
  const slots: ArenaSlot[] = [];
  const names = new Set<string>();
  let offset = 0;
  for (const { name, shape } of specs) {
    const size = elements(shape);
    if (names.has(name)) throw new RangeError(`arena: parameter "${name}" appears twice`);
    if (!(size > 0)) throw new RangeError(`arena: parameter "${name}" has shape [${shape}], which holds nothing`);
    names.add(name);
    slots.push({ name, shape, offset, size });
    offset += Math.ceil(size / ALIGNED_ELEMENTS) * ALIGNED_ELEMENTS;
  }
  return { slots, elements: Math.max(offset, ALIGNED_ELEMENTS) };
}

/** Makes an arena of zeros. Give several roles the same layout. */
export function createArena(gpu: Gpu, specs: readonly ArenaSpec[] | ArenaLayout, label: string): Arena {
  const layout = "slots" in specs ? specs : arenaLayout(specs);
  const byteLength = layout.elements * 4;
  const buffer = gpu.alloc(byteLength, `arena ${label}`);
  const tensors = new Map(layout.slots.map((slot) => {
    return [slot.name, new Tensor(gpu, buffer.retain(), slot.offset * 4, slot.shape, "f32")];
  }));
  let live = true;

  const arena: Arena = {
    gpu,
    label,
    layout,
    buffer,
    byteOffset: 0,
    byteLength,
    tensor(name) {
      const tensor = tensors.get(name);
      if (!tensor) throw new RangeError(`arena "${label}" has no parameter "${name}"`);
      return tensor;
    },
    fill(value) {
      if (value === 0) return arena.zero();
      const host = new Float32Array(layout.elements);
      for (const { offset, size } of layout.slots) host.fill(value, offset, offset + size);
      gpu.write(arena, host);
    },
    zero() {
      gpu.clear(arena);
    },
    upload(values) {
      for (const [name, { data }] of values) {
        const tensor = arena.tensor(name);
        if (data.length !== tensor.size) {
          throw new RangeError(
            `arena "${label}": "${name}" has shape [${tensor.shape}] = ${tensor.size} elements, the data ${data.length}`,
          );
        }
        gpu.write(tensor, data);
      }
    },
    async download() {
      const [bytes] = await gpu.readMany([arena]);
      return new Map(layout.slots.map(({ name, shape, offset, size }) => {
        return [name, { shape, data: new Float32Array(bytes.slice(offset * 4, (offset + size) * 4)) }];
      }));
    },
    dispose() {
      if (!live) return;
      live = false;
      for (const tensor of tensors.values()) tensor.dispose();
      buffer.release();
    },
    [Symbol.dispose]() {
      arena.dispose();
    },
  };
  arena.zero();
  return arena;
}
