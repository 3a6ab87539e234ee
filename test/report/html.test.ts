import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseHTML } from "linkedom/worker";
import { renderReport } from "../../src/report/html.ts";
import { type Detail, detailFromLog } from "../../src/report/detail.ts";
import { ranges, sharedLabels } from "../../src/report/figures/tradeoff.ts";
import type { Report } from "../../src/report/types.ts";
import { deepDetail, deepReport, sampleDepth, sampleDetail, sampleReport, unlabelledReport } from "./sample.ts";

const test = suite("report html");

const page = renderReport(sampleReport(), sampleDetail());

/** What is used of the DOM, whose types Deno doesn't know. */
interface Element {
  readonly textContent: string;
  readonly children: readonly Element[];
  getAttribute(name: string): string | null;
  querySelector(selector: string): Element | null;
  querySelectorAll(selector: string): Iterable<Element>;
}

function parse(text: string): Element {
  return (parseHTML(text) as unknown as { document: Element }).document;
}

test("tells every number of the report", () => {
  const text = parse(page).querySelector("body")!.textContent;
  const expected = [
    "12.3× fewer parameters, 6.63× fewer MACs, 4.36× faster at batch 256, −0.55 points test accuracy",
    ...["98.02 %", "98.33 %", "97.36 %", "97.78 %", "97.50 %", "96.67 %", "92.78 %", "95.83 %"],
    ...["38,282", "12,194", "3,498", "3,106", "343,936", "138,240", "51,872", "12.4 kB"],
    ...["0.812 ± 0.021 ms", "0.543 ± 0.016 ms", "21.93 ± 0.31 ms", "5.026 ± 0.096 ms", "1.50×"],
    ...["gpu timestamps", "0.001 ms", "5.72e−6", "2.41e−7", "512"],
    ...["conv1.weight", "0.0123", "0.0311", "0.0408", "6 of 16", "294,912", "38,016"],
    ...["deno task prune digits --out runs/digits", "secateur 0.1.0", "1ae5616", "llvmpipe (LLVM 19.1.7, 256 bits)"],
    ...["0.0811", "0.1508", "version: 1\nname: digits", "2.9.6", "14.0.365"],
  ];
  for (const part of expected) assert.ok(text.includes(part), `lacks ${part}`);
});

test("tells of each block's form, of the search among them, of λ, and of the merge's proof", () => {
  const { curves, ...detail } = sampleDetail();
  const mixed = curves.map((point, i) => ({ ...point, lambda: Math.min(1, i / 4) }));
  const document = parse(renderReport(sampleReport({ depth: sampleDepth() }), { ...detail, curves: mixed }));
  const text = document.querySelector("body")!.textContent;
  const expected = [
    ...[
      "2 of 3 blocks changed",
      "Form of each block: features.1 keep, features.3 identity, features.5 linear.",
    ],
    ...["4 candidates (exhaustive); the run went on with one of 1 and 97.50 %.", "Pareto front"],
    ...["λ, from what blocks were to what they become", "R² of its linear replacement", "ms before, batch 64"],
    ...["180,224", "66,304", "2.72×", "0.41", "0.92", "0.75", "3.25e−6", "1.25e−7"],
  ];
  for (const part of expected) assert.ok(text.includes(part), `lacks ${part}`);
});

