/**
 * Suite "projection": Π(W) of the ADMM constraint sets on tensors of ten million weights, beside copying them once. What
 * is timed is what an update does before the dual variable: norms of all groups, the exact top-k of them, the mask.
 */
import { type Granularity, groupLayout } from "../../kernels/project/layout.ts";
import { planCopy } from "../../kernels/roofline/plan.ts";
import { expandMask, groupNorms, selectTopK } from "../../src/tensor/project.ts";
import { atMost, type Case, type Job, type MeasuredSuite, measureJobs, type SuiteOptions } from "../suite.ts";

/** [F, C, KH, KW]: 10.06 M weights, the size of a large linear layer in the form of a convolution. */
const SHAPE = [1040, 1075, 3, 3] as const;
const COUNT = SHAPE.reduce((a, b) => a * b, 1);
const KEEP = 0.25;
const COPIES = 6;

const STRUCTURES: readonly { readonly name: string; readonly granularity: Granularity }[] = [
  { name: "filter", granularity: "filter" },
  { name: "channel", granularity: "channel" },
  { name: "column", granularity: "column" },
  { name: "kernel", granularity: "kernel" },
  { name: "unstructured", granularity: "element" },
];
/** The structures that the goal names. */
const CLAIMED = ["filter", "column", "unstructured"];

export const projection: MeasuredSuite = {
  name: "projection",
  title: "Projections of ten million weights",
  notes: [
    `Weights [${SHAPE}], a quarter of the groups kept. "÷ copy" is the time over that of a kernel that copies the weights ` +
    'once; the goal is held against it. "÷ transfer" is over copyBufferToBuffer, which a software adapter does with ' +
    "the CPU's own memory copy, faster than any kernel.",
  ],
  defaults: { seed: 1, rounds: 3 },
  cases: (options) => STRUCTURES.map((structure) => projectionCase(structure, options)),
};

function projectionCase({ name, granularity }: (typeof STRUCTURES)[number], options: SuiteOptions): Case {
  const layout = groupLayout(granularity, SHAPE);
  const keep = Math.round(KEEP * layout.groups);
  return {
    name: `projection: ${name}`,
    run: async (bench) => {
      const { gpu } = bench;
      const [copy, transfer, project] = await measureJobs(bench, options, (w) => {
        const [weights, to] = [w.tensor([COUNT]), w.empty([COUNT])];
        const [scores, kept, status] = [w.empty([layout.groups]), w.empty([layout.groups]), w.empty([1])];
        const plan = planCopy(4 * COUNT, 1);
        const bytes = 8 * COUNT;
        return [
          { name: "copy", work: { flops: 0, bytes }, record: () => gpu.run(plan, [weights, to]) },
          { name: "transfer", work: { flops: 0, bytes }, record: () => gpu.copy(weights, to) },
          {
            name,
            work: { flops: 2 * COUNT, bytes },
            record: () => {
              groupNorms(gpu, weights, undefined, layout, scores);
              selectTopK(gpu, scores, [{ offset: 0, groups: layout.groups, k: keep }], kept, status);
              expandMask(gpu, kept, layout, to);
            },
          },
        ] satisfies Job[];
      });
      const copies = project.time.medianMs / copy.time.medianMs;
      const { time, work } = project;
      return [{
        table: "Projections",
        name,
        time,
        work,
        facts: {
          groups: layout.groups,
          "÷ copy": copies.toFixed(2),
          "÷ transfer": (time.medianMs / transfer.time.medianMs).toFixed(2),
        },
        ...(CLAIMED.includes(name) ? { goal: atMost(`≤ ${COPIES} × copying once`, copies, COPIES) } : {}),
      }];
    },
  };
}
