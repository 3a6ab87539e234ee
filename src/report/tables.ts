/** The tables of a report. */
import { HALF_TOLERANCE } from "../graph/compare.ts";
import { accuracyOf, isSoftware, NO_LABELS, reachedText, stagesOf } from "./build.ts";
import type { Detail } from "./detail.ts";
import { bytes, count, duration, milliseconds, milliSpread, percent, plain, points, times } from "./format.ts";
import { intervalWords } from "./interval.ts";
import { type Content, type Html, markup, table } from "./markup.ts";
import type { Agreement, DepthBorder, Latency, Point, Report } from "./types.ts";

/** Every network of the run, and how each compares with the baseline. */
export function summaryTable(report: Report): Html {
  const { baseline, best, controls, images } = report;
  const entries: [string, Point][] = stagesOf(report).map((point) => [point.name, point]);
  if (best) entries.push([best.name, best]);
  for (const [name, point] of Object.entries(controls)) entries.push([`control: ${name}`, point]);
  const peaks = entries.some(([, { peakBytes }]) => peakBytes !== undefined);
  const labelled = baseline.accuracy !== undefined;
  return table(
    labelled
      ? "Accuracy and size of each stage; ratios are baseline ÷ stage"
      : `Agreement with the dense network and size of each stage (${NO_LABELS}); ratios are baseline ÷ stage`,
    [
      { label: "stage", kind: "words" },
      ...labelled
        ? [
          { label: "validation" },
          { label: "test" },
          ...images ? [{ label: `95 % interval, ${count(images.test)} images` }] : [],
          { label: "test − baseline" },
        ]
        : [{ label: "same class" }, { label: "outputs off by" }],
      { label: "parameters" },
      { label: "ratio" },
      { label: "not zero" },
      { label: "ratio" },
      { label: "MACs" },
      { label: "ratio" },
      { label: "size" },
      ...peaks ? [{ label: "activations" }] : [],
    ],
    entries.map(([name, point]) => [
      name,
      ...point.agreement ? agreementCells(point.agreement) : accuracyCells(point, baseline, images?.test),
      count(point.params),
      ratio(baseline.params, point.params),
      count(point.nonzero),
      ratio(baseline.nonzero, point.nonzero),
      count(point.macs),
      ratio(baseline.macs, point.macs),
      bytes(point.bytes),
      ...peaks ? [point.peakBytes === undefined ? "–" : bytes(point.peakBytes)] : [],
    ]),
  );
}

function accuracyCells(point: Point, baseline: Point, images: number | undefined): string[] {
  const { validation, test } = accuracyOf(point);
  const sure = images === undefined ? [] : [intervalWords(test, images)];
  return [percent(validation), percent(test), ...sure, points(test - accuracyOf(baseline).test)];
}

function agreementCells({ sameClass, outputLoss }: Agreement): string[] {
  return [sameClass === undefined ? "–" : percent(sameClass), plain(outputLoss)];
}

/** Test accuracy of each class, the one that lost most first. */
export function classesTable({ classes = [] }: Report): Html {
  if (classes.length === 0) return markup``;
  const sorted = [...classes].sort((a, b) => (a.after - a.before) - (b.after - b.before));
  return table(
    "Test accuracy of each class, the one that lost most first",
    [
      { label: "class", kind: "words" },
      { label: "images" },
      { label: "before" },
      { label: "after" },
      { label: "after − before" },
      { label: "95 % interval after" },
    ],
    sorted.map(({ name, images, before, after }) => [
      name,
      count(images),
      percent(before),
      percent(after),
      points(after - before),
      intervalWords(after, images),
    ]),
  );
}

/** Where the run's time went. */
export function spentTable({ spent }: Report): Html {
  if (!spent) return markup``;
  const { stages, tuning, doctor = 0 } = spent;
  const whole = stages.reduce((sum, { seconds }) => sum + seconds, doctor);
  const row = (
    name: string,
    seconds: number,
  ) => [name, duration(seconds), whole > 0 ? percent(seconds / whole, 0) : "–"];
  return table("Time of each stage", [{ label: "stage", kind: "words" }, { label: "time" }, { label: "share" }], [
    ...stages.map(({ kind, seconds }, i) => row(`${i} ${kind}`, seconds)),
    ...doctor > 0 ? [row("doctor", doctor)] : [],
    row(doctor > 0 ? "all" : "all stages", whole),
    row("of that tuning of kernels", tuning),
  ]);
}

