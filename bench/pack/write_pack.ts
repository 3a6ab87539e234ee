/**
 * `deno task bench --pack DIR [--with-deno]`: makes a folder that runs the tests of kernels and the suites of our own on
 * another machine, with no network and no registry there. It is written beside DIR and moved there when it is whole.
 */
import * as esbuild from "esbuild";
import config from "../../deno.json" with { type: "json" };
import { commit } from "../../src/cli/identity.ts";
import { shaders } from "../../src/cli/page/shaders.ts";
import { textImports } from "../../src/cli/page/text_imports.ts";
import { sha256 } from "../../src/formats/sha256.ts";
import readme from "./README.txt" with { type: "text" };
import script from "./run.sh" with { type: "text" };
import { testsModule } from "./tests.ts";

/** What a pack may weigh. */
const MOST_BYTES = 50e6;
const root = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");

export interface PackOptions {
  /** The program of Deno that runs this goes along. */
  readonly deno: "along" | "there";
}

/**
 * Writes the pack and gives its bytes.
 * @throws Error with one line that says what is wrong; then nothing is left of it
 */
export async function writePack(directory: string, { deno }: PackOptions): Promise<number> {
  await refuseTaken(directory);
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const put = (name: string, text: string) => files.set(name, new TextEncoder().encode(text));
  files.set("bench.js", await bundlePack(`secateur ${config.version}`, await commit()));
  put("run.sh", script.replaceAll("@MACHINE@", machine()).replaceAll("@DENO@", Deno.version.deno));
  put("README.txt", readme);
  if (deno === "along") files.set("deno.gz", await gzipped(Deno.execPath()));
  const sums = await Promise.all(
    Array.from(files, async ([name, content]) => `${await sha256(content)}  ${name}`),
  );
  put("SHA256SUMS", `${sums.join("\n")}\n# end\n`);
  const bytes = [...files.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  if (bytes > MOST_BYTES) {
    throw new Error(`the pack would have ${megabytes(bytes)}; at most ${megabytes(MOST_BYTES)} are wanted`);
  }
  await writeWhole(directory, files);
  return bytes;
}

async function refuseTaken(directory: string): Promise<void> {
  try {
    for await (const _ of Deno.readDir(directory)) throw new Error(`${directory} isn't empty: name a new folder`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    if (error instanceof Deno.errors.NotADirectory) throw new Error(`${directory} is a file: name a new folder`);
    throw error;
  }
}

/** All files or none: they are written beside the folder, which then gets its name. */
export async function writeWhole(
  directory: string,
  files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
): Promise<void> {
  const part = `${directory.replace(/\/+$/, "")}.part`;
  try {
    await Deno.mkdir(part, { recursive: true });
    for (const [name, content] of files) await Deno.writeFile(`${part}/${name}`, content);
    await Deno.rename(part, directory);
  } catch (error) {
    await Deno.remove(part, { recursive: true }).catch(() => {});
    throw new Error(`${directory} can't be written: ${reason(error)}; nothing of it is left`);
  }
}

function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (/os error 28|No space left/i.test(message)) return "the disk is full (a pack takes up to 50 MB)";
  return message.replace(/ \(os error \d+\).*$/, "");
}

/** As `uname -sm` says it. */
function machine(): string {
  const { os, arch } = Deno.build;
  if (os === "darwin") return `Darwin ${arch === "aarch64" ? "arm64" : arch}`;
  return `${os[0].toUpperCase()}${os.slice(1)} ${arch}`;
}

async function gzipped(path: string): Promise<Uint8Array<ArrayBuffer>> {
  using file = await Deno.open(path);
  const stream = file.readable.pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** One module with everything in it: our code, its packages, the shaders and the tests. */
async function bundlePack(tool: string, commit: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const { outputFiles } = await esbuild.build({
      entryPoints: [`${root}/bench/pack/entry.ts`],
      bundle: true,
      write: false,
      format: "esm",
      platform: "node",
      target: "esnext",
      charset: "utf8",
      // Names of functions are what failures are read by.
      minifyWhitespace: true,
      legalComments: "none",
      plugins: [packedTests, shaders, textImports],
      define: { SECATEUR_PACK: JSON.stringify({ tool, commit }) },
      logLevel: "silent",
    });
    return new Uint8Array(outputFiles[0].contents);
  } catch (error) {
    const failures = (error as Partial<esbuild.BuildFailure>).errors;
    throw new Error(`the pack can't be bundled: ${failures?.[0]?.text ?? (error as Error).message.split("\n")[0]}`);
  } finally {
    await esbuild.stop();
  }
}

const packedTests: esbuild.Plugin = {
  name: "packed tests",
  setup(build) {
    build.onResolve({ filter: /^virtual:tests$/ }, ({ path }) => ({ path, namespace: "packed-tests" }));
    build.onLoad({ filter: /.*/, namespace: "packed-tests" }, () => ({
      contents: testsModule(root),
      resolveDir: root,
    }));
  },
};

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
