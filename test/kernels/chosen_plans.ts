/**
 * What the planners choose for a broad list of shapes: a line for each shape with the way chosen on each device and a digest
 * of its launch (constants, uniforms, grids, bound parts, sizes of scratch and tables).
 */
import {
  attentionCandidates,
  attentionClass,
  attentionGradCandidates,
  attentionGradClass,
  type AttentionShape,
} from "../../kernels/attention/attention.ts";
import { convDgradCandidates, convDgradClass } from "../../kernels/conv/dgrad.ts";
import { convForwardCandidates, convForwardClass } from "../../kernels/conv/forward.ts";
import type { ConvShape } from "../../kernels/conv/shape.ts";
import { convWgradCandidates, convWgradClass } from "../../kernels/conv/wgrad.ts";
import { gemmCandidates, gemmClass, type GemmShape } from "../../kernels/gemm/plan.ts";
import { EPILOGUES, type Launch, type Step } from "../../kernels/launch.ts";
import { softmaxCandidates, softmaxClass } from "../../kernels/softmax/softmax.ts";
import { FORMATS } from "../../kernels/sparse/format.ts";
import { type Candidate, choose, type Tuning, UNTUNED } from "../../kernels/tuning.ts";
import { noise } from "../tensor/reference64.ts";

/** One shape, and the ways to do it on a device. */
export interface Case {
  readonly shape: string;
  candidates(tuning: Tuning): readonly Candidate[];
}

/** The line of each case: the shape, and what is chosen on each of these devices. */
export function chosenPlans(tunings: Readonly<Record<string, Tuning>>): string[] {
  return CASES.map(({ shape, candidates }) => {
    const parts = Object.entries(tunings).map(([device, tuning]) => {
      const chosen = choose(shape, candidates(tuning), tuning);
      return `${device}: ${chosen.name} ${digest(chosen.build())}`;
    });
    return `${shape} | ${parts.join(" | ")}`;
  });
}

/** FNV-1a of all that a launch says but the names of programs and buffers. */
function digest({ prepare, steps, scratch, tables }: Launch): string {
  const step = ({ plan: { program, uniforms, grid }, bindings, windows }: Step) => [
    ...[Object.values(program.constants ?? {}), program.access, uniforms, grid, bindings.length],
    Object.entries(windows ?? {}),
  ];
  const sizes = [Object.values(scratch), Object.values(tables).map((table) => [table.length, hash(String(table))])];
  return hash(JSON.stringify([(prepare ?? []).map(step), steps.map(step), ...sizes])).toString(16).padStart(8, "0");
}

function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  return state >>> 0;
}

function conv(
  batch: number,
  [channels, height, width]: readonly [number, number, number],
  filters: number,
  kernel: number,
  { stride = 1, pad = Math.floor(kernel / 2), dilation = 1, groups = 1 } = {},
): ConvShape {
  return {
    batch,
    channels,
    height,
    width,
    filters,
    groups,
    kernel: [kernel, kernel],
    stride: [stride, stride],
    pads: [pad, pad, pad, pad],
    dilation: [dilation, dilation],
  };
}

/** Layers of LeNet-5, ResNet-8, ResNet-20, ResNet-18, MobileNetV2, and odd ones. */
const CONVS: readonly ConvShape[] = [
  ...[1, 64].flatMap((batch) => [
    conv(batch, [1, 28, 28], 6, 5),
    conv(batch, [6, 12, 12], 16, 5, { pad: 0 }),
    conv(batch, [20, 12, 12], 50, 5, { pad: 0 }),
    conv(batch, [1, 8, 8], 16, 3),
  ]),
  ...[1, 32].flatMap((batch) => [
    conv(batch, [3, 32, 32], 16, 3),
    conv(batch, [16, 32, 32], 16, 3),
    conv(batch, [16, 32, 32], 32, 3, { stride: 2 }),
    conv(batch, [16, 32, 32], 32, 1, { stride: 2, pad: 0 }),
    conv(batch, [32, 16, 16], 32, 3),
    conv(batch, [64, 8, 8], 64, 3),
    conv(batch, [13, 15, 17], 13, 3),
    conv(batch, [7, 9, 9], 11, 3, { dilation: 2, pad: 2 }),
    conv(batch, [16, 14, 14], 24, 3, { groups: 4 }),
    conv(batch, [32, 28, 28], 32, 3, { groups: 32 }),
    conv(batch, [96, 29, 29], 96, 3, { groups: 96, stride: 2 }),
    conv(batch, [24, 14, 14], 144, 1, { pad: 0 }),
    conv(batch, [144, 7, 7], 32, 1, { pad: 0 }),
  ]),
  ...[1, 4].flatMap((batch) => [
    conv(batch, [3, 224, 224], 64, 7, { stride: 2 }),
    conv(batch, [64, 56, 56], 64, 3),
    conv(batch, [128, 28, 28], 128, 3),
    conv(batch, [256, 14, 14], 512, 3, { stride: 2 }),
    conv(batch, [512, 7, 7], 512, 3),
    conv(batch, [256, 56, 56], 64, 1, { pad: 0 }),
    conv(batch, [3, 224, 224], 192, 16, { stride: 16, pad: 0 }),
  ]),
  { ...conv(8, [16, 16, 16], 32, 3), taps: Array.from({ length: 48 }, (_, i) => 3 * i + i % 3) },
  { ...conv(32, [20, 8, 8], 24, 3), kernel: [3, 1], pads: [1, 0, 1, 0] },
];

