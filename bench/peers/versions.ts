import config from "./deno.json" with { type: "json" };

/** The version in our import map, which pins it exactly. */
export function pinned(name: keyof typeof config.imports): string {
  return config.imports[name].split("@").at(-1)!;
}
