import type { Program } from "../../src/gpu/types.ts";
import { constantText } from "../../src/gpu/shader.ts";
import { inStorage } from "../../src/gpu/workgroup_storage.ts";
import { canBeHalf, withHalves } from "../../src/gpu/half_storage.ts";
import type { Shader } from "./compile.ts";

/**
 * What a compiler sees of each program; its name carries the constants that make the variant. Each text is checked; a
 * pipeline, which a software adapter translates to machine code for seconds, is made of the first program of each source.
 */
export function shaders(programs: readonly Program[]): Shader[] {
  const seen = new Set<string>();
  return programs.map((program) => {
    const first = !seen.has(program.source);
    seen.add(program.source);
    return {
      name: label(program),
      code: constantText(program),
      features: program.features ?? [],
      ...(first ? { access: program.access } : {}),
    };
  });
}

/** The programs that use workgroup memory, as they are on devices that keep it in a storage buffer. */
export function storedShaders(programs: readonly Program[]): Shader[] {
  return shaders(programs).flatMap((shader, i) => {
    const { access, name } = programs[i];
    const stored = inStorage(shader.code, access.length + 1, name);
    if (!stored) return [];
    return [{ ...shader, code: stored.code, ...shader.access && { access: [...access, "read_write" as const] } }];
  });
}

/** The programs with f16 in every buffer that can hold it, and in none but the first such one. */
export function halfPrograms(programs: readonly Program[]): Program[] {
  return programs.flatMap((program) => {
    const able = program.access.flatMap((_, place) => canBeHalf(program, place) ? [place] : []);
    return able.length === 0
      ? []
      : [withHalves(program, able), ...able.length > 1 ? [withHalves(program, [able[0]])] : []];
  });
}

/** The same to be checked as text only, without the costly pipeline. */
export function texts(programs: readonly Program[]): Shader[] {
  return shaders(programs).map(({ name, code, features }) => ({ name, code, features }));
}

/** Programs of one source that name the same constants, and the values that each constant has among them. */
interface Family {
  readonly first: Program;
  readonly values: ReadonlyMap<string, ReadonlySet<number>>;
  /** How many combinations of the values there are. */
  readonly size: number;
}

function families(programs: readonly Program[]): Map<string, Family> {
  const found = new Map<string, Family>();
  for (const [key, family] of Map.groupBy(programs, familyKey)) {
    const names = Object.keys(family[0].constants ?? {});
    const values = new Map(names.map((name) => [name, new Set(family.map(({ constants }) => constants![name]))]));
    const size = [...values.values()].reduce((product, { size }) => product * size, 1);
    found.set(key, { first: family[0], values, size });
  }
  return found;
}

/** Programs of one source that name different constants are families of their own. */
function familyKey({ source, features, constants = {} }: Program): string {
  return JSON.stringify([numberOf(source), features ?? [], Object.keys(constants).sort()]);
}

/**
 * The planners list every constant with each of its values, but not all values of one with all of another. This tells
 * whether a program is one of all combinations, of which what a planner emits is always one.
 */
export function amongCombinations(programs: readonly Program[]): (program: Program) => boolean {
  const known = families(programs);
  return (program) => {
    const family = known.get(familyKey(program));
    return family !== undefined &&
      Object.entries(program.constants ?? {}).every(([name, value]) => family.values.get(name)!.has(value));
  };
}

/**
 * At most `most` combinations of the constants of each shader: all of them would take a compiler minutes. They are spread
 * by the golden ratio, so that every two values of two constants soon meet; the same ones each time.
 */
export function combinations(programs: readonly Program[], most: number): Program[] {
  const bySource = Map.groupBy(families(programs).values(), ({ first }) => first.source);
  return [...bySource.values()].flatMap((family) => {
    const size = family.reduce((sum, { size }) => sum + size, 0);
    const places = size <= most
      ? Array.from({ length: size }, (_, i) => i)
      : Array.from({ length: most }, (_, i) => Math.floor(i * (Math.sqrt(5) - 1) / 2 % 1 * size));
    return [...new Set(places)].map((place) => combination(family, place));
  });
}

/** The one at `place` among those of all families, of which the last constant's values change first. */
function combination(all: readonly Family[], place: number): Program {
  let [{ first, values, size }, ...others] = all;
  while (place >= size) {
    place -= size;
    [{ first, values, size }, ...others] = others;
  }
  const constants = { ...first.constants };
  for (const [name, set] of [...values].reverse()) {
    constants[name] = [...set][place % set.size];
    place = Math.floor(place / set.size);
  }
  return { ...first, constants };
}

/** Equal for programs that are the same shader. */
export function programKey({ source, constants, features = [] }: Program): string {
  return JSON.stringify([
    numberOf(source),
    features,
    Object.entries(constants ?? {}).sort(([a], [b]) => a < b ? -1 : 1),
  ]);
}

const numbers = new Map<string, number>();
/** Of a source, in the order in which they were asked for: keys of tens of thousands of programs would be long with the text. */
function numberOf(source: string): number {
  const number = numbers.get(source) ?? numbers.size;
  numbers.set(source, number);
  return number;
}

function label({ name, constants }: Program): string {
  const values = Object.entries(constants ?? {}).map(([key, value]) => `${key}=${value}`);
  return values.length === 0 ? name : `${name} ${values.join(" ")}`;
}