const GEMMS: readonly GemmShape[] = [
  ...[[1, 10, 84], [64, 10, 84], [64, 120, 400], [1, 1000, 512], [64, 1000, 512], [1, 4096, 4096], [32, 4096, 4096]],
  ...[[128, 128, 128], [512, 512, 512], [509, 513, 517], [197, 576, 192], [1576, 192, 768], [10, 84, 64], [
    500,
    1,
    800,
  ]],
  ...[[33, 40, 1000], [8, 8, 20_000], [3136, 64, 147]],
].flatMap(([m, n, k]) => [
  { m, n, k, a: "k", b: "k" } as const,
  { m, n, k, a: "k", b: "rows" } as const,
  { m, n, k, a: "rows", b: "rows" } as const,
]);

/** [heads, queries, keys, depth] */
const ATTENTIONS = [[3, 197, 197, 64], [24, 197, 197, 64], [12, 16, 16, 32], [4, 65, 65, 24], [8, 1000, 1000, 128]];

/** [rows, length] */
const SOFTMAXES = [[1, 10], [64, 10], [591, 197], [4, 1000], [4096, 64]];

/** Convolution weights [F,C,KH,KW] and linear ones [N,K] with zeros of each format's structure. */
function sparseCases(): Case[] {
  const shapes: { weight: readonly number[]; x: readonly [number, number] }[] = [
    { weight: [16, 16, 3, 3], x: [8, 32] },
    { weight: [64, 64, 3, 3], x: [1, 8] },
    { weight: [256, 512], x: [64, 1] },
  ];
  return shapes.flatMap(({ weight, x: [batch, side] }) =>
    FORMATS.flatMap((format): Case[] => {
      const packed = format.pack(pruned(format.name, weight), weight);
      if (!packed) return [];
      const [rows, columns] = weight;
      const what = `${format.name} [${weight}] x${batch}`;
      return [{
        shape: weight.length === 4 ? `${what} of ${side}x${side}` : what,
        candidates: (tuning) =>
          weight.length === 4
            ? format.conv(conv(batch, [columns, side, side], rows, 3), packed, {}, tuning)
            : format.gemm({ m: batch, n: rows, k: columns }, packed, tuning),
      }];
    }).filter(({ candidates }) => candidates(UNTUNED).length > 0)
  );
}

/** Keeps about a quarter of a weight, in the structure that the format is for. */
function pruned(format: string, [rows, ...rest]: readonly number[]): Float32Array {
  const columns = rest.reduce((product, n) => product * n, 1);
  const kept = (r: number, c: number): boolean => {
    switch (format) {
      case "columns":
        return c % 4 === 0;
      case "bsr":
        return (Math.floor(r / 16) + Math.floor(c / 16)) % 4 === 0;
      case "block-punched":
        return (Math.floor(r / 8) + c) % 4 === 0;
      case "kernel list":
        return (r + Math.floor(c / 9)) % 4 === 0;
      case "vector":
        return (r + Math.floor(c / 3)) % 4 === 0;
      case "pattern":
        return (r + Math.floor(c / 9)) % 2 === 0 && [1, 3, 4, 5].includes(c % 9);
      case "n:m":
        return c % 4 === r % 4;
      default:
        return (7 * r + 5 * c + (r * c) % 11) % 4 === 0;
    }
  };
  return noise(rows * columns, 7).map((w, i) => kept(Math.floor(i / columns), i % columns) ? w : 0);
}

/** q, k and v in one projection, and the heads joined. */
function inPlaceCase(shape: AttentionShape, perSample: number): Case {
  const { queries, depth } = shape, dim = perSample * depth;
  const [q, k, v] = [0, 1, 2].map((i) => ({ first: i * dim, sample: 3 * queries * dim, head: depth, row: 3 * dim }));
  const y = { first: 0, sample: queries * dim, head: depth, row: dim };
  const placed = { ...shape, places: { perSample, q, k, v, y } };
  return { shape: attentionClass(placed), candidates: (tuning) => attentionCandidates(placed, tuning) };
}

export const CASES: readonly Case[] = [
  ...CONVS.flatMap((s): Case[] => [
    { shape: convForwardClass(s), candidates: (tuning) => convForwardCandidates(s, EPILOGUES[2], tuning) },
    { shape: convDgradClass(s), candidates: (tuning) => convDgradCandidates(s, tuning) },
    { shape: convWgradClass(s), candidates: (tuning) => convWgradCandidates(s, tuning) },
  ]),
  ...GEMMS.map((s) => ({ shape: gemmClass(s), candidates: (tuning: Tuning) => gemmCandidates(s, tuning) })),
  ...ATTENTIONS.flatMap(([heads, queries, keys, depth]): Case[] => {
    const s = { heads, queries, keys, depth, scale: 0.125 };
    return [
      { shape: attentionClass(s), candidates: (tuning) => attentionCandidates(s, tuning) },
      {
        shape: attentionGradClass(s, ["q", "k", "v"]),
        candidates: (tuning) => attentionGradCandidates(s, ["q", "k", "v"], tuning),
      },
    ];
  }),
  inPlaceCase({ heads: 24, queries: 197, keys: 197, depth: 64, scale: 0.125 }, 3),
  inPlaceCase({ heads: 6, queries: 65, keys: 65, depth: 13, scale: 0.25 }, 2),
  ...SOFTMAXES.flatMap(([rows, length]) =>
    (["forward", "gradient"] as const).map((pass): Case => ({
      shape: softmaxClass(rows, length, pass),
      candidates: (tuning) => softmaxCandidates(rows, length, pass, tuning),
    }))
  ),
  ...sparseCases(),
];
