/**
 * Rewrites a shader so that its workgroup memory lies in a storage buffer, where each workgroup of a dispatch has a part
 * of its own: the same numbers in the same order, on devices whose drivers miscompile workgroup memory. It knows WGSL as
 * our shaders write it: `var<workgroup> name: type;` at the top, sizes from `const` lines, one entry point `main`.
 */
import { GpuError } from "./errors.ts";

/** A shader without workgroup memory. */
export interface StoredShader {
  /** Its text; the buffer is the last binding of group 0. */
  readonly code: string;
  /** A workgroup has so many bytes of the buffer. */
  readonly bytes: number;
}

/** True for a shader's text that declares workgroup memory. */
export function usesWorkgroupMemory(code: string): boolean {
  return /^\s*var<workgroup>/m.test(code);
}

/**
 * Gives the text with the memory in the buffer of `binding`; undefined where it has none.
 * @throws GpuError for what it can't read, with the kernel's `name`
 */
export function inStorage(code: string, binding: number, name: string): StoredShader | undefined {
  if (!usesWorkgroupMemory(code)) return undefined;
  const fail = (what: string): never => {
    throw new GpuError(`kernel "${name}": its workgroup memory can't be kept in a buffer: ${what}`);
  };
  const plain = code.replace(/\/\/.*$/gm, "").replace(/\/\*[\s\S]*?\*\//g, "");
  const sizes = new Sizes(plain, fail);
  const variables = Array.from(plain.matchAll(DECLARATION), ([, variable, type]) => ({ variable, type: type.trim() }));
  // Fields of structs may have the same names.
  const text = plain.replace(DECLARATION, "").split(STRUCT).map((part, i) => {
    if (i % 2 === 1) return part;
    for (const { variable } of variables) {
      const hidden = new RegExp(`\\b(let|var|const|fn|alias)\\s+${variable}\\b|(?<![.\\w])${variable}\\s*:`);
      if (hidden.test(part)) fail(`another thing is called ${variable}, too`);
      part = part.replace(
        new RegExp(`(?<![.\\w])${variable}\\b`, "g"),
        `workgroup_memory[workgroup_place].${variable}`,
      );
    }
    return part.replace(/\bworkgroupBarrier\(\)/g, "storageBarrier()");
  }).join("");

  const entry = ENTRY.exec(text) ?? fail("it has no entry point main whose workgroups have a size");
  const [whole, head, threads, given] = entry;
  const { parameters, names } = withBuiltins(given);
  const lanes = threads.split(",").reduce((product, part) => product * sizes.value(part), 1);
  const zeros = variables.map(({ variable, type }) => zeroing(variable, type, names.local, lanes));
  const start = `${head}(${parameters}) {
  workgroup_place = ${names.group}.x + ${names.groups}.x * (${names.group}.y + ${names.groups}.y * ${names.group}.z);
${zeros.join("\n")}
  storageBarrier();
`;
  const fields = variables.map(({ variable, type }) => `  ${variable}: ${type},`).join("\n");
  const memory = `struct WorkgroupMemory {
${fields}
}
@group(0) @binding(${binding}) var<storage, read_write> workgroup_memory: array<WorkgroupMemory>;
var<private> workgroup_place: u32;
`;
  const at = entry.index;
  return {
    code: text.slice(0, at) + memory + start + text.slice(at + whole.length),
    bytes: sizes.struct(variables.map(({ type }) => type)),
  };
}

const DECLARATION = /^[ \t]*var<workgroup>\s+(\w+)\s*:\s*([^;]+);/gm;
const STRUCT = /(\bstruct\s+\w+\s*\{[^}]*\})/;
/** The attributes and name of the entry point, the threads of a workgroup, and its parameters. */
const ENTRY = /(@compute\s*@\w+\(([^)]*)\)\s*fn\s+main)\(((?:[^()]|\([^()]*\))*)\)\s*\{/;

const BUILTINS = {
  group: ["workgroup_id", "vec3<u32>"],
  groups: ["num_workgroups", "vec3<u32>"],
  local: ["local_invocation_index", "u32"],
} as const;

/** Adds the parameters of the entry point that are missing, and tells what each is called. */
function withBuiltins(given: string): { parameters: string; names: Record<keyof typeof BUILTINS, string> } {
  const all = given.trim() === "" ? [] : [given.trim().replace(/,$/, "")];
  const names = { group: "", groups: "", local: "" };
  for (const key of Object.keys(BUILTINS) as (keyof typeof BUILTINS)[]) {
    const [builtin, type] = BUILTINS[key];
    const there = new RegExp(`@builtin\\(${builtin}\\)\\s*(\\w+)\\s*:`).exec(given);
    names[key] = there?.[1] ?? `workgroup_${key}`;
    if (!there) all.push(`@builtin(${builtin}) ${names[key]}: ${type}`);
  }
  return { parameters: all.join(", "), names };
}

/** Workgroup memory begins as zeros, which its threads write together. */
function zeroing(variable: string, type: string, local: string, lanes: number): string {
  const place = `workgroup_memory[workgroup_place].${variable}`;
  const { item, count } = arrayOf(type) ?? {};
  if (item === undefined) return `  if (${local} == 0u) { ${zero(place, type)} }`;
  return `  for (var i = ${local}; i < u32(${count}); i += ${lanes}u) { ${zero(`${place}[i]`, item)} }`;
}

function zero(place: string, type: string): string {
  const atomic = /^atomic<\s*(\w+)\s*>$/.exec(type);
  return atomic ? `atomicStore(&${place}, ${atomic[1]}(0));` : `${place} = ${type}();`;
}

function arrayOf(type: string): { item: string; count: string } | undefined {
  const inner = /^array<([\s\S]*)>$/.exec(type)?.[1];
  if (inner === undefined) return undefined;
  // The first comma that stands in no brackets.
  let comma = 0;
  for (let depth = 0; comma < inner.length && (depth > 0 || inner[comma] !== ","); comma++) {
    depth += DEPTH[inner[comma]] ?? 0;
  }
  return { item: inner.slice(0, comma).trim(), count: inner.slice(comma + 1).trim() };
}

const DEPTH: Readonly<Record<string, number>> = { "<": 1, "(": 1, ">": -1, ")": -1 };

/** The bytes of types, by the layout rules of WGSL, with the text's own constants and aliases. */
class Sizes {
  readonly #constants: ReadonlyMap<string, string>;
  readonly #aliases: ReadonlyMap<string, string>;
  readonly #fail: (what: string) => never;

  constructor(text: string, fail: (what: string) => never) {
    this.#constants = new Map(Array.from(text.matchAll(/^\s*const\s+(\w+)[^=;]*=([^;]+);/gm), ([, n, v]) => [n, v]));
    this.#aliases = new Map(Array.from(text.matchAll(/^\s*alias\s+(\w+)\s*=([^;]+);/gm), ([, n, v]) => [n, v.trim()]));
    this.#fail = fail;
  }

  /** The bytes of one of an array of structs of these fields. */
  struct(types: readonly string[]): number {
    let end = 0, align = 1;
    for (const field of types.map((type) => this.#layout(type))) {
      end = roundUp(end, field.align) + field.size;
      align = Math.max(align, field.align);
    }
    return roundUp(end, align);
  }

  /** A whole number from numbers, constants, + - * / % and brackets. */
  value(expression: string): number {
    const tokens = expression.replace(/\b(\d+)[ui]\b/g, "$1").match(/\d+|[A-Za-z_]\w*|[-+*/%()]/g) ?? [];
    let at = 0;
    const factor = (): number => {
      const token = tokens[at++] ?? this.#fail(`the size ${expression.trim()}`);
      if (token === "(") {
        const inside = sum();
        at++;
        return inside;
      }
      if (/^\d/.test(token)) return Number(token);
      const constant = this.#constants.get(token);
      return constant === undefined ? this.#fail(`the size ${expression.trim()}`) : this.value(constant);
    };
    const product = (): number => {
      let value = factor();
      while (/^[*/%]$/.test(tokens[at] ?? "")) {
        const sign = tokens[at++], next = factor();
        value = sign === "*" ? value * next : sign === "/" ? Math.floor(value / next) : value % next;
      }
      return value;
    };
    const sum = (): number => {
      let value = product();
      while (/^[-+]$/.test(tokens[at] ?? "")) value += (tokens[at++] === "+" ? 1 : -1) * product();
      return value;
    };
    return sum();
  }

  #layout(type: string): { align: number; size: number } {
    const alias = this.#aliases.get(type);
    if (alias !== undefined) return this.#layout(alias);
    const array = arrayOf(type);
    if (array) {
      const { align, size } = this.#layout(array.item);
      return { align, size: roundUp(size, align) * this.value(array.count) };
    }
    const vector = /^vec([234])<\s*(\w+)\s*>$/.exec(type);
    const scalar = SCALAR_BYTES[vector?.[2] ?? /^atomic<\s*(\w+)\s*>$/.exec(type)?.[1] ?? type];
    if (scalar === undefined) return this.#fail(`a variable of type ${type}`);
    const lanes = Number(vector?.[1] ?? 1);
    return { align: scalar * (lanes === 3 ? 4 : lanes), size: scalar * lanes };
  }
}

const SCALAR_BYTES: Readonly<Record<string, number>> = { f32: 4, u32: 4, i32: 4, f16: 2 };

function roundUp(bytes: number, align: number): number {
  return Math.ceil(bytes / align) * align;
}
