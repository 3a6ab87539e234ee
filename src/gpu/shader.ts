import type { Program } from "./types.ts";
import { GpuError } from "./errors.ts";
import type { EnableLines } from "./features.ts";

/**
 * Gives the program's WGSL for a device: `enable` lines of its features, and the source with the named `const` lines
 * rewritten, or `body` in its place.
 */
export function shaderText(program: Program, enable: EnableLines, body: string = constantText(program)): string {
  return enableText(program, enable) + body;
}

/** @throws GpuError for a feature that the device lacks */
function enableText({ name, features = [] }: Program, enable: EnableLines): string {
  return features.map((feature) => {
    const line = enable[feature];
    if (line === undefined) {
      throw new GpuError(`kernel "${name}" uses ${feature}, which this device lacks: plan with the features it has`);
    }
    return line;
  }).join("");
}

/** Gives the source with the named `const` lines rewritten. @throws GpuError for a name that has no such line */
export function constantText(program: Program): string {
  let text = program.source;
  for (const [name, value] of Object.entries(program.constants ?? {})) {
    const line = new RegExp(`^([ \\t]*const ${name}: *(u32|i32|f32|bool) *= *)[^;]*;`, "m");
    const found = line.exec(text);
    if (!found) throw new GpuError(`kernel "${program.name}": no line \`const ${name}: type = …;\` to set to ${value}`);
    text = text.replace(line, `${found[1]}${literal(value, found[2])};`);
  }
  return text;
}

/** Two programs with the same key are the same pipeline. */
export function programKey(program: Program, sourceId: number): string {
  const constants = Object.entries(program.constants ?? {}).sort(([a], [b]) => a < b ? -1 : 1);
  return `${sourceId};${program.features?.join() ?? ""};${constants.map(([k, v]) => `${k}=${v}`).join(",")}`;
}

function literal(value: number, type: string): string {
  switch (type) {
    case "u32":
      return `${value}u`;
    case "i32":
      return `${value}i`;
    case "bool":
      return value ? "true" : "false";
    default:
      return Number.isInteger(value) ? `${value}.0` : `${value}`;
  }
}
