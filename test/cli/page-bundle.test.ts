/** The page's bundle: what is in it, what must not be, and how large it is. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { bundlePage, bundleProblem, contentType, FALLBACK, type PageFiles } from "../../src/cli/page/bundle.ts";
import { bareShader } from "../../src/cli/page/shaders.ts";
import { gzip } from "../../src/cli/server/files.ts";
import { variants } from "../../kernels/variants.ts";

const test = suite("page bundle");
const MOST = 300_000;
let files: PageFiles;
test.before(async () => {
  files = await bundlePage("secateur 0.0.0");
});

const text = (path: string) => new TextDecoder().decode(files.get(path));
const codes = () => [...files.keys()].filter((path) => path.endsWith(".js") && path !== FALLBACK);

/** Files that an entry loads at once, itself among them. */
function closure(entry: string, found = new Set<string>()): Set<string> {
  if (found.has(entry)) return found;
  found.add(entry);
  for (const [, name] of text(entry).matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g)) closure(`app/${name}`, found);
  return found;
}

test("page, workers, style, data and networks are there, addressed relatively", () => {
  for (
    const path of ["index.html", "app/main.js", "app/engine.js", FALLBACK, "app/style.css", "data/digits.csv.gz"]
  ) assert.ok(files.has(path), path);
  for (const name of ["digits.safetensors", "digits-dense.safetensors", "digits.json"]) {
    assert.ok(files.has(`models/${name}`), name);
  }
  const addresses = [...text("index.html").matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address);
  assert.ok(addresses.length >= 3);
  for (const address of addresses) assert.ok(address.startsWith("data:") || files.has(address), address);
  assert.not.match(text("index.html"), /<script(?![^>]*src=)|\sstyle=|\son\w+=/, "nothing inline");
});

test("where the page's packages aren't installed, the tasks that install them are named", () => {
  const said = (text: string) => bundleProblem({ errors: [{ text }] }).message;
  assert.is(
    said('Could not resolve "gpu.js"'),
    "the page's packages aren't installed (gpu.js): run `deno task serve` or `deno task build`, which install them " +
      "first, in Secateur's folder",
  );
  assert.match(said('Could not resolve "@preact/signals"'), /aren't installed \(@preact\/signals\)/);
  assert.is(said('Could not resolve "./lost.ts"'), `the page can't be bundled: Could not resolve "./lost.ts"`);
});

test(`what a visit loads is at most ${MOST / 1000} kB compressed, networks apart; what else there is comes when needed`, async () => {
  const loaded = new Set(["index.html", "app/style.css", ...closure("app/main.js"), ...closure("app/engine.js")]);
  let size = 0;
  for (const path of loaded) size += (await gzip(files.get(path)!)).length;
  assert.ok(size <= MOST, `${size} bytes`);
  assert.ok(size > 100_000, "most of the code is missing");
  const late = codes().filter((path) => !loaded.has(path));
  const hold = (paths: Iterable<string>, code: string) => [...paths].some((path) => text(path).includes(code));
  // Words of messages and of formats, which minifying leaves: the reader of ONNX files, latency tables, the report's page.
  for (
    const code of [
      "is no ONNX file, expected",
      "the latency table of",
      "fit no network of the zoo",
      "style-src 'unsafe-inline'",
    ]
  ) {
    assert.ok(!hold(loaded, code) && hold(late, code), `"${code}" is fetched too early, or not at all`);
  }
});

test("no code of Deno or Node, no text made into code but in the worker without WebGPU", () => {
  for (const path of codes()) {
    assert.not.match(text(path), /\bDeno\.[a-z]|["']node:/, path);
    // Messages quote PyTorch's model.eval().
    assert.not.match(text(path), /(?<!\b(?:model|net)\.)\beval\(|\bnew Function\b|[^.\w]Function\(["'`]/, path);
  }
  assert.match(text(FALLBACK), /new Function|Function\(/, "gpu.js does: else its policy could be stricter");
});

test("shaders lose what people read and nothing else", () => {
  assert.is(
    bareShader("// a\n/* b\n c */\nconst A: u32 = 4u; // d\n\n  fn f() {\n    return;\n  }\n"),
    "const A: u32 = 4u;\nfn f() {\nreturn;\n}\n",
  );
  for (const { source, constants = {} } of variants()) {
    const bare = bareShader(source);
    for (const name of Object.keys(constants)) assert.match(bare, new RegExp(`^const ${name}\\b`, "m"));
    assert.is(bare.match(/@compute/g)?.length, source.match(/^\s*@compute/gm)?.length);
  }
});

test("types by ending", () => {
  assert.is(contentType("a/b.js"), "text/javascript; charset=utf-8");
  assert.is(contentType("a/b.safetensors"), "application/octet-stream");
});

test.run();
