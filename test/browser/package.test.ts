/**
 * The packed library as its users meet it: README's example in Deno. test/browser/package.nightly.ts gives it the ResNet-18 that it
 * names, also bundled for a page. What its users get is looked at first, by test/library/package_checks.ts.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Project } from "../library/project.ts";
import { example, exampleProject, inDeno, judge, SIZE } from "./packed_example.ts";
import { residualBlock } from "./small_networks.ts";
import "../library/package_checks.ts";

const test = suite("the packed library in use");
let project: Project;
test.before(async () => {
  project = await exampleProject();
});
test.after(() => project[Symbol.dispose]());

test("README's example is at most 30 lines and type-checks strictly", async () => {
  assert.ok(example().trimEnd().split("\n").length <= 30);
  const { ok, text } = await project.check("halve.ts", { lib: ["es2022", "dom", "esnext.disposable"] });
  assert.ok(ok, text);
});

const graph = residualBlock(SIZE);

test("README's example halves a residual block's multiply-adds in Deno, and ONNX Runtime agrees with the file", async () => {
  await judge(graph, await inDeno(project, graph));
});

test.run();
