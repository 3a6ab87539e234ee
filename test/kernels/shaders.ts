import type { Program } from "../../src/gpu/types.ts";
import { shaderText } from "../../src/gpu/shader.ts";
import type { Shader } from "./compile.ts";

/** What the compilers see of each program; its name carries the constants that make the variant. */
export function shaders(programs: readonly Program[]): Shader[] {
  return programs.map((program) => ({
    name: label(program),
    code: shaderText(program),
    access: program.access.map((access) => access === "read" ? "r" : "w").join(""),
  }));
}

function label({ name, constants }: Program): string {
  const values = Object.entries(constants ?? {}).map(([key, value]) => `${key}=${value}`);
  return values.length === 0 ? name : `${name} ${values.join(" ")}`;
}