/** Each form's time, and the speed-up beside the ratio of MACs that would explain it. */
export function latencyTables({ latency, speedup, compression }: Report): Html {
  if (latency.length === 0) return markup``;
  const batches = [...new Set(latency.map(({ batch }) => batch))].sort((a, b) => a - b);
  const at = (batch: number, variant: Latency["variant"]) => {
    const found = latency.find((entry) => entry.batch === batch && entry.variant === variant);
    return found ? milliSpread(found.medianMs, found.madMs) : "–";
  };
  const speeds = table(
    "Latency of one forward pass (median ± MAD), and speed-up",
    [
      { label: "batch" },
      { label: "dense" },
      { label: "masked" },
      { label: "compact" },
      { label: "dense ÷ compact" },
      { label: "MAC ratio" },
    ],
    batches.map((batch) => {
      const gain = speedup.find((entry) => entry.batch === batch)?.ratio;
      return [
        batch,
        at(batch, "dense"),
        at(batch, "masked"),
        at(batch, "compact"),
        gain === undefined ? "–" : times(gain),
        times(compression.macs),
      ];
    }),
  );
  const clocks = table(
    "How the times were taken",
    [
      { label: "form", kind: "words" },
      { label: "batch" },
      { label: "samples" },
      { label: "clock", kind: "words" },
      { label: "smallest step" },
    ],
    latency.map(({ variant, batch, samples, clock, quantumMs }) => [
      variant,
      batch,
      count(samples),
      clock,
      `${plain(quantumMs)} ms`,
    ]),
  );
  return markup`${speeds}${clocks}`;
}

export function layersTable({ layers }: Detail, { layerTimes }: Report): Html {
  if (layers.length === 0) return markup``;
  const timed = new Map(layerTimes?.layers.map(({ name, ...ms }) => [name, ms]));
  const msOf = (name: string) => {
    if (!layerTimes) return [];
    const { beforeMs, afterMs } = timed.get(name) ?? {};
    return [beforeMs, afterMs].map((ms) => ms === undefined ? "–" : milliseconds(ms));
  };
  return table(
    "Layers before and after",
    [
      { label: "layer", kind: "words" },
      { label: "width before" },
      { label: "after" },
      { label: "parameters before" },
      { label: "after" },
      { label: "ratio" },
      { label: "MACs before" },
      { label: "after" },
      { label: "ratio" },
      ...layerTimes ? [{ label: `ms before, batch ${layerTimes.batch}` }, { label: "after" }] : [],
    ],
    layers.map(({ name, before, after, params, macs, merged }) =>
      merged === undefined
        ? [
          name,
          count(before),
          count(after),
          count(params.before),
          count(params.after),
          ratio(params.before, params.after),
          count(macs.before),
          count(macs.after),
          ratio(macs.before, macs.after),
          ...msOf(name),
        ]
        : [
          `${name}, merged: ${merged}`,
          count(before),
          "–",
          count(params.before),
          "–",
          "–",
          count(macs.before),
          "–",
          "–",
          ...msOf(name),
        ]
    ),
  );
}

const BORDERS: Readonly<Record<DepthBorder, string>> = {
  none: "as inside",
  bias: "biases by region",
  kernel: "kernels by region",
  moved: "padding moved before training",
};

/** Each block's form, and what it costs beside what it did. */
export function blocksTable({ depth }: Report): Html {
  if (!depth || depth.blocks.length === 0) return markup``;
  const scored = depth.blocks.some(({ score }) => score !== undefined);
  const bordered = depth.blocks.some(({ border }) => border !== undefined);
  const timed = depth.blocks.find(({ ms }) => ms !== undefined)?.ms;
  return table(
    "Blocks before and after",
    [
      { label: "block", kind: "words" },
      { label: "kind", kind: "words" },
      { label: "form", kind: "words" },
      ...bordered ? [{ label: "border", kind: "words" } as const] : [],
      ...scored ? [{ label: "R² of its linear replacement" }] : [],
      { label: "MACs before" },
      { label: "after" },
      { label: "ratio" },
      ...timed ? [{ label: `ms before, batch ${timed.batch}` }, { label: "after" }] : [],
    ],
    depth.blocks.map(({ name, kind, form, border, score, macs, ms }) => [
      name,
      kind,
      form,
      ...bordered ? [border ? BORDERS[border] : "–"] : [],
      ...scored ? [score === undefined ? "–" : plain(score)] : [],
      count(macs.before),
      count(macs.after),
      ratio(macs.before, macs.after),
      ...timed ? [ms ? plain(ms.before) : "–", ms ? plain(ms.after) : "–"] : [],
    ]),
  );
}

