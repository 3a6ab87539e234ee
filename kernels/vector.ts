import type { Access, Program } from "../src/gpu/types.ts";

/**
 * These are the two forms of a shader whose element type is `alias V`: four neighbours per item, or one where counts
 * don't divide by 4.
 */
export interface VectorPrograms {
  readonly four: Program;
  readonly one: Program;
}

/**
 * Makes both forms of `source`. The text stands alone as the vec4 form; the scalar form rewrites its line
 * `alias V = vec4<f32>;` and, where there are some, the helpers `total` and `largest` that join the parts of a V.
 */
export function vectorPrograms(
  name: string,
  source: string,
  access: readonly Access[],
  constants?: Readonly<Record<string, number>>,
): VectorPrograms {
  return {
    four: { name, source, constants, access },
    one: { name: `${name} scalar`, source: scalarText(source), constants, access },
  };
}

/**
 * Chooses the form for `counts` that must all divide by 4 to be read as vec4, and says how many elements an item of it
 * has.
 */
export function chooseWidth(
  programs: VectorPrograms,
  ...counts: readonly number[]
): { program: Program; width: 4 | 1 } {
  return counts.every((n) => n % 4 === 0) ? { program: programs.four, width: 4 } : { program: programs.one, width: 1 };
}

export function bothWidths(programs: VectorPrograms): Program[] {
  return [programs.four, programs.one];
}

const VECTOR_ALIAS = "alias V = vec4<f32>;";
const VECTOR_TOTAL = "fn total(v: V) -> f32 { return (v.x + v.y) + (v.z + v.w); }";
const VECTOR_LARGEST = "fn largest(v: V) -> f32 { return max(max(v.x, v.y), max(v.z, v.w)); }";
const scalarTexts = new Map<string, string>();

function scalarText(source: string): string {
  let text = scalarTexts.get(source);
  if (text === undefined) {
    text = source.replace(VECTOR_ALIAS, "alias V = f32;").replace(VECTOR_TOTAL, "fn total(v: V) -> f32 { return v; }")
      .replace(VECTOR_LARGEST, "fn largest(v: V) -> f32 { return v; }");
    if (text === source) throw new Error(`a shader of two widths has no line "${VECTOR_ALIAS}"`);
    scalarTexts.set(source, text);
  }
  return text;
}
