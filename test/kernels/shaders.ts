import type { Program } from "../../src/gpu/types.ts";
import { constantText } from "../../src/gpu/shader.ts";
import type { Shader } from "./compile.ts";

/** What a compiler sees of each program; its name carries the constants that make the variant. */
export function shaders(programs: readonly Program[]): Shader[] {
  return programs.map((program) => ({
    name: label(program),
    code: constantText(program),
    features: program.features ?? [],
    access: program.access,
  }));
}

/** The same to be checked as text only, without the costly pipeline. */
export function texts(programs: readonly Program[]): Shader[] {
  return shaders(programs).map(({ name, code, features }) => ({ name, code, features }));
}

/**
 * The planners list every constant with each of its values, but not all values of one with all of another: these are
 * all combinations, of which what a planner emits is always one.
 */
export function combinations(programs: readonly Program[]): Program[] {
  const families = new Map<string, Program[]>();
  for (const program of programs) {
    // Programs of one source that name different constants are families of their own.
    const key = JSON.stringify([program.source, program.features, Object.keys(program.constants ?? {}).sort()]);
    families.set(key, [...families.get(key) ?? [], program]);
  }
  return [...families.values()].flatMap((family) => {
    let all: Record<string, number>[] = [{}];
    for (const name of Object.keys(family[0].constants ?? {})) {
      const values = [...new Set(family.map(({ constants }) => constants![name]))];
      all = all.flatMap((constants) => values.map((value) => ({ ...constants, [name]: value })));
    }
    return all.map((constants) => ({ ...family[0], constants }));
  });
}

/** Equal for programs that are the same shader. */
export function programKey({ source, constants, features = [] }: Program): string {
  return JSON.stringify([source, features, Object.entries(constants ?? {}).sort(([a], [b]) => a < b ? -1 : 1)]);
}

function label({ name, constants }: Program): string {
  const values = Object.entries(constants ?? {}).map(([key, value]) => `${key}=${value}`);
  return values.length === 0 ? name : `${name} ${values.join(" ")}`;
}
