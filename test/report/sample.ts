/** A run as the bundled digits would give it: numbers made up, but possible ones. */
import { buildReport } from "../../src/report/build.ts";
import type { Detail } from "../../src/report/detail.ts";
import type { DepthBlock, DepthRecord, Latency, Point, Report, Variant } from "../../src/report/types.ts";

export function sampleReport(change: Partial<Report> = {}): Report {
  const baseline = point("train", 0.9802, 0.9833, 38_282, 38_282, 343_936);
  const final = point("compact", 0.9736, 0.9778, 3_106, 3_106, 51_872);
  return {
    ...buildReport({
      tool: "secateur 0.1.0",
      commit: "1ae5616",
      seed: 1,
      command: "deno task prune digits --out runs/digits",
      adapter: { vendor: "mesa", description: "llvmpipe (LLVM 19.1.7, 256 bits)", fallback: true },
      baseline,
      stages: [
        baseline,
        point("admm 1/2", 0.9802, 0.9806, 12_194, 12_194, 138_240),
        point("admm 2/2", 0.9736, 0.9778, 12_194, 3_498, 138_240),
        point("purify", 0.9736, 0.9778, 12_194, 3_106, 138_240),
        final,
      ],
      final,
      best: point("admm 2/2, epoch 9", 0.9769, 0.9750, 3_106, 3_106, 51_872),
      controls: {
        magnitude: point("magnitude", 0.9670, 0.9667, 3_106, 3_106, 51_872),
        random: point("random", 0.9340, 0.9278, 3_106, 3_106, 51_872),
        scratch: point("scratch", 0.9538, 0.9583, 3_106, 3_106, 51_872),
      },
      equivalence: { maxAbs: 5.722e-6, maxRel: 2.41e-7, inputs: 512 },
      admm: [
        { layer: "conv1.weight", residual: 0.0123 },
        { layer: "conv2.weight", residual: 0.0311 },
        { layer: "fc1.weight", residual: 0.0408 },
      ],
      latency: [
        latency("dense", 1, 0.8123, 0.0214),
        latency("masked", 1, 0.8155, 0.0187),
        latency("compact", 1, 0.5431, 0.0162),
        latency("dense", 256, 21.934, 0.312),
        latency("masked", 256, 21.871, 0.287),
        latency("compact", 256, 5.0262, 0.0961),
      ],
      requested: { params: 0.1 },
      achieved: { params: 0.0811, macs: 0.1508 },
    }),
    ...change,
  };
}

/** The same run on images without labels. */
export function unlabelledReport(change: Partial<Report> = {}): Report {
  const { controls: _, best: _best, ...report } = sampleReport();
  const told = ({ accuracy: _, ...sizes }: Point, sameClass: number, outputLoss: number): Point => ({
    ...sizes,
    agreement: { images: 150, sameClass, outputLoss },
  });
  const baseline = told(report.baseline, 1, 0);
  const final = told(report.final, 0.94, 0.02134);
  return { ...report, controls: {}, admm: [], baseline, stages: [baseline, final], final, ...change };
}

export function sampleDetail(change: Partial<Detail> = {}): Detail {
  return {
    recipeYaml: "version: 1\nname: digits\nmodel: { name: digits }\nstages:\n  - kind: train\n    epochs: 20\n",
    layers: [
      layer("conv1", 16, 6, [160, 60], [9_216, 3_456]),
      layer("conv2", 32, 11, [4_640, 605], [294_912, 38_016]),
      layer("fc1", 64, 13, [32_832, 2_301], [32_768, 2_288]),
      layer("fc2", 10, 10, [650, 140], [640, 130]),
    ],
    curves: [
      ...curve("train", 20, 1.9, 0.031, 0.74, 0.9802),
      ...curve("admm 1/2", 8, 0.09, 0.041, 0.972, 0.978),
      ...curve("retrain 1/2", 12, 0.11, 0.024, 0.967, 0.9802),
      ...curve("admm 2/2", 8, 0.13, 0.077, 0.96, 0.9736),
      ...curve("retrain 2/2", 12, 0.17, 0.052, 0.9538, 0.9736),
    ],
    residuals: ["conv1.weight", "conv2.weight", "fc1.weight"].flatMap((name, i) =>
      Array.from({ length: 16 }, (_, k) => ({
        update: k + 1,
        layer: name,
        residual: (0.34 + 0.12 * i) * Math.exp(-(k % 8) * (0.42 - 0.05 * i)) * (k < 8 ? 1 : 0.8),
        rho: 1e-4 * 1.9 ** (k % 8),
        step: k < 8 ? 1 : 2,
      }))
    ),
    versions: { deno: "2.9.6", v8: "14.0.365", typescript: "5.9.2" },
    ...change,
  };
}

