/** The comparison of methods: its tables, and cells that are computed once. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Cell, type CellResult, done, type DoneCell, nameOf, placeOf } from "../../scripts/methods/cell.ts";
import { BY_CURVES, SHUFFLED } from "../../scripts/methods/criteria_track.ts";
import { chartsOf } from "../../scripts/methods/charts.ts";
import { methodsPage } from "../../scripts/methods/document.ts";
import { type Net, NETS, netsWith } from "../../scripts/methods/nets.ts";
import { titleLines } from "../../scripts/methods/panels.ts";
import { type MethodsRecord, takenUp } from "../../scripts/methods/record.ts";
import { denseNetwork } from "../../scripts/methods/recipe_cell.ts";
import { askedBy, sparsityTrack } from "../../scripts/methods/sparsity_track.ts";
import { tablesOf } from "../../scripts/methods/table.ts";
import { cellsOf } from "../../scripts/methods/tracks.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { failure } from "../gpu/kernels.ts";

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
  resnet20: ["A", "B"],
};

test("each cell has a name of its own, and each net rows of its tracks", () => {
  for (const net of NETS) {
    const cells = cellsOf(net, "root");
    assert.is(new Set(cells.map(nameOf)).size, cells.length);
    assert.is(new Set(cells.map(({ determinedBy }) => JSON.stringify(determinedBy))).size, cells.length);
    assert.equal([...new Set(cells.map(({ track }) => track))], TRACKS[net.name]);
  }
});

test("a network that others have trained is asked for by its files, and known by their digest", async () => {
  const file = await Deno.makeTempFile({ suffix: ".safetensors" });
  const read = (nets: readonly Net[]) =>
    denseNetwork(undefined as unknown as Gpu, nets.find(({ given }) => given)!, 1, "root");
  try {
    assert.match((await failure(() => read(NETS))).message, "resnet20: expected --weights and --data");
    // Of no byte: the digest of nothing.
    const named = netsWith({ weights: file, data: "folder:nowhere" });
    assert.match(
      (await failure(() => read(named))).message,
      "has SHA-256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    );
  } finally {
    await Deno.remove(file);
  }
});

test("all methods of track C have as many epochs, and one that has more says so in its column", () => {
  for (const net of NETS.filter(({ sparsity }) => sparsity)) {
    for (const { determinedBy, method, level } of sparsityTrack(net, "root")) {
      const { stages: [stage] } = determinedBy as { stages: Record<string, never>[] };
      const { steps = 1, updates = 0, gradual = { epochs: 0 }, retrain } = stage as unknown as {
        steps?: number;
        updates?: number;
        gradual?: { epochs: number };
        retrain: { epochs: number };
      };
      const longer = /, (\d+) epochs$/.exec(level);
      assert.is(askedBy(level) === undefined, longer !== null, level);
      const expected = longer ? Number(longer[1]) : net.sparsity!.epochs;
      assert.is(steps * (updates + retrain.epochs) + gradual.epochs, expected, method);
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
    const { digest, ...first } = await read({ keep: 0.5 });
    assert.equal(first, { ...result, epochs: 1, ...found() });
    assert.is((await read({ keep: 0.5 })).digest, digest);
    assert.is.not((await read({ keep: 0.75 })).digest, digest);
    assert.is((await read({ keep: 0.5 })).epochs, 1);
    assert.is((await read({ keep: 0.25 })).epochs, 3);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

test("what the curves of sensitivity are worth is told by pairs of the same seed", () => {
  // 4 and 2 points: 3 ± 12.706 · √2 / √2; the third seed has no partner.
  const rows = [["l2", 1, 0.90], ["l2", 2, 0.91], [BY_CURVES, 1, 0.94], [BY_CURVES, 2, 0.93], [
    BY_CURVES,
    3,
    0.5,
  ]] as const;
  const told = tablesOf(rows.map(([method, seed, accuracy]) => cell(method, seed, accuracy))).split("\n").slice(-3);
  assert.equal(told, [
    `| ${BY_CURVES} | pairs | − l2, points |`,
    "| --- | ---: | ---: |",
    "| 2× fewer MACs | 2 | 3.00 ± 12.71 |",
  ]);
});

const sitting = (cells: readonly DoneCell[], more: Partial<MethodsRecord> = {}): MethodsRecord => ({
  suite: "methods",
  about: "a net",
  date: "2026-01-01",
  adapter: { vendor: "v", description: "d" },
  machine: {},
  versions: {},
  cells,
  missing: [],
  ...more,
});

test("cells of another sitting are taken up with their commits, in the order of the tables", () => {
  const digest = "d1";
  const [l1, l2, seed2] = [cell("l1", 1, 0.8), cell("l2", 1, 0.9), cell("l2", 2, 0.7)].map((one) => ({
    ...one,
    digest,
  }));
  const known = new Map([l2, seed2, l1].map((one) => [placeOf(one), digest]));
  // The first has been computed again, which takes another time; what was refused once has been computed since.
  const { digest: _, ...first } = l2;
  const refused = [{ cell: placeOf(seed2), reason: "r" }, { cell: "another", reason: "r" }];
  const record = sitting([l1, first], { missing: refused });
  const later = sitting([{ ...l2, commit: "later", speedup: 9 }, { ...seed2, commit: "later" }], {
    date: "2026-01-02",
  });
  const merged = takenUp(record, later, known);
  assert.equal(merged.cells, [first, { ...seed2, commit: "later" }, l1]);
  assert.equal(merged.missing, [refused[1]]);
  assert.is(merged.date, "2026-01-02");
  assert.equal(takenUp(undefined, later, known).cells.length, 2);
});

test("a sitting that says something else than the record, or of something else, is refused", () => {
  const one = { ...cell("l2", 1, 0.9), digest: "d1" };
  const known = new Map([[placeOf(one), "d1"]]);
  const record = sitting([one]);
  const refused = (cells: readonly DoneCell[], more: Partial<MethodsRecord>, message: RegExp) =>
    assert.throws(() => takenUp(record, sitting(cells, more), known), message);
  refused([{ ...one, accuracy: 0.91 }], {}, /accuracy 0.9 of commit c, this sitting 0.91/);
  refused([{ ...one, digest: "d2" }], {}, /other definitions than today's/);
  refused([{ ...one, digest: undefined }], {}, /other definitions than today's/);
  refused([{ ...one, method: "unheard of" }], {}, /other definitions than today's/);
  refused([one], { about: "longer" }, /another networks and training/);
  refused([one], { adapter: { vendor: "v", description: "another" } }, /another adapter: "another"/);
});

test("a chart has a panel for each row, a mean at each level and a bar of the deviation", () => {
  const cells = [SHUFFLED, "l2"].flatMap((method) => [cell(method, 1, 0.9), cell(method, 2, 0.8)]);
  const [macs, ms, ...more] = chartsOf("n", cells);
  assert.equal([macs.name, ms.name, more.length], ["methods-n-criteria-macs.svg", "methods-n-criteria-ms.svg", 0]);
  const titles = (svg: string) => [SHUFFLED, "l2"].map((name) => svg.split(`>${name}</text>`).length - 1);
  // Shuffled is in the legend as well; it has no time here.
  assert.equal([titles(macs.svg), titles(ms.svg)], [[2, 1], [1, 1]]);
  // The mean of 0.85 lies where the axis has 85 %, and in each panel a bar is about it.
  const [, at] = /translate\(52,([\d.]+)\)" y="0.32em">85 %/.exec(macs.svg)!;
  assert.match(macs.svg, new RegExp(`<circle r="3" cy="${at}"`));
  assert.is(macs.svg.split("stroke-miterlimit").length - 1, 2);
  assert.not.match(macs.svg, /var\(|undefined|NaN/);
});

test("cells of ADMM show how it converged, a line for each layer; cells of other methods don't", () => {
  const sparse = { ...half, track: "C", level: "0.02 of the weights", params: 1, nonzero: 0.02, macs: 1 } as const;
  const updates = [1, 2, 3].flatMap((update) => [
    { update, step: 1, layer: "conv1.weight", residual: 0.8 / update, support: 0.1 / update },
    { update, step: 1, layer: "fc.weight", residual: 0.4 / update },
  ]);
  const gradual = { ...sparse, method: "gradual", seed: 1, accuracy: 0.9 };
  const admm = { ...sparse, method: "ADMM", seed: 1, accuracy: 0.8, updates };
  assert.equal(chartsOf("n", [gradual]).map(({ name }) => name), ["methods-n-sparsity.svg"]);
  const [, residual, support] = chartsOf("n", [gradual, admm]);
  assert.equal([residual.name, support.name], ["methods-n-admm-residual.svg", "methods-n-admm-support.svg"]);
  const dots = ({ svg }: { svg: string }) => svg.split('<circle r="3"').length + svg.split("h5.32v5.32").length - 2;
  // What a log doesn't have of the support is left out.
  assert.equal([dots(residual), dots(support)], [6, 3]);
  assert.match(residual.svg, />ADMM, 0\.02 of the weights<\/text>/);
});

test("a panel's title that would run into its neighbour's has two lines", () => {
  // A plane of 168 pixels holds 25 characters of 6.6.
  assert.equal(titleLines("ADMM, 0.02 of the weights"), ["ADMM, 0.02 of the weights"]);
  assert.equal(titleLines("ADMM, 0.125 of the columns"), ["ADMM,", "0.125 of the columns"]);
  assert.equal(titleLines("ADMM, two steps, 0.02 of it"), ["ADMM, two steps,", "0.02 of it"]);
  assert.equal(titleLines("filters chosen by reconstruction"), ["filters chosen by reconstruction"]);
});

test("docs/methods.md says what its records say", () => {
  const document = Deno.readTextFileSync(`${import.meta.dirname}/../../docs/methods.md`);
  assert.ok(document.includes("<!-- methods digits -->"));
  // The formatter pads columns and wraps lines.
  const words = (text: string) => text.replaceAll(/-{2,}:?/g, "-").split(/\s+/);
  const { text, charts } = methodsPage(document);
  assert.equal(words(document), words(text));
  for (const { name, svg } of charts) {
    const kept = Deno.readTextFileSync(`${import.meta.dirname}/../../docs/img/${name}`);
    assert.ok(kept === svg, `${name} is another picture than scripts/methods/document.ts draws`);
  }
});

function found() {
  return { net: NETS[0].name, track: "A", method: "l2", level: "2×", seed: 1, commit: "c" };
}

test.run();
