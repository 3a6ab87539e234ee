/**
 * The library as a package for npm: bundles of its entry points that share chunks, their declarations, package.json. What
 * Secateur needs of others is bundled: it is little, and a page then runs what was tested here, with nothing to resolve.
 */
import * as esbuild from "esbuild";
import { UserError } from "../../errors.ts";
import type { PageFiles } from "../page/bundle.ts";
import { shaders } from "../page/shaders.ts";
import { textImports } from "../page/text_imports.ts";
import { gzip } from "../server/files.ts";
import { withoutDeadLinks } from "./links.ts";
import { tar } from "./tar_file.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const root = new URL("../../../", import.meta.url);
const NAME = "secateur";
/** Taken along as they are, but for links to what is only in the repository. */
const TEXTS = ["README.md", "CHANGELOG.md", "LICENSE", "docs/library.md"];

interface Config {
  readonly version: string;
  readonly license: string;
  readonly exports: Readonly<Record<string, string>>;
}

/**
 * The package's files below `secateur/`, and the packed file, `secateur-<version>.tgz`.
 * @throws UserError where it can't be made: what the bundler or the compiler said
 */
export async function packLibrary(): Promise<PageFiles> {
  const config: Config = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
  const files = new Map<string, Bytes>();
  const put = (path: string, text: string) => files.set(path, new TextEncoder().encode(text));
  const [bundles, declarations] = await Promise.all([bundle(config), declare(Object.values(config.exports))]);
  put("package.json", JSON.stringify(describe(config), undefined, 2) + "\n");
  for (const path of TEXTS) {
    put(path, withoutDeadLinks(await Deno.readTextFile(new URL(path, root)), path, (other) => TEXTS.includes(other)));
  }
  for (const [path, text] of [...bundles, ...declarations]) put(path, text);
  const packed = await gzip(tar([...files].map(([path, bytes]) => ({ name: `package/${path}`, bytes }))));
  return new Map([
    ...[...files].map(([path, bytes]) => [`${NAME}/${path}`, bytes] as const),
    [`${NAME}-${config.version}.tgz`, packed],
  ]);
}

/** package.json. */
function describe({ version, license, exports }: Config): unknown {
  const entries = Object.entries(exports).map(([entry, file]) => [
    entry,
    { types: `./types/${file.slice(2).replace(/\.ts$/, ".d.ts")}`, default: `./${bundleName(entry)}.js` },
  ]);
  return {
    name: NAME,
    version,
    description: "Prunes neural networks on WebGPU and measures what the pruning bought",
    keywords: ["pruning", "webgpu", "onnx", "neural network", "compression"],
    license,
    type: "module",
    exports: { ...Object.fromEntries(entries), "./package.json": "./package.json" },
    // Before TypeScript 6 the compiler's own `dom` lacks WebGPU.
    peerDependencies: { "@webgpu/types": ">=0.1.60" },
    peerDependenciesMeta: { "@webgpu/types": { optional: true } },
  };
}

/** "./graph" -> "graph", "." -> "secateur" */
function bundleName(entry: string): string {
  return entry === "." ? NAME : entry.slice(2);
}

/** The entry points' bundles and the chunks that they share, and the licences of what was bundled with them. */
async function bundle({ exports }: Config): Promise<[string, string][]> {
  try {
    const { outputFiles, metafile } = await esbuild.build({
      entryPoints: Object.entries(exports).map(([entry, file]) => ({
        in: new URL(file, root).pathname,
        out: bundleName(entry),
      })),
      bundle: true,
      splitting: true,
      write: false,
      format: "esm",
      platform: "browser",
      target: "es2022",
      charset: "utf8",
      chunkNames: "chunks/[hash]",
      plugins: [shaders, textImports],
      metafile: true,
      absWorkingDir: root.pathname,
      logLevel: "silent",
      outdir: "/",
    });
    return [
      ...outputFiles.map(({ path, text }) => [path.replace(/^\//, ""), text] as [string, string]),
      ["THIRD_PARTY_LICENSES.txt", await licences(Object.keys(metafile.inputs))],
    ];
  } catch (error) {
    throw new UserError(`the library can't be bundled: ${(error as Error).message.split("\n").slice(0, 3).join(" ")}`);
  } finally {
    await esbuild.stop();
  }
}

/** The licences of the packages that the bundled files are from. */
async function licences(inputs: readonly string[]): Promise<string> {
  const folders = inputs.flatMap((path) =>
    /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\/(?!.*node_modules)/.exec(path)?.[1] ?? []
  );
  const texts = [...new Set(folders)].sort().map(async (folder) => {
    for await (const { name } of Deno.readDir(new URL(`${folder}/`, root))) {
      if (!/^licen[cs]e/i.test(name)) continue;
      const title = folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
      return `${title}\n\n${await Deno.readTextFile(new URL(`${folder}/${name}`, root))}`;
    }
    throw new Error(`${folder} has no licence file to take along`);
  });
  return (await Promise.all(texts)).join("\n\n");
}

/** The declarations that the entry points lead to, below types/. */
async function declare(entries: readonly string[]): Promise<[string, string][]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      "--frozen",
      "--no-check",
      "--config",
      new URL("src/cli/npm/compiler/deno.json", root).pathname,
      new URL("src/cli/npm/compiler/declarations.ts", root).pathname,
      ...entries.map((file) => file.slice(2)),
    ],
    cwd: root,
  }).output();
  if (!success) {
    throw new UserError(`the library's declarations can't be written: ${new TextDecoder().decode(stderr).trim()}`);
  }
  const texts: Record<string, string> = JSON.parse(new TextDecoder().decode(stdout));
  const isEntry = new Set(entries.map((file) => file.slice(2).replace(/\.ts$/, ".d.ts")));
  return Object.entries(texts).map(([path, text]) => [
    `types/${path}`,
    // For `[Symbol.dispose]`, whatever else a user's project has.
    isEntry.has(path) ? `/// <reference lib="esnext.disposable" />\n${text}` : text,
  ]);
}
