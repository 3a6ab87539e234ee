/** The packed library as its users meet it: README's example in Deno, and bundled for a page. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type BrowserPage, openPage } from "../../bench/browser/page.ts";
import type { Project } from "../library/project.ts";
import { argument, example, exampleProject, judge, resnet18, SIZE, type Used } from "./packed_example.ts";
import { residualBlock } from "./small_networks.ts";

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

test("README's example halves a ResNet's multiply-adds in Deno, and ONNX Runtime agrees with the file", async () => {
  project.write("argument.json", JSON.stringify(argument(resnet18())));
  project.write(
    "main.ts",
    `import use from "./use.ts";
    console.log("RESULT" + JSON.stringify(await use(JSON.parse(Deno.readTextFileSync("argument.json")))));`,
  );
  const { ok, text } = await project.run("main.ts");
  assert.ok(ok, text);
  await judge(resnet18(), JSON.parse(text.slice(text.indexOf("RESULT") + "RESULT".length).split("\n")[0]));
});

test("a page that bundles the example halves a residual block in Chromium, and ONNX Runtime agrees", async () => {
  const graph = residualBlock(SIZE);
  await judge(graph, await page.call<Used>(`${project.folder}/use.ts`, argument(graph)));
});

test.run();
