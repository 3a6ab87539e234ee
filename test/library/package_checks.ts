/**
 * The library as its users get it: the packed file, installed by npm in a project that has nothing else. test/browser/package.test.ts
 * runs this in its own process, so that the package is made and installed once.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { withoutDeadLinks } from "../../src/cli/npm/links.ts";
import { createProject, type Project, readmeExample } from "./project.ts";

const test = suite("the packed library");
/** Whoever imports this disposes of it. */
export const project: Project = await createProject();
test.before(() => void project.write("user.ts", USER));

const ENTRIES = [".", "./graph", "./prune", "./depth", "./train", "./measure", "./formats", "./web"];

/** Uses an entry point each, in types that a mistake would break. */
const USER = `
import { compilePlan, createModel, Gpu, initialise, type Model, Tensor } from "secateur";
import { type Graph, graphCost } from "secateur/graph";
import { compact, type CompactReport } from "secateur/prune";
import { type Dataset, evaluateModel } from "secateur/train";
import { measureInterleaved } from "secateur/measure";
import { loadOnnx, onnxBytes } from "secateur/formats";
import { createVisibility, fetchDigits } from "secateur/web";

export async function use(bytes: Uint8Array, data: Dataset): Promise<number> {
  using gpu: Gpu = await Gpu.open({ debug: 0 });
  const model: Model = loadOnnx(bytes, "net.onnx");
  const graph: Graph = createModel("lenet5");
  const { model: small, report }: { model: Model; report: CompactReport } = compact({ graph, params: initialise(graph, 1) });
  const { accuracy } = await evaluateModel(gpu, model, data);
  const plan = compilePlan(gpu, small, 2);
  const output: Float32Array = await plan.run(Tensor.zeros(gpu, [2, 1, 28, 28])).read();
  const macs: number = graphCost(small.graph).macs;
  void [report, onnxBytes(small).length, measureInterleaved, createVisibility, fetchDigits];
  return accuracy + macs + output.length;
}
`;

test("package.json leads each entry point to a bundle and its declarations, and asks for no dependency", () => {
  const at = (path: string) => project.files.get(`secateur/${path}`);
  const text = (path: string) => new TextDecoder().decode(at(path));
  const { exports, dependencies } = JSON.parse(text("package.json"));
  assert.equal(Object.keys(exports), [...ENTRIES, "./package.json"]);
  assert.is(dependencies, undefined);
  for (const entry of ENTRIES) {
    for (const path of [exports[entry].types, exports[entry].default]) assert.ok(at(path.slice(2)), path);
  }
  for (const path of ["README.md", "CHANGELOG.md", "LICENSE"]) assert.ok(at(path), path);
  assert.match(text("THIRD_PARTY_LICENSES.txt"), /^pbf\n\n[\s\S]*Redistribution and use/m);
});

test("no link in the package's texts leads to a file that it lacks", () => {
  const texts = [...project.files].filter(([path]) => path.endsWith(".md"));
  assert.ok(texts.length >= 3);
  for (const [path, bytes] of texts) {
    for (const [, link, image] of new TextDecoder().decode(bytes).matchAll(/\]\(([^)\s]+)\)|<img src="([^"]+)"/g)) {
      const to = link ?? image;
      if (/^[a-z]+:/.test(to)) continue;
      assert.ok(project.files.has(new URL(to, `file:///${path}`).pathname.slice(1)), `${path} leads to ${to}`);
    }
  }
});

test("a dead link becomes its words and a dead picture its description; code, addresses and live links stay", () => {
  const text = [
    "See [the guide](guide.md#start), [how](docs/how.md) and [a site](https://example.org/x.md).",
    "![A report](img/a.png)",
    '<img src="img/b.png" width="9" alt="A drawing">',
    "```ts\nhandlers[name](event);\n```",
  ];
  assert.equal(withoutDeadLinks(text.join("\n"), "docs/index.md", (path) => path === "docs/guide.md").split("\n"), [
    "See [the guide](guide.md#start), how and [a site](https://example.org/x.md).",
    "(Picture: A report)",
    "(Picture: A drawing)",
    "```ts",
    "handlers[name](event);",
    "```",
  ]);
});

