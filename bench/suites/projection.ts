/**
 * Suite "projection": the ADMM constraint sets on ten million weights, beside copying them once. What is timed is what
 * each update chooses anew: norms of all groups, the exact top-k of them, and the element mask that follows.
 */
import {
  blockLayout,
  type GroupLayout,
  groupLayout,
  punchedLayout,
  vectorLayout,
} from "../../kernels/project/layout.ts";
import { COPY_VARIANTS, planCopy } from "../../kernels/roofline/plan.ts";
import type { Gpu, Slice } from "../../src/gpu/gpu.ts";
import {
  expandMask,
  groupNorms,
  keepTaps,
  patternScores,
  selectRuns,
  selectTopK,
  selectWeights,
} from "../../src/tensor/project.ts";
import { atMost, type Case, type Job, type MeasuredSuite, measureJobs, type SuiteOptions } from "../suite.ts";
import type { Workbench } from "../workbench.ts";

/** [F, C, KH, KW]: 10.06 M weights, as many as a large linear layer has, with kernels for every structure to act on. */
const SHAPE = [1040, 1075, 3, 3] as const;
const COUNT = SHAPE.reduce((a, b) => a * b, 1);
const KERNELS = SHAPE[0] * SHAPE[1];
const KEEP = 0.25;
const COPIES = 6;
/** Four taps of 3×3 around the centre, bit 3·kh + kw. */
const PATTERNS = [
  0b000011011,
  0b000110110,
  0b011011000,
  0b110110000,
  0b000111010,
  0b010011010,
  0b010110010,
  0b010111000,
];

interface Structure {
  readonly name: string;
  /** Set where the goal names the structure. */
  readonly claim?: typeof COPIES;
  /** What records one projection of `w` into the element mask. */
  project(gpu: Gpu, bench: Workbench, w: Slice, mask: Slice): () => void;
}

const STRUCTURES: readonly Structure[] = [
  { name: "filter", claim: COPIES, project: byGroups(groupLayout("filter", SHAPE)) },
  { name: "column", claim: COPIES, project: byGroups(groupLayout("column", SHAPE)) },
  {
    name: "unstructured",
    claim: COPIES,
    project: (gpu, bench, w, mask) => {
      const status = bench.empty([1]);
      return () => selectWeights(gpu, { w, k: Math.round(KEEP * COUNT) }, mask, status, 0);
    },
  },
  { name: "channel", project: byGroups(groupLayout("channel", SHAPE)) },
  { name: "kernel", project: byGroups(groupLayout("kernel", SHAPE)) },
  { name: "kernel row", project: byGroups(vectorLayout(SHAPE, "row")) },
  { name: "block 16×16", project: byGroups(blockLayout(SHAPE, [16, 16])) },
  { name: "block-punched 8×4", project: byGroups(punchedLayout(SHAPE, [8, 4])) },
  {
    name: "pattern and connectivity",
    project: (gpu, bench, w, mask) => {
      const layout = groupLayout("kernel", SHAPE);
      const [scores, taps, kept, status] = [KERNELS, KERNELS, KERNELS, 1].map((size) => bench.empty([size]));
      const selection = { offset: 0, groups: KERNELS, k: Math.round(KEEP * KERNELS) };
      return () => {
        patternScores(gpu, { w }, PATTERNS, scores, taps);
        selectTopK(gpu, scores, [selection], kept, status);
        keepTaps(gpu, taps, kept);
        expandMask(gpu, kept, layout, mask, { kept: "taps" });
      };
    },
  },
  {
    name: "1 of 4",
    project: (gpu, bench, w, mask) => {
      const status = bench.empty([1]);
      return () => selectRuns(gpu, { w, length: COUNT / SHAPE[0], n: 1, m: 4 }, mask, status, 0);
    },
  },
];

export const projection: MeasuredSuite = {
  name: "projection",
  title: "Projections of ten million weights",
  notes: [
    `Weights [${SHAPE}], a quarter of the groups kept. "÷ copy" is the time over that of the fastest kernel that copies the weights ` +
    'once; the goal is held against it. "÷ transfer" is over copyBufferToBuffer, which a software adapter does with ' +
    "the CPU's own memory copy, faster than any kernel.",
  ],
  defaults: { seed: 1, rounds: 3 },
  cases: (options) => [projectionCase(options)],
};

/** All at once: the weights take longer to draw than to project. */
function projectionCase(options: SuiteOptions): Case {
  return {
    name: "projections",
    run: async (bench) => {
      const { gpu } = bench;
      const bytes = 8 * COUNT;
      const jobs = await measureJobs(bench, options, (w): Job[] => {
        const [weights, mask] = [w.tensor([COUNT]), w.empty([COUNT])];
        const work = { flops: 0, bytes };
        return [
          ...COPY_VARIANTS.map((perThread) => {
            const plan = planCopy(4 * COUNT, perThread);
            return {
              name: `kernel, ${perThread} × vec4 per thread`,
              work,
              record: () => gpu.run(plan, [weights, mask]),
            };
          }),
          { name: "copyBufferToBuffer", work, record: () => gpu.copy(weights, mask) },
          ...STRUCTURES.map(({ name, project }) => ({
            name,
            work: { flops: 2 * COUNT, bytes },
            record: project(gpu, w, weights, mask),
          })),
        ];
      });
      const copies = jobs.slice(0, COPY_VARIANTS.length);
      const [transfer, ...projections] = jobs.slice(COPY_VARIANTS.length);
      const copyMs = Math.min(...copies.map(({ time }) => time.medianMs));
      return [
        ...[...copies, transfer].map(({ name, time, work }) => ({ table: "Copies", name, time, work, facts: {} })),
        ...projections.map(({ name, time, work }, i) => {
          const ratio = time.medianMs / copyMs;
          const { claim } = STRUCTURES[i];
          return {
            table: "Projections",
            name,
            time,
            work,
            facts: {
              "÷ copy": ratio.toFixed(2),
              "÷ transfer": (time.medianMs / transfer.time.medianMs).toFixed(2),
            },
            ...(claim ? { goal: atMost(`≤ ${claim} × copying once`, ratio, claim) } : {}),
          };
        }),
      ];
    },
  };
}

/** Norms of the groups, the top-k of them, the mask. */
function byGroups(layout: GroupLayout): Structure["project"] {
  const { groups } = layout;
  const selection = { offset: 0, groups, k: Math.round(KEEP * groups) };
  return (gpu, bench, w, mask) => {
    const [scores, kept, status] = [groups, groups, 1].map((size) => bench.empty([size]));
    return () => {
      groupNorms(gpu, w, undefined, layout, scores);
      selectTopK(gpu, scores, [selection], kept, status);
      expandMask(gpu, kept, layout, mask);
    };
  };
}
