/** `import text from "./x" with { type: "text" }` for any file, as Deno has it, and shaders without the attribute. */
import type * as esbuild from "esbuild";

export const textImports: esbuild.Plugin = {
  name: "text imports",
  setup(build) {
    build.onLoad(
      { filter: /.*/ },
      async ({ path, with: attributes }) =>
        attributes.type === "text" ? { contents: await Deno.readTextFile(path), loader: "text" } : undefined,
    );
  },
};
