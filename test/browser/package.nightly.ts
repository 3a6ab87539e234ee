/** README's example with the network that it names, bundled for a page. */
import { suite } from "uvu";
import { openPage } from "../../bench/browser/page.ts";
import { argument, exampleProject, judge, resnet18, type Used } from "./packed_example.ts";

const test = suite("the packed library and a ResNet-18 in a page");

test("README's example halves a ResNet's multiply-adds in Chromium, and ONNX Runtime agrees with the file", async () => {
  using project = await exampleProject();
  const page = await openPage({ adapter: "software" });
  try {
    await judge(resnet18(), await page.call<Used>(`${project.folder}/use.ts`, argument(resnet18())));
  } finally {
    await page.close();
  }
});

test.run();
