import { suite } from "uvu";
import * as assert from "uvu/assert";
import { architectureTable } from "./architecture_table.ts";

const test = suite("architectures");

test("docs/formats.md tells of well-known networks what inspect does", () => {
  const docs = Deno.readTextFileSync(new URL("../../docs/formats.md", import.meta.url));
  const table = architectureTable();
  assert.ok(docs.includes(table), `docs/formats.md lacks\n\n${table}\n`);
});

test.run();
