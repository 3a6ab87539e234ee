/** Times what a job asks for, on the device at hand, and its pace in turns with it. */
import "../../disposable.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import { initialise } from "../../graph/initialise.ts";
import { compilePlan } from "../../graph/plan.ts";
import { validateGraph } from "../../graph/validate.ts";
import { type Contestant, type MeasureOptions, sampleInterleaved } from "../interleaved.ts";
import { openProduct } from "../session/pace.ts";
import { images } from "../session/rows.ts";
import { shapeId } from "./shape_id.ts";
import { type TimingAnswer, type TimingJob, WHOLE } from "./types.ts";

/** Halves of them tell whether the device kept its pace. */
const SAMPLES = 8;
/** As for a table's points: with a coarse clock they make do with fewer of its steps than rows have. */
const LONGEST_SAMPLE_MS = 200;

/**
 * Parts that launch nothing have no samples. Gives undefined where `beforeSample` ended it early.
 *
 * @throws UserError for a graph that isn't one
 * @throws DeviceLostError where the device went away
 */
export async function timeJob(
  gpu: Gpu,
  job: TimingJob,
  { beforeSample }: Pick<MeasureOptions, "beforeSample"> = {},
): Promise<Omit<TimingAnswer, "hidden"> | undefined> {
  const { graph, batch, timed } = job;
  validateGraph(graph);
  using stack = new DisposableStack();
  const model = { graph, params: initialise(graph, 1) };
  const input = stack.use(images(gpu, model, batch));
  const plan = stack.adopt(compilePlan(gpu, model, batch), (plan) => plan.dispose());
  const parts = new Map(
    plan.parts(input).filter(({ dispatches }) => dispatches > 0).map(({ step, record }) => [step.node.name, record]),
  );
  const contestants = timed.flatMap((name): Contestant[] => {
    const record = name === WHOLE ? () => void plan.run(input) : parts.get(name);
    return record ? [{ name, record }] : [];
  });
  const product = stack.use(openProduct(gpu));
  const sampled = await sampleInterleaved(gpu, [product, ...contestants], {
    seconds: 0,
    minSamples: SAMPLES,
    maxSamples: SAMPLES,
    longestSampleMs: LONGEST_SAMPLE_MS,
    beforeSample,
  });
  if (sampled.some(({ samplesMs }) => samplesMs.length < SAMPLES)) return undefined;
  const [pace, ...measured] = sampled;
  const found = new Map(measured.map((part) => [part.name, part]));
  return {
    shape: await shapeId(job),
    adapter: gpu.info,
    clock: pace.clock,
    quantumMs: pace.quantumMs,
    times: timed.map((name) => {
      const { samplesMs = [], repeats = 0 } = found.get(name) ?? {};
      return { name, samplesMs, repeats };
    }),
    paceMs: pace.samplesMs,
  };
}
