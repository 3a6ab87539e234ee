import { suite } from "uvu";
import * as assert from "uvu/assert";
import { buildReport, compression, headline, isSoftware, largestBatch, speedups } from "../../src/report/build.ts";
import { detailFromLog } from "../../src/report/detail.ts";
import type { Latency, Variant } from "../../src/report/types.ts";
import { sampleReport, unlabelledReport } from "./sample.ts";

const test = suite("report build");

const time = (variant: Variant, batch: number, medianMs: number): Latency => ({
  variant,
  batch,
  medianMs,
  madMs: 0,
  samples: 1,
  clock: "wall clock",
  quantumMs: 10,
});

test("speed-up is dense over compact, by batch, where both were timed", () => {
  const latency = [
    time("compact", 256, 5),
    time("dense", 256, 20),
    time("masked", 256, 21),
    time("dense", 1, 3),
    time("compact", 1, 2),
    time("dense", 64, 7),
    time("masked", 8, 7),
  ];
  assert.equal(speedups(latency), [{ batch: 1, ratio: 1.5 }, { batch: 256, ratio: 4 }]);
  assert.equal(largestBatch(speedups(latency)), { batch: 256, ratio: 4 });
  assert.is(largestBatch([]), undefined);
});

test("compression is baseline over final and always finite", () => {
  const { baseline, final } = sampleReport();
  assert.equal(
    compression({ ...baseline, params: 100, nonzero: 90, macs: 80 }, { ...final, params: 10, nonzero: 0, macs: 20 }),
    {
      params: 10,
      nonzero: 90,
      macs: 4,
    },
  );
});

test("a report is completed from its findings", () => {
  const { version: _version, compression: _compression, speedup: _speedup, ...findings } = sampleReport();
  const report = buildReport(findings);
  assert.is(report.version, 1);
  assert.is(report.compression.params, 38_282 / 3_106);
  assert.is(report.speedup.length, 2);
});

test("the headline tells gains and losses", () => {
  const report = sampleReport();
  assert.is(
    headline(report),
    "12.3× fewer parameters, 6.63× fewer MACs, 4.36× faster at batch 256, −0.55 points test accuracy",
  );
  const worse = {
    ...report,
    compression: { params: 2, nonzero: 2, macs: 0.5 },
    speedup: [{ batch: 1, ratio: 0.8 }],
    final: { ...report.final, accuracy: report.baseline.accuracy },
  };
  assert.is(
    headline(worse),
    "2.00× fewer parameters, 2.00× more MACs, 1.25× slower at batch 1, ±0.00 points test accuracy",
  );
  assert.not.match(headline({ ...report, speedup: [] }), "batch");
  assert.is(headline({ ...report, final: report.baseline }), "98.33 % test accuracy, nothing pruned");
  assert.is(
    headline(unlabelledReport({ speedup: [] })),
    "12.3× fewer parameters, 6.63× fewer MACs, the dense network's class for 94.00 % of 150 images, outputs off by 0.0213 " +
      "of how much they vary",
  );
  const whole = unlabelledReport().baseline;
  assert.is(
    headline(unlabelledReport({ final: whole })),
    "no accuracy was measured: the images have no labels, nothing pruned",
  );
  const masked = headline({ ...report, compression: { params: 1, nonzero: 10, macs: 1 }, speedup: [] });
  assert.is(masked, "10.0× fewer non-zero parameters, as many MACs, −0.55 points test accuracy");
});

test("software adapters are known by their name", () => {
  const names = ["llvmpipe (LLVM 19.1.7)", "SwiftShader Device", "Microsoft Basic Render Driver"];
  for (const description of names) assert.ok(isSoftware({ vendor: "", description, fallback: false }), description);
  assert.not(isSoftware({ vendor: "nvidia", description: "NVIDIA H200", fallback: false }));
  assert.ok(isSoftware({ vendor: "x", description: "y", fallback: true }));
});

test("curves and residuals are read from a log", () => {
  const lines = [
    `{"phase":"train","epoch":1,"loss":2,"trainAccuracy":0.3,"validationLoss":1.9,"validationAccuracy":0.4}`,
    `{"event":"something else"}`,
    `{"phase":"admm 1/2","epoch":1,"loss":1,"validationAccuracy":0.8,"rho":0.01,"residuals":{"a.weight":0.5,"b.weight":0.4}}`,
    `{"phase":"admm 2/2","epoch":1,"loss":0.5,"validationAccuracy":0.9,"rho":{"a.weight":0.1},"residuals":{"a.weight":0.1}}`,
    ``,
    `null`,
    `{"phase":"retrain 2/2","epoch":1,"lo`,
  ];
  assert.equal(detailFromLog(lines), {
    curves: [
      { phase: "train", epoch: 1, loss: 2, validationAccuracy: 0.4 },
      { phase: "admm 1/2", epoch: 1, loss: 1, validationAccuracy: 0.8 },
      { phase: "admm 2/2", epoch: 1, loss: 0.5, validationAccuracy: 0.9 },
    ],
    residuals: [
      { update: 1, layer: "a.weight", residual: 0.5, rho: 0.01, step: 1 },
      { update: 1, layer: "b.weight", residual: 0.4, rho: 0.01, step: 1 },
      { update: 2, layer: "a.weight", residual: 0.1, rho: 0.1, step: 2 },
    ],
  });
});

test.run();
