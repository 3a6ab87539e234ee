/**
 * The phone page as files: what `serve` answers with and `build` writes. Every address in them is relative, so they work
 * below any path.
 */
import * as esbuild from "esbuild";
import { UserError } from "../../errors.ts";
import { shaders } from "./shaders.ts";
import { textImports } from "./text_imports.ts";

/** Path below the page's own address -> content. */
export type PageFiles = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** The worker without WebGPU: its library reads its functions' text and makes new ones, so it needs a policy of its own. */
export const FALLBACK = "app/fallback.js";

const root = new URL("../../../", import.meta.url);
const web = new URL("src/web/", root);

/**
 * Bundles the page of this Secateur.
 * @param tool "secateur 0.1.0"
 * @throws UserError where its packages aren't installed
 */
export async function bundlePage(tool: string): Promise<PageFiles> {
  const shared: esbuild.BuildOptions = {
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    charset: "utf8",
    plugins: [shaders, textImports],
    jsx: "automatic",
    jsxImportSource: "preact",
    define: { SECATEUR_TOOL: JSON.stringify(tool) },
    legalComments: "none",
    logLevel: "silent",
    outdir: "/",
  };
  const path = (name: string) => new URL(name, web).pathname;
  try {
    const [page, fallback] = await Promise.all([
      esbuild.build({
        ...shared,
        entryPoints: [
          { in: path("main.tsx"), out: "app/main" },
          { in: path("engine/worker.ts"), out: "app/engine" },
        ],
        splitting: true,
        minify: true,
        chunkNames: "app/chunk-[hash]",
      }),
      // gpu.js compiles the text of functions: names and syntax must stay as they are.
      esbuild.build({ ...shared, entryPoints: [{ in: path("fallback/worker.ts"), out: "app/fallback" }] }),
    ]);
    const files = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const { path, contents } of [...page.outputFiles!, ...fallback.outputFiles!]) {
      files.set(path.replace(/^\//, ""), new Uint8Array(contents));
    }
    const put = async (name: string, file: URL) => files.set(name, await Deno.readFile(file));
    await put("index.html", new URL("index.html", web));
    await put("app/style.css", new URL("style.css", web));
    await put("data/digits.csv.gz", new URL("src/data/digits/digits.csv.gz", root));
    for await (const { name, isFile } of Deno.readDir(new URL("models/", web))) {
      if (isFile) await put(`models/${name}`, new URL(`models/${name}`, web));
    }
    return files;
  } catch (error) {
    throw bundleProblem(error);
  } finally {
    await esbuild.stop();
  }
}

/** The page has packages of its own, which only the tasks that need it install; a name without a dot or slash is one. */
export function bundleProblem(error: unknown): UserError {
  const problem = firstLine(error);
  const missing = problem.match(/^Could not resolve "([^"./][^"]*)"/)?.[1];
  return new UserError(
    missing === undefined
      ? `the page can't be bundled: ${problem}`
      : `the page's packages aren't installed (${missing}): run \`deno task serve\` or \`deno task build\`, which install ` +
        "them first, in Secateur's folder",
  );
}

function firstLine(error: unknown): string {
  const failures = (error as Partial<esbuild.BuildFailure>).errors;
  if (failures?.length) return failures[0].text;
  return (error instanceof Error ? error.message : String(error)).split("\n")[0];
}

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  json: "application/json",
  svg: "image/svg+xml",
};

/** By the path's ending. */
export function contentType(path: string): string {
  return TYPES[path.slice(path.lastIndexOf(".") + 1)] ?? "application/octet-stream";
}
