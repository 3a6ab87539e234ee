/**
 * The packed library as its users meet it: README's example in Deno. test/browser/package.nightly.ts gives it the ResNet-18 that it
 * names, also bundled for a page. What its users get is looked at first, by test/library/package_checks.ts.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { project, writeAll } from "../library/package_checks.ts";
import { onlyNightly } from "../long.ts";
import { inDeno, judge, SIZE, writeExample } from "./packed_example.ts";
import { residualBlock } from "./small_networks.ts";

const test = suite("the packed library in use");
test.before(() => writeExample(project));
test.after(() => project[Symbol.dispose]());

const graph = residualBlock(SIZE);

test("README's example halves a residual block's multiply-adds in Deno, and ONNX Runtime agrees with the file", async () => {
  await judge(graph, await inDeno(project, graph));
});

onlyNightly(test)("it and a user's file type-check beside @webgpu/types too, which older compilers need", async () => {
  writeAll(project, "beside.ts", ["user", "halve"]);
  // The compiler's own `dom` and these types disagree with each other: neither is checked.
  const types = [`${import.meta.dirname}/../../node_modules/@webgpu/types`];
  const lib = ["es2022", "dom", "esnext.disposable"];
  assert.equal(await project.check("beside.ts", { types, lib, skipLibCheck: true }), { ok: true, text: "" });
});

test.run();
