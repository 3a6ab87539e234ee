/**
 * The packed library as its users meet it: README's example in Deno, and bundled for a page. test/browser/package.nightly.ts
 * gives it the ResNet-18 that it names. What its users get is looked at first, by test/library/package_checks.ts.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type BrowserPage, openPage } from "../../bench/browser/page.ts";
import type { Project } from "../library/project.ts";
import { argument, example, exampleProject, inDeno, judge, SIZE, type Used } from "./packed_example.ts";
import { residualBlock } from "./small_networks.ts";
import "../library/package_checks.ts";

const test = suite("the packed library in use");
let page: BrowserPage;
let project: Project;
test.before(async () => {
  project = await exampleProject();
  page = await openPage({ adapter: "software" });
});
test.after(async () => {
  await page.close();
  project[Symbol.dispose]();
});

test("README's example is at most 30 lines and type-checks strictly", async () => {
  assert.ok(example().trimEnd().split("\n").length <= 30);
  const { ok, text } = await project.check("halve.ts", { lib: ["es2022", "dom", "esnext.disposable"] });
  assert.ok(ok, text);
});

const graph = residualBlock(SIZE);

test("README's example halves a residual block's multiply-adds in Deno, and ONNX Runtime agrees with the file", async () => {
  await judge(graph, await inDeno(project, graph));
});

test("a page that bundles the example does the same in Chromium", async () => {
  await judge(graph, await page.call<Used>(`${project.folder}/use.ts`, argument(graph)));
});

test.run();
