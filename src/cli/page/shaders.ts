/** Shaders without what only people read: comments and indentation are a quarter of a page's code. */
import type * as esbuild from "esbuild";

export const shaders: esbuild.Plugin = {
  name: "shaders",
  setup(build) {
    build.onLoad(
      { filter: /\.wgsl$/ },
      async ({ path }) => ({ contents: bareShader(await Deno.readTextFile(path)), loader: "text" }),
    );
  },
};

/** WGSL has no texts in quotes, so whatever follows two slashes is a comment. Lines stay lines. */
export function bareShader(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/\/\/.*$/gm, "").replaceAll(/^\s+|[^\S\n]+$/gm, "");
}