test("bundles have the shaders in them, and nothing of Deno's, Node's or another package", () => {
  const codes = [...project.files].filter(([path]) => path.endsWith(".js"));
  const all = codes.map(([, bytes]) => new TextDecoder().decode(bytes));
  assert.ok(all.some((code) => code.includes("@workgroup_size")));
  for (const code of all) {
    assert.not.match(code, /\bDeno\.[a-z]|["']node:/);
    for (const [, name] of code.matchAll(/^(?:import|export)\b[^"]*"([^"]+)";$/gm)) assert.match(name, /^\.{1,2}\//);
  }
});

test("README's example is of at most 30 lines", () => {
  assert.ok(readmeExample().trimEnd().split("\n").length <= 30);
});

test("a user's file, README's example and those of docs/library.md type-check strictly, declarations included; mistakes are found: an option, a type and an entry point that aren't there", async () => {
  const docs = Deno.readTextFileSync(`${import.meta.dirname}/../../docs/library.md`);
  const blocks = [...docs.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code);
  assert.ok(blocks.length >= 4, `${blocks.length} examples`);
  blocks.forEach((code, i) => project.write(`example${i}.ts`, code));
  project.write("halve.ts", readmeExample());
  const mistakes = {
    option: [`import { Gpu } from "secateur"; await Gpu.open({ debugg: 1 }); export {};`, /'debugg' does not exist/],
    type: [`import { loadOnnx } from "secateur/formats"; loadOnnx("net.onnx", "x");`, /not assignable to .*Uint8Array/],
    entry: [`import { prune } from "secateur/pruning"; prune();`, /Cannot find module 'secateur\/pruning'/],
  } as const;
  for (const [name, [text]] of Object.entries(mistakes)) project.write(`${name}.ts`, text);
  writeAll(project, "all.ts", ["user", "halve", ...blocks.map((_, i) => `example${i}`), ...Object.keys(mistakes)]);
  const { ok, text } = await project.check("all.ts");
  assert.not.ok(ok);
  const errors = text.split("\n").filter((line) => /\berror TS/.test(line));
  for (const [name, [, message]] of Object.entries(mistakes)) {
    const own = errors.filter((line) => line.includes(`${name}.ts(`));
    assert.is(own.length, 1, text);
    assert.match(own[0], message);
  }
  assert.is(errors.length, Object.keys(mistakes).length, text);
});

/** A file that has others in it, so that the compiler starts once. */
export function writeAll(project: Project, name: string, modules: readonly string[]): void {
  project.write(name, modules.map((module) => `export * from "./${module}.js";`).join("\n"));
}

test("it runs in Deno as npm has installed it", async () => {
  project.write(
    "run.js",
    `import { Gpu, Tensor, Tape, matmul } from "secateur";
    import { Gpu as Same } from "secateur/graph";
    const gpu = await Gpu.open();
    const [a, b] = [Tensor.from(gpu, Float32Array.of(1, 2, 3, 4), [2, 2]), Tensor.from(gpu, Float32Array.of(5, 6, 7, 8), [2, 2])];
    console.log([...await matmul(new Tape(gpu, "eval"), a, b).read()].join(), Gpu === Same);
    gpu.close();`,
  );
  const { ok, text } = await project.run("run.js");
  assert.ok(ok, text);
  assert.match(text, "19,22,43,50 true");
});

test("an entry point that isn't there is an error with its name", async () => {
  project.write("nope.js", `import "secateur/pruning";`);
  const { ok, text } = await project.run("nope.js");
  assert.not.ok(ok);
  assert.match(text, /\.\/pruning/);
});

test.run();
