/**
 * Rewrites a shader so that some of its buffers hold f16: what it reads is widened to f32 before anything is computed, and
 * what it stores is rounded, so that sums are those of f32. It knows WGSL as our shaders write it: buffers are arrays of
 * f32 or of its vectors, `name[index]`, and stores are statements.
 */
import { GpuError } from "./errors.ts";
import type { Slice } from "./buffers.ts";
import type { Plan, Program } from "./types.ts";

/** These bindings of a program, counted from 0 for binding 1, hold f16. */
export type Halves = readonly number[];

const known = new WeakMap<Program, Map<string, Program>>();

/**
 * Gives the program for buffers of which some hold f16; the same object for the same ones.
 * @throws GpuError for a buffer that can't hold them, by the kernel's name
 */
export function withHalves(program: Program, halves: Halves): Program {
  if (halves.length === 0) return program;
  let variants = known.get(program);
  if (!variants) known.set(program, variants = new Map());
  const key = halves.join();
  let variant = variants.get(key);
  if (!variant) {
    const { name, features = [] } = program;
    const source = halves.reduce((text, place) => inHalves(text, place, name), uncommented(program.source));
    variants.set(
      key,
      variant = { ...program, name: `${name} f16`, source, features: [...new Set([...features, "f16" as const])] },
    );
  }
  return variant;
}

/** Gives the plan with the program for those of its bindings that hold f16. */
export function planForBindings(plan: Plan, bindings: readonly Slice[]): Plan {
  const halves = bindings.flatMap(({ dtype }, place) => dtype === "f16" ? [place] : []);
  return halves.length === 0 ? plan : { ...plan, program: withHalves(plan.program, halves) };
}

/** True where this binding of the program may hold f16: storage of f32 or of its vectors. */
export function canBeHalf({ source }: Program, place: number): boolean {
  const key = `${place} ${source}`;
  let can = able.get(key);
  if (can === undefined) able.set(key, can = bindingOf(uncommented(source), place) !== undefined);
  return can;
}

const able = new Map<string, boolean>();

interface Binding {
  readonly declaration: string;
  readonly name: string;
  /** As the shader computes with it, and as it is stored: "vec4<f32>" and "vec4<f16>". */
  readonly wide: string;
  readonly half: string;
}

function bindingOf(text: string, place: number): Binding | undefined {
  const found = new RegExp(`@binding\\(${place + 1}\\)\\s*var<storage,[^>]*>\\s*(\\w+)\\s*:\\s*array<(.+)>\\s*;`).exec(
    text,
  );
  if (!found) return undefined;
  const [declaration, name, type] = found;
  const wide = new RegExp(`\\balias\\s+${type}\\s*=\\s*([^;]+);`).exec(text)?.[1].trim() ?? type;
  if (!/^(vec[234]<f32>|f32)$/.test(wide)) return undefined;
  return { declaration, name, wide, half: wide.replace("f32", "f16") };
}

function inHalves(text: string, place: number, kernel: string): string {
  const binding = bindingOf(text, place);
  if (!binding) throw new GpuError(`kernel "${kernel}": binding ${place + 1} can't hold f16: it is no storage of f32`);
  const { declaration, name, wide, half } = binding;
  const start = text.indexOf(declaration);
  const end = start + declaration.length;
  const head = declaration.slice(0, declaration.indexOf("array<"));
  return rewritten(text.slice(0, start), binding) + `${head}array<${half}>;` +
    rewritten(text.slice(end), { name, wide, half });
}

/** Widens each `name[index]` that is read, and rounds what is stored in one. */
function rewritten(text: string, { name, wide, half }: Omit<Binding, "declaration">): string {
  const use = new RegExp(`(?<![.\\w])${name}\\[`, "g");
  let out = "", done = 0;
  for (let found = use.exec(text); found; found = use.exec(text)) {
    const open = found.index + found[0].length - 1;
    const close = closing(text, open);
    const index = rewritten(text.slice(open + 1, close), { name, wide, half });
    const element = `${name}[${index}]`;
    out += text.slice(done, found.index);
    const store = /^(\.[xyzw]|\[[^\]]*\])?\s*([-+*/]?)=(?!=)/.exec(text.slice(close + 1));
    if (!store) {
      out += `${wide}(${element})`;
      done = close + 1;
    } else {
      const [whole, part = "", operator] = store;
      const from = close + 1 + whole.length;
      const to = text.indexOf(";", from);
      const value = rewritten(text.slice(from, to), { name, wide, half }).trim();
      const [stored, computed] = part ? ["f16", "f32"] : [half, wide];
      const target = element + part;
      out += `${target} = ${stored}(${operator ? `${computed}(${target}) ${operator} (${value})` : value})`;
      done = to;
    }
    use.lastIndex = done;
  }
  return out + text.slice(done);
}

/** The place of the bracket that closes the one at `open`. */
function closing(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === "[") depth++;
    if (text[i] === "]" && --depth === 0) return i;
  }
  return text.length;
}

function uncommented(text: string): string {
  return text.replace(/\/\/.*$/gm, "").replace(/\/\*[\s\S]*?\*\//g, "");
}
