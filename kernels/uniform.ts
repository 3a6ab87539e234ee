/** A uniform binding has so many vec4: 64 KiB, which every device has. */
export const UNIFORM_ITEMS = 4096;
export const UNIFORM_BYTES = 16 * UNIFORM_ITEMS;

const texts = new Map<string, string>();

/**
 * Gives `source` with its read-only arrays of vec4 as uniform bindings of 64 KiB, by their lines
 * `var<storage, read> name: array<vec4<f32>>;`. Software adapters read those several times faster; whoever binds them
 * takes care that 64 KiB are there.
 */
export function uniformText(source: string): string {
  let text = texts.get(source);
  if (text === undefined) {
    text = source.replace(
      /var<storage, read> (\w+): array<vec4<f32>>;/g,
      `var<uniform> $1: array<vec4<f32>, ${UNIFORM_ITEMS}>;`,
    );
    if (text === source) throw new Error("a shader for uniform bindings reads no array<vec4<f32>>");
    texts.set(source, text);
  }
  return text;
}