test("where the images have no labels it says so, and how near the outputs are to the dense network's", () => {
  const text = parse(renderReport(unlabelledReport(), sampleDetail())).querySelector("body")!.textContent;
  const expected = [
    "No accuracy was measured: the images have no labels.",
    "Agreement and size",
    "Agreement with the dense network against size and time",
    "95 % intervals of 150 images",
    "the dense network's class for 94.00 % of 150 images, outputs off by 0.0213 of how much they vary",
    "0.0213",
  ];
  for (const part of expected) assert.ok(text.includes(part), `lacks ${part}`);
  assert.not.match(text, /test accuracy|NaN|undefined/);
  const bare = unlabelledReport();
  const one = { ...bare.final, agreement: { images: 3, outputLoss: 0.5 } };
  const single = renderReport({ ...bare, baseline: one, stages: [one], final: one }, sampleDetail());
  assert.not.match(single, /dense network's class|NaN|undefined/);
});

test("names network and data, and tells how sure accuracies are, each class's, warnings and the time of stages", () => {
  const report = sampleReport({
    network: "resnet20",
    data: "cifar10",
    images: { train: 1222, validation: 216, test: 360 },
    classes: [
      { name: "cat", images: 36, before: 1, after: 1 },
      { name: "dog", images: 10, before: 1, after: 0.5 },
    ],
    warnings: ["ADMM has not converged"],
    spent: { stages: [{ kind: "train", seconds: 30 }, { kind: "admm", seconds: 90 }], tuning: 12 },
  });
  const text = parse(renderReport(report, sampleDetail())).querySelector("body")!.textContent;
  const expected = [
    "Pruning report: resnet20 on cifar10",
    "Warning: ADMM has not converged",
    // 352 of 360 told right.
    ...["95 % interval, 360 images", "95.7–98.9 %", "Bars are 95 % intervals of 360 images"],
    ...["Test accuracy of each class", "−50.00 points", "23.7–76.3 %", "90.4–100.0 %"],
    ...["Time of each stage", "1 admm", "1 min 30 s", "75 %", "of that tuning of kernels", "12 s", "10 %"],
  ];
  for (const part of expected) assert.ok(text.includes(part), `lacks ${part}`);
  assert.ok(text.indexOf("dog") < text.indexOf("cat"), "the class that lost most comes first");
});

test("tells what each layer takes before and after, where that was timed", () => {
  const layers = [{ name: "conv1", beforeMs: 1.2345, afterMs: 0.5 }, { name: "conv2", beforeMs: 7.5 }];
  const text = renderReport(sampleReport({ layerTimes: { batch: 64, layers } }), sampleDetail());
  const cells = (name: string) =>
    new RegExp(`<th scope="row">${name}</th>(?:<td>[^<]*</td>){8}<td>([^<]*)</td><td>([^<]*)</td></tr>`).exec(text)
      ?.slice(1);
  assert.equal([cells("conv1"), cells("conv2"), cells("fc1")], [["1.23", "0.500"], ["7.50", "–"], ["–", "–"]]);
  assert.match(text, /ms before, batch 64/);
  assert.not.match(page, /ms before/);
});

test("says where the masked network runs faster than the dense one, and nothing where their spreads touch", () => {
  const latency = (medianMs: number) => [
    ...sampleReport().latency.filter(({ batch }) => batch === 1),
    ...sampleReport().latency.filter(({ batch }) => batch === 256).map((entry) =>
      entry.variant === "masked" ? { ...entry, medianMs, madMs: 0.3 } : entry
    ),
  ];
  const told = (medianMs: number) => renderReport(sampleReport({ latency: latency(medianMs) }), sampleDetail());
  // The dense one takes 21.934 ± 0.312 ms.
  assert.match(
    told(10.967),
    /masked network, .* ran at batch 256 in 11\.0 ms, 2\.00× as fast as the dense one in 21\.9 ms:/,
  );
  assert.not.match(told(21.4), /masked network, of/);
});

test("labels that would touch are one, and so are those that a longer one touches", () => {
  assert.is(ranges([1]), "1");
  assert.is(ranges([1, 2, 3, 5, 6, 9]), "1–3, 5, 6, 9");
  const labels = (...places: readonly (readonly [x: number, y: number])[]) =>
    sharedLabels(
      places.map(([x, y], i) => ({ number: i + 1, x, y })),
      ({ x, y }) => ({ across: x, down: y }),
    ).map(({ x, text }) => `${text} at ${x}`);
  // A character takes 6.6 pixels, a line 12, and 6 of air are wanted.
  assert.equal(labels([0, 0], [12.5, 0]), ["1, 2 at 0"]);
  assert.equal(labels([0, 0], [12.7, 0]), ["1 at 0", "2 at 12.7"]);
  assert.equal(labels([0, 0], [0, 17]), ["1, 2 at 0"]);
  assert.equal(labels([0, 0], [0, 19]), ["1 at 0", "2 at 0"]);
  // "1, 2" reaches to (4 + 1)/2 · 6.6 + 6 = 22.5 from a single digit.
  assert.equal(labels([0, 0], [10, 0], [22, 0], [60, 0]), ["1–3 at 0", "4 at 60"]);
  assert.equal(labels([0, 0], [50, 0], [10, 0]), ["1, 3 at 0", "2 at 50"]);
});

test("a report without depth says nothing of blocks", () => {
  assert.not.match(page, /Blocks before and after|Search<|λ,/);
});

test("opens without a network, a script or a link", () => {
  for (const text of [page, renderReport(deepReport(), deepDetail())]) {
    assert.match(text, `content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"`);
    assert.not.match(text, /https?:|\/\/[a-z]|@import|url\(|<script|<link|<img|<iframe|<object|\s(src|href|on\w+)=/i);
    assert.ok(text.length < 1_000_000, `${text.length} characters`);
  }
});

test("is the same whenever it is written", () => {
  assert.is(renderReport(sampleReport(), sampleDetail()), page);
});

test("text is text, wherever it comes from", () => {
  const evil = `<script>alert(1)</script>"'&</title></style></svg><img src=x onerror=y>`;
  const text = renderReport(poison(sampleReport(), evil), poison(sampleDetail(), evil));
  const document = parse(text);
  assert.is([...document.querySelectorAll("script, img")].length, 0);
  assert.not.match(text, /<script|<img/);
  assert.ok(document.querySelector("pre")!.textContent.includes(evil));
  assert.ok(document.querySelector("tbody th")!.textContent.includes(evil));
  // Each element is still where it was.
  assert.is(shape(document.querySelector("body")!), shape(parse(harmless()).querySelector("body")!));

  function harmless(): string {
    const word = "a".repeat(evil.length);
    return renderReport(poison(sampleReport(), word), poison(sampleDetail(), word));
  }
});

test("what turns the direction of writing, and control characters, can be seen", () => {
  const evil = "\u001b[31m\u202e\u2066\u0000\u2028end";
  const text = renderReport(poison(sampleReport(), evil), poison(sampleDetail(), evil));
  assert.equal(text.match(/(?!\n)[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/u), null);
  const seen = String.raw`\u001b[31m\u202e\u2066\u0000\u2028end`;
  for (const place of ["tbody th", "pre"]) {
    assert.ok(parse(text).querySelector(place)!.textContent.includes(seen), place);
  }
});

/** Every free text, map keys too, with `text` behind it. */
function poison<T extends Report | Detail>(value: T, text: string): T {
  const fixed = new Set(["variant", "phase"]);
  const walk = (part: unknown, key: string): unknown => {
    if (typeof part === "string") return fixed.has(key) ? part : part + text;
    if (Array.isArray(part)) return part.map((item) => walk(item, key));
    if (typeof part !== "object" || part === null) return part;
    const isMap = ["requested", "achieved", "untold", "versions"].includes(key);
    return Object.fromEntries(Object.entries(part).map(([k, v]) => [isMap ? k + text : k, walk(v, k)]));
  };
  return walk(value, "") as T;
}

/** Names of elements, nested. */
function shape(element: Element & { localName?: string }): string {
  return `${element.localName}(${[...element.children].map(shape).join(" ")})`;
}

test("tables have captions and scopes, pictures a title and a description", () => {
  const document = parse(page);
  for (const table of document.querySelectorAll("table")) {
    assert.ok(table.querySelector("caption")!.textContent.length > 5);
    for (const th of table.querySelectorAll("th")) assert.ok(["col", "row"].includes(th.getAttribute("scope")!));
    for (const row of table.querySelectorAll("tbody tr")) assert.ok(row.querySelector("th[scope=row]"));
  }
  const ids = new Set<string>();
  for (const svg of document.querySelectorAll("svg[role=img]")) {
    const [title, description] = svg.getAttribute("aria-labelledby")!.split(" ");
    assert.is(svg.querySelector("title")!.getAttribute("id"), title);
    assert.is(svg.querySelector("desc")!.getAttribute("id"), description);
    assert.ok(!ids.has(title));
    ids.add(title);
  }
  assert.is(ids.size, 18);
  for (const svg of document.querySelectorAll("svg:not([role])")) assert.is(svg.getAttribute("aria-hidden"), "true");
});

test("charts take their colours from the page, so that they follow light and dark", () => {
  for (const text of [page, renderReport(deepReport(), deepDetail())]) {
    const colours = [...text.matchAll(/ (?:fill|stroke)="([^"]*)"/g)].map((match) => match[1]);
    assert.ok(colours.length > 50);
    const variables = new Set(text.match(/--[a-z0-9-]+(?=:)/g));
    for (const colour of new Set(colours)) {
      assert.match(colour, /^(none|currentColor|var\(--[a-z0-9-]+\))$/);
      if (colour.startsWith("var")) assert.ok(variables.has(colour.slice(4, -1)), colour);
    }
  }
});

test("charts hold numbers only", () => {
  for (const text of [page, renderReport(deepReport(), deepDetail())]) assert.not.match(text, /NaN|undefined|Infinity/);
});

test("a software adapter is warned of, a real one is not", () => {
  assert.match(page, "absolute times mean little; compare ratios");
  assert.not.match(renderReport(deepReport(), deepDetail()), "absolute times mean little");
});

test("what a device's known faults keep out of use is told in one line, where there are any", () => {
  assert.not.match(page, "without dynamic offsets");
  const { adapter } = sampleReport();
  const avoided = "without dynamic offsets: drivers of Adreno 8xx are wrong";
  const told = renderReport(sampleReport({ adapter: { ...adapter, avoided } }), sampleDetail());
  assert.match(told, avoided);
});

test("what f16 changes is a table at its own tolerance, or a line, where it was asked", () => {
  assert.not.match(page, "f16");
  const figures = { images: 359, maxRel: 0.00123, sameClass: 1, accuracy: { f32: 0.9778, f16: 0.9778 } };
  const told = renderReport(sampleReport({ f16: figures }), sampleDetail());
  assert.match(told, /numbers kept in f16.+359.+0\.0012.+yes.+100.+97\.78.+97\.78/s);
  const far = renderReport(sampleReport({ f16: { ...figures, maxRel: 0.0021 } }), sampleDetail());
  assert.match(far, /0\.0021.+no/s);
  const none = renderReport(sampleReport({ f16: { notMeasured: "this device has none" } }), sampleDetail());
  assert.match(none, "f16 wasn't measured: this device has none.");
});

test("what a run lacks is left out", () => {
  const report = sampleReport({
    best: undefined,
    controls: {},
    latency: [],
    speedup: [],
    admm: [],
    requested: {},
    achieved: {},
    stages: [],
    equivalence: { notProved: "nothing was pruned" },
  });
  const text = renderReport(report, { recipeYaml: "", layers: [], curves: [], residuals: [], versions: {} });
  assert.not.match(text, /NaN|undefined|Infinity/);
  assert.match(text, "Not proved: nothing was pruned.");
  for (const absent of ["Against the controls", "Latency", "ADMM", "Budgets"]) assert.not.match(text, absent);
});

test("the controls' epochs don't run on from the network's own", () => {
  const { curves } = sampleDetail();
  const control = { phase: "control: scratch", epoch: 1, loss: 2.3, validationAccuracy: 0.1 };
  const text = renderReport(sampleReport(), sampleDetail({ curves: [...curves, control] }));
  assert.is(text, page.replace("epochs in brackets.", "epochs in brackets, controls left out."));
});

test("the change of support stands beside the residuals where the log has it", () => {
  const [line] = [{ phase: "admm", rho: 0.1, residuals: { a: 0.2, b: 0.1 }, support: { a: 0.25 } }].map((event) =>
    JSON.stringify(event)
  );
  const { residuals } = detailFromLog([line]);
  assert.equal(residuals.map(({ layer, support }) => [layer, support]), [["a", 0.25], ["b", undefined]]);
  assert.not.match(renderReport(sampleReport(), sampleDetail()), /Change of support/);
  const text = renderReport(sampleReport(), sampleDetail({ residuals }));
  assert.match(text, /Share of groups chosen otherwise than at the update before; at most 25\.00 % at the last\./);
});

test("odd values do no harm", () => {
  const report = sampleReport();
  const nothing = { ...report.final, nonzero: 0, params: 0, macs: 0, bytes: 0, accuracy: { validation: 0, test: 0 } };
  const text = renderReport(
    { ...report, final: nothing, best: nothing },
    sampleDetail({
      curves: [{ phase: "train", epoch: 1, loss: 0, validationAccuracy: 1 }],
      residuals: [{ update: 1, layer: "a", residual: 0, rho: NaN, step: 1 }],
      layers: [{
        name: "a".repeat(200),
        before: 1,
        after: 0,
        params: { before: 1, after: 0 },
        macs: { before: 1, after: 0 },
      }],
    }),
  );
  assert.not.match(text, /NaN|undefined|Infinity/);
});

test.run();
