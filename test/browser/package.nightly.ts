/** README's example with the network that it names, in Deno and bundled for a page. */
import { suite } from "uvu";
import { openPage } from "../../bench/browser/page.ts";
import { argument, exampleProject, inDeno, judge, resnet18, type Used } from "./packed_example.ts";

const test = suite("the packed library and a ResNet-18");
const graph = resnet18();

test("README's example halves a ResNet's multiply-adds in Deno, and ONNX Runtime agrees with the file", async () => {
  using project = await exampleProject();
  await judge(graph, await inDeno(project, graph));
});

test("a page that bundles the example does the same in Chromium", async () => {
  using project = await exampleProject();
  const page = await openPage({ adapter: "software" });
  try {
    await judge(graph, await page.call<Used>(`${project.folder}/use.ts`, argument(graph)));
  } finally {
    await page.close();
  }
});

test.run();
