import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { parseReport } from "../../src/report/validate.ts";
import { sampleReport, unlabelledReport } from "./sample.ts";

const test = suite("report validate");
const file = "runs/mine/report.json";

/** The sample with `value` at a dotted path; undefined removes the key. */
function damaged(path: string, value: unknown): unknown {
  const report = JSON.parse(JSON.stringify(sampleReport()));
  const keys = path.split(".");
  const last = keys.pop()!;
  const parent = keys.reduce((object, key) => object[key], report);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return report;
}

test("a report survives its file", () => {
  const { best: _best, ...without } = sampleReport({ controls: {}, latency: [], speedup: [], requested: {} });
  for (const report of [sampleReport(), without]) {
    assert.equal(parseReport(JSON.parse(JSON.stringify(report)), file), report);
  }
});

test("a proof over no inputs, as older reports wrote it, is read as none", () => {
  const read = (equivalence: unknown) => parseReport(damaged("equivalence", equivalence), file).equivalence;
  assert.equal(read({ maxAbs: 0, maxRel: 0, inputs: 0 }), { notProved: "nothing was compared" });
  assert.equal(read({ notProved: "nothing was pruned" }), { notProved: "nothing was pruned" });
  assert.equal(read({ maxAbs: 1e-6, maxRel: 1e-7, inputs: 1 }), { maxAbs: 1e-6, maxRel: 1e-7, inputs: 1 });
});

test("a run on images without labels has agreements in place of accuracies, and never both", () => {
  const report = unlabelledReport();
  assert.equal(parseReport(JSON.parse(JSON.stringify(report)), file), report);
  const single = { ...report.final, agreement: { images: 3, outputLoss: 0.5 } };
  assert.equal(parseReport(JSON.parse(JSON.stringify({ ...report, final: single })), file).final, single);
  const accuracy = { validation: 1, test: 1 };
  const refused = (final: unknown, message: RegExp) =>
    assert.throws(() => parseReport({ ...report, final }, file), message);
  refused({ ...report.final, accuracy }, /final: expected accuracy or agreement, got/);
  refused({ ...report.final, agreement: undefined }, /final: expected accuracy or agreement, got/);
  refused({ ...report.final, agreement: undefined, accuracy }, /expected all networks told in the same way, by/);
});

test("what is wrong is named: file, key, what was expected and what stands there", () => {
  const cases: [string, unknown, string][] = [
    ["version", 2, "version: expected 1, the version of reports that this Secateur reads, got 2"],
    ["seed", undefined, "seed: missing"],
    ["final", undefined, "final: missing"],
    ["seed", 1.5, "seed: expected a whole number of at least 0, got 1.5"],
    ["tool", 3, "tool: expected a text, got 3"],
    ["final.accuracy.test", 97.8, "final.accuracy.test: expected a fraction in 0…1, got 97.8"],
    ["final.accuracy", 0.9, "final.accuracy: expected a map of keys, got 0.9"],
    ["stages.1.macs", null, "stages.1.macs: expected a whole number of at least 0, got null"],
    ["stages", {}, "stages: expected a list, got {}"],
    ["latency.0.variant", "sparse", 'latency.0.variant: expected dense, masked or compact, got "sparse"'],
    ["latency.2.madMs", -1, "latency.2.madMs: expected a number of at least 0, got -1"],
    ["compression.params", 0, "compression.params: expected a number above 0, got 0"],
    ["adapter.fallback", "no", 'adapter.fallback: expected true or false, got "no"'],
    ["achieved.params", "0.1", 'achieved.params: expected a number, got "0.1"'],
    ["untold", { params: 1 }, "untold.params: expected a text, got 1"],
    ["requested", [], "requested: expected a map of numbers, got []"],
    [
      "final.flops",
      3,
      "final.flops: unknown key, expected one of name, accuracy, agreement, params, nonzero, macs, bytes, peakBytes",
    ],
    [
      "equivalence.inputs",
      undefined,
      `equivalence: expected maxAbs, maxRel and inputs, or notProved, got {"maxAbs":0.000005722,"maxRel":2.41e-7}`,
    ],
    ["controls.best", 3, "controls.best: expected a map of keys, got 3"],
  ];
  for (const [path, value, message] of cases) {
    assert.throws(
      () => parseReport(damaged(path, value), file),
      (error: Error) => {
        assert.instance(error, UserError);
        assert.is(error.message, `${file}: ${message}; run prune again to write a new report`);
        return true;
      },
    );
  }
});

test("several mistakes are counted, an unknown key told first", () => {
  const report = damaged("seed", undefined) as Record<string, unknown>;
  report.sed = 1;
  assert.throws(() => parseReport(report, file), /sed: unknown key, expected one of .* \(and 1 more\)/);
});

test("what is no report at all", () => {
  for (const value of [null, 3, "text", []]) {
    assert.throws(() => parseReport(value, file), /report\.json: the whole: expected a map of keys|version: missing/);
  }
});

test.run();
