import { suite } from "uvu";
import * as assert from "uvu/assert";
import { pageOfRecords, PAGES } from "../../bench/tables.ts";
import { filledIn } from "../../bench/report/markdown.ts";
import type { BenchRecord } from "../../bench/report/page.ts";

const test = suite("tables of benchmarks");

const record: BenchRecord = {
  ...{
    suite: "peers",
    date: "2026-01-02T03:04:05Z",
    commit: "0123456789ab+",
    seed: 7,
    clock: "wall clock",
    quantumMs: 1,
  },
  adapter: { vendor: "v", architecture: "", description: "an adapter", fallback: true },
  machine: { os: "linux", arch: "x86_64", cores: 4, load: 0 },
  versions: { deno: "1.2.3" },
  results: {
    contests: [{
      title: "GEMM",
      ranks: [{ name: "ours", medianMs: 12.34, madMs: 0.1, ratio: 1, samples: 3 }, {
        name: "theirs",
        medianMs: 24.68,
        madMs: 0.2,
        ratio: 2,
        samples: 3,
      }],
      missing: [{ name: "absent", version: "1", reason: "it can't | won't" }],
      goals: ["≥ 2× theirs: yes, 2.00×"],
    }],
    remaining: ["a long case"],
  },
};

test("a record becomes tables that name their source, absent contestants and goals", () => {
  const page = filledIn("before\n<!-- record peers -->\nold\n<!-- end -->\nafter", () => record);
  assert.is(
    page,
    [
      ...["before", "<!-- record peers -->", ""],
      ...["an adapter, 4 cores, Deno 1.2.3, seed 7, commit 0123456+, 2026-01-02:", ""],
      "| GEMM | ms | MAD | samples | ratio |",
      "| --- | --: | --: | --: | --: |",
      "| ours | 12.3 | 0.100 | 3 | 1.00× |",
      "| theirs | 24.7 | 0.200 | 3 | 2.00× |",
      "| absent | – | – | – | it can't \\| won't |",
      ...["", "Goals: ≥ 2× theirs: yes, 2.00×.", "", "Not run: a long case.", "", "<!-- end -->", "after"],
    ].join("\n"),
  );
  assert.throws(() => filledIn("<!-- record none -->\n<!-- end -->", () => undefined), /no record "none"/);
});

for (const page of PAGES) {
  test(`docs/${page} says what its records say`, () => {
    const document = Deno.readTextFileSync(`${import.meta.dirname}/../../docs/${page}`);
    assert.ok(document.includes("<!-- record "));
    // The formatter pads columns and wraps lines.
    const words = (text: string) => text.replaceAll(/-{2,}:?/g, "-").split(/\s+/);
    const said = words(document), measured = words(pageOfRecords(document));
    const differs = measured.findIndex((word, i) => word !== said[i]);
    assert.equal(said.slice(differs, differs + 12), measured.slice(differs, differs + 12));
    assert.is(said.length, measured.length);
  });
}

test.run();