/** A deep net on a real GPU: long names, many layers, stages and updates. */
export function deepReport(): Report {
  const stage = (name: string, i: number) =>
    point(name, 0.93 - 0.003 * i, 0.9288 - 0.0031 * i, 855_770, 855_770 - 60_000 * i, 125_485_696);
  const baseline = stage("train", 0);
  const final = point("compact", 0.9121, 0.9087, 120_338, 120_338, 21_004_800);
  return {
    ...sampleReport(),
    ...buildReport({
      ...sampleReport(),
      command: `deno task prune cifar-resnet56 --data-dir ${"/a/long/folder".repeat(8)}`,
      adapter: { vendor: "nvidia", description: "NVIDIA H200", fallback: false },
      baseline,
      stages: [
        baseline,
        ...Array.from({ length: 8 }, (_, i) => stage(`admm ${i + 1}/8`, i + 1)),
        stage("purify", 9),
        final,
      ],
      final,
      best: undefined,
      controls: { magnitude: final },
      admm: deepLayers().map((name, i) => ({ layer: `${name}.weight`, residual: 0.01 + 0.0007 * i })),
    }),
  };
}

export function deepDetail(): Detail {
  return sampleDetail({
    layers: deepLayers().map((name, i) =>
      layer(name, 16 << Math.floor(i / 19), 16 - (i % 9), [2304, 900], [2_359_296, 921_600])
    ),
    residuals: deepLayers().flatMap((name, i) =>
      Array.from({ length: 64 }, (_, k) => ({
        update: k + 1,
        layer: `${name}.weight`,
        residual: (0.2 + 0.005 * i) * Math.exp(-(k % 8) * (0.5 - 0.004 * i)),
        rho: 1e-3,
        step: 1 + Math.floor(k / 8),
      }))
    ),
    curves: [
      ...curve("train", 160, 2.2, 0.02, 0.31, 0.93),
      ...Array.from({ length: 8 }, (_, i) => [
        ...curve(`admm ${i + 1}/8`, 8, 0.2, 0.1, 0.9, 0.925),
        ...curve(`retrain ${i + 1}/8`, 20, 0.2, 0.05, 0.9, 0.926),
      ]).flat(),
    ],
  });
}

function deepLayers(): string[] {
  return [
    "conv1",
    ...[1, 2, 3].flatMap((stage) =>
      Array.from({ length: 9 }, (_, i) => [1, 2].map((c) => `layer${stage}.${i}.conv${c}`)).flat()
    ),
    "fc",
  ];
}

function point(name: string, validation: number, test: number, params: number, nonzero: number, macs: number): Point {
  return { name, accuracy: { validation, test }, params, nonzero, macs, bytes: 4 * params };
}

function latency(variant: Variant, batch: number, medianMs: number, madMs: number): Latency {
  return { variant, batch, medianMs, madMs, samples: 60, clock: "gpu timestamps", quantumMs: 0.001 };
}

function layer(name: string, before: number, after: number, params: [number, number], macs: [number, number]) {
  const change = ([before, after]: [number, number]) => ({ before, after });
  return { name, before, after, params: change(params), macs: change(macs) };
}

/** Epochs that go from one loss and accuracy to another, with some unrest. */
function curve(phase: string, epochs: number, loss0: number, loss1: number, accuracy0: number, accuracy1: number) {
  return Array.from({ length: epochs }, (_, i) => {
    const t = epochs > 1 ? 1 - (1 - i / (epochs - 1)) ** 3 : 1;
    const unrest = i === epochs - 1 ? 0 : Math.sin(12.9 * i + epochs);
    return {
      phase,
      epoch: i + 1,
      loss: loss0 ** (1 - t) * loss1 ** t * (1 + 0.05 * unrest),
      validationAccuracy: Math.min(1, accuracy0 + (accuracy1 - accuracy0) * t + 0.003 * unrest),
    };
  });
}

/** What depth pruning of a small ConvNeXt would give. */
export function sampleDepth(): DepthRecord {
  const block = (i: number, form: string, score: number, after: number): DepthBlock => ({
    name: `features.${i}`,
    kind: "convnext",
    form,
    score,
    macs: { before: 180_224, after },
    ms: { batch: 64, before: 2.5, after: form === "keep" ? 2.5 : 0.75 },
  });
  const candidate = (gene: string[], value: number) => ({
    gene,
    cost: gene.filter((form) => form === "keep").length,
    value,
  });
  return {
    blocks: [block(1, "keep", 0.41, 180_224), block(3, "identity", 0.92, 66_304), block(5, "linear", 0.87, 66_304)],
    search: {
      method: "exhaustive",
      value: "accuracy",
      cost: "blocks",
      candidates: [
        candidate(["keep", "keep", "keep"], 0.98),
        candidate(["keep", "identity", "linear"], 0.975),
        candidate(["identity", "identity", "keep"], 0.91),
        candidate(["identity", "identity", "linear"], 0.9),
      ],
      pareto: [3, 1, 0],
      chosen: 1,
    },
    merge: { maxAbs: 3.25e-6, maxRel: 1.25e-7, inputs: 256 },
  };
}