/** That the small network is the masked one, and how near the weights were when they were cut. */
export function proofTables({ equivalence, admm, depth, narrowedNorms = [] }: Report): Html {
  const other = narrowedNorms.length === 0
    ? ""
    : markup`<p class="note">${
      count(narrowedNorms.length)
    } layer norms are over the channels that stay. That alone makes it another function than the dense network's: the masked
network has the new norms too, and the proof is that the two are equal.</p>`;
  const equal = "notProved" in equivalence ? markup`<p>Not proved: ${equivalence.notProved}.</p>` : table(
    "The compact network computes what the masked one does",
    [{ label: "inputs compared", kind: "numbers" }, { label: "largest |Δ|" }, { label: "largest |Δ| ÷ largest |y|" }],
    [[count(equivalence.inputs), plain(equivalence.maxAbs), plain(equivalence.maxRel)]],
  );
  const proof = markup`${other}${equal}`;
  const merge = depth?.merge && table(
    "The merged network computes what its blocks did before they were merged",
    [{ label: "inputs compared", kind: "numbers" }, { label: "largest |Δ|" }, { label: "largest |Δ| ÷ largest |y|" }],
    [[count(depth.merge.inputs), plain(depth.merge.maxAbs), plain(depth.merge.maxRel)]],
  );
  if (admm.length === 0) return markup`${proof}${merge ?? ""}`;
  return markup`${proof}${merge ?? ""}${
    table(
      "ADMM residual of each layer before the hard prune",
      [{ label: "layer", kind: "words" }, { label: "‖W−Z‖/‖W‖" }],
      admm.map(({ layer, residual }) => [layer, plain(residual)]),
    )
  }`;
}

export function budgetTable(report: Report): Html {
  const { requested, achieved, untold = {} } = report;
  const names = [...new Set([...Object.keys(requested), ...Object.keys(achieved), ...Object.keys(untold)])];
  if (names.length === 0) return markup``;
  const cell = (values: Readonly<Record<string, number>>, name: string) =>
    Object.hasOwn(values, name) ? plain(values[name]) : "–";
  return table(
    "Budgets: asked for and reached",
    [{ label: "budget", kind: "words" }, { label: "requested" }, { label: "achieved" }],
    names.map((name) => [name, cell(requested, name), reachedText(report, name)]),
  );
}

/** What f16 changes, within its own tolerance, where the run was asked. */
export function halfTable({ f16, baseline }: Report): Html {
  if (!f16) return markup``;
  if ("notMeasured" in f16) return markup`<p class="note">f16 wasn't measured: ${f16.notMeasured}.</p>`;
  const { images, maxRel, sameClass, accuracy } = f16;
  const told = baseline.accuracy !== undefined;
  return table(
    "The final network with its numbers kept in f16 instead of f32",
    [
      { label: "test images" },
      { label: "largest |Δ| ÷ largest |y|" },
      { label: `at most ${plain(HALF_TOLERANCE)}`, kind: "words" },
      { label: "same class" },
      ...told ? [{ label: "accuracy in f32" }, { label: "in f16" }] : [],
    ],
    [[
      count(images),
      plain(Number(maxRel.toPrecision(2))),
      maxRel <= HALF_TOLERANCE ? "yes" : "no",
      percent(sameClass),
      ...told ? [percent(accuracy.f32), percent(accuracy.f16)] : [],
    ]],
  );
}

/** Where the numbers come from. */
export function originTable(report: Report, { versions }: Detail): Html {
  const { adapter, command, commit, files, seed, tool } = report;
  // Where a driver has no name for its vendor it gives a number, which tells a reader nothing.
  const vendor = /^\d+$/.test(adapter.vendor) && adapter.description !== "" ? "" : adapter.vendor;
  const kind = adapter.fallback ? " (fallback adapter)" : isSoftware(adapter) ? " (software)" : "";
  const facts: [string, Content][] = [
    ["command", markup`<code>${command}</code>`],
    ["tool", tool],
    ["commit", markup`<code>${commit}</code>`],
    ["seed", String(seed)],
    ...files ? [["network", files.join(", ")] as [string, Content]] : [],
    ["adapter", [vendor, adapter.description].filter((text) => text !== "").join(" · ") + kind],
    ...adapter.avoided ? [["computed", adapter.avoided] as [string, Content]] : [],
    ...Object.entries(versions).map(([name, version]): [string, Content] => [name, version]),
  ];
  return table("Origin", [{ label: "what", kind: "words" }, { label: "value", kind: "words" }], facts);
}

/** "–" where there is nothing to divide by. */
function ratio(before: number, after: number): string {
  return after > 0 ? times(before / after) : "–";
}
