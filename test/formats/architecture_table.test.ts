import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { assertPromises } from "../prune/promised.ts";
import { architectureTable } from "./architecture_table.ts";
import { ARCHITECTURES } from "./architectures.ts";

const test = suite("architectures");

test("docs/formats.md tells of well-known networks what inspect does", () => {
  const docs = Deno.readTextFileSync(new URL("../../docs/formats.md", import.meta.url));
  const table = architectureTable();
  assert.ok(docs.includes(table), `docs/formats.md lacks\n\n${table}\n`);
});

test("each of the groups that it counts can go alone, and the others are refused for their reason", () => {
  for (const [name, make] of Object.entries(ARCHITECTURES)) {
    assert.equal(assertPromises(loadOnnx(writeOnnx(make()), name), name).stayed, []);
  }
});

test.run();
