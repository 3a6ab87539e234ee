/** The comparison of methods: its tables, and cells that are computed once. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Cell, type CellResult, done, type DoneCell, nameOf } from "../../scripts/methods/cell.ts";
import { criteriaTrack, SHUFFLED } from "../../scripts/methods/criteria_track.ts";
import { methodsPage } from "../../scripts/methods/document.ts";
import { NETS } from "../../scripts/methods/nets.ts";
import { refitTrack } from "../../scripts/methods/refit_track.ts";
import { sparsityTrack } from "../../scripts/methods/sparsity_track.ts";
import { tablesOf } from "../../scripts/methods/table.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";

const test = suite("comparison of methods");

const half = { net: "n", track: "A", level: "2× fewer MACs", commit: "c", epochs: 1, dense: 0.9 } as const;
const cell = (method: string, seed: number, accuracy: number): DoneCell => ({
  ...half,
  method,
  seed,
  accuracy,
  params: 0.25,
  nonzero: 0.25,
  macs: 0.5,
  ...method !== SHUFFLED && { speedup: 1.5 },
});

test("a row has the mean and the deviation over seeds, and differences by pairs with their interval", () => {
  // Differences to shuffled are 2, 4 and 6 points: 4 ± 4.303 · 2 / √3. Those to dense are −2, 1 and 4: 1 ± 4.303 · 3 / √3.
  const cells = [
    ...[[1, 0.86], [2, 0.87], [3, 0.88]].map(([seed, accuracy]) => cell(SHUFFLED, seed, accuracy)),
    ...[[1, 0.88], [2, 0.91], [3, 0.94]].map(([seed, accuracy]) => cell("l2", seed, accuracy)),
    cell("l1", 1, 0.85),
  ];
  assert.is(
    tablesOf(cells),
    [
      "**Criteria, one fine-tuning for all**\n",
      "| 2× fewer MACs | seeds | accuracy, % | − shuffled, points | − dense, points | parameters | MACs | faster |",
      "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
      "| shuffled | 3 | 87.00 (1.00) | – | -3.00 ± 2.48 | 0.250 | 0.500 | – |",
      "| l2 | 3 | 91.00 (3.00) | 4.00 ± 4.97 | 1.00 ± 7.45 | 0.250 | 0.500 | 1.50× |",
      "| l1 | 1 | 85.00 | -1.00 | -5.00 | 0.250 | 0.500 | 1.50× |",
    ].join("\n"),
  );
});

/** What the protocol asks of each net. */
const TRACKS: Readonly<Record<string, readonly string[]>> = {
  digits: ["A", "B", "C"],
  fashion: ["A", "B"],
  lenet5: ["C"],
};

test("each cell has a name of its own, and each net rows of its tracks", () => {
  for (const net of NETS) {
    const cells = [...criteriaTrack(net, "root"), ...refitTrack(net, "root"), ...sparsityTrack(net, "root")];
    assert.is(new Set(cells.map(nameOf)).size, cells.length);
    assert.is(new Set(cells.map(({ determinedBy }) => JSON.stringify(determinedBy))).size, cells.length);
    assert.equal([...new Set(cells.map(({ track }) => track))], TRACKS[net.name]);
  }
});

test("all methods of track C have as many epochs", () => {
  for (const net of NETS.filter(({ sparsity }) => sparsity)) {
    for (const { determinedBy, method } of sparsityTrack(net, "root")) {
      const { stages: [stage] } = determinedBy as { stages: Record<string, never>[] };
      const { steps = 1, updates = 0, gradual = { epochs: 0 }, retrain } = stage as unknown as {
        steps?: number;
        updates?: number;
        gradual?: { epochs: number };
        retrain: { epochs: number };
      };
      assert.is(steps * (updates + retrain.epochs) + gradual.epochs, net.sparsity!.epochs, method);
    }
  }
});

test("a cell is computed once, and again when what determines it changes", async () => {
  const root = await Deno.makeTempDir({ prefix: "secateur-cells-" });
  const result: CellResult = { accuracy: 0.5, dense: 0.9, params: 0.5, nonzero: 0.5, macs: 0.5, epochs: 0 };
  let computed = 0;
  const one = (determinedBy: unknown): Cell => ({
    net: NETS[0],
    track: "A",
    method: "l2",
    level: "2×",
    seed: 1,
    determinedBy,
    compute: () => Promise.resolve({ ...result, epochs: ++computed }),
  });
  const read = (determinedBy: unknown) => done(undefined as unknown as Gpu, one(determinedBy), { root, commit: "c" });
  try {
    assert.equal(await read({ keep: 0.5 }), { ...result, epochs: 1, ...found() });
    assert.is((await read({ keep: 0.5 })).epochs, 1);
    assert.is((await read({ keep: 0.25 })).epochs, 2);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

test("docs/methods.md says what its records say", () => {
  const document = Deno.readTextFileSync(`${import.meta.dirname}/../../docs/methods.md`);
  assert.ok(document.includes("<!-- methods digits -->"));
  // The formatter pads columns and wraps lines.
  const words = (text: string) => text.replaceAll(/-{2,}:?/g, "-").split(/\s+/);
  assert.equal(words(document), words(methodsPage(document)));
});

function found() {
  return { net: NETS[0].name, track: "A", method: "l2", level: "2×", seed: 1, commit: "c" };
}

test.run();
