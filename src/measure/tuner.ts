/** Keeps a device tuned: measures what a network asks for and nobody has measured yet, and makes planners use it. */
import type { Gpu } from "../gpu/gpu.ts";
import type { Model } from "../graph/types.ts";
import { defaultTuning, type Request, setTuning } from "../tensor/ops/launch.ts";
import { type Plans, winnersOf, withTuned } from "./plans.ts";
import { inferenceRequests, trainingRequests } from "./requests.ts";
import { tune, type Tuned, tuneOne, type TuneOptions } from "./tune.ts";

export interface Tuner {
  /** This is all that is known, for `writePlans`. */
  readonly plans: Plans;
  /** Makes planners use these plans from now on instead. */
  take(plans: Plans): void;
  /** Gives those of the requests that leave a choice and that nobody has measured. */
  open(requests: readonly Request[]): Request[];
  /** Measures one such request; planners don't use the winner before `learn`. */
  measure(request: Request): Promise<Tuned>;
  /** Makes planners use what was found. */
  learn(tuned: readonly Tuned[]): void;
  /** Tunes for the inference plan of `model` at this batch size; gives what was new. */
  inference(model: Model, batch: number, options?: TuneOptions): Promise<Tuned[]>;
  /** Tunes for training steps of `model` at this batch size; gives what was new. */
  training(model: Model, batch: number, options?: TuneOptions): Promise<Tuned[]>;
}

/** On a busy machine the clock's steps are long, and a hundred of them longer than any budget. */
const LONGEST_SAMPLE_MS = 100;

/** Makes a tuner that starts from `known`, which planners on this device use from now on. */
export function createTuner(gpu: Gpu, known: Plans): Tuner {
  let plans = known;
  const use = () => {
    const winners = winnersOf(plans);
    const tuned = Object.keys(winners).length > 0;
    // Plans are cached by tuning: the device's own default is one object for good.
    setTuning(gpu, tuned ? { ...defaultTuning(gpu), winners } : defaultTuning(gpu));
  };
  use();
  const learn = (tuned: readonly Tuned[]) => {
    if (tuned.length === 0) return;
    plans = withTuned(plans, tuned);
    use();
  };
  const open = (requests: readonly Request[]) =>
    requests.filter((request) => request.candidates.length > 1 && !(request.shapeClass in plans.plans));
  const measure = async (requests: readonly Request[], options?: TuneOptions) => {
    const tuned = await tune(gpu, open(requests), options);
    learn(tuned);
    return tuned;
  };
  return {
    get plans() {
      return plans;
    },
    take(others) {
      plans = others;
      use();
    },
    open,
    measure: (request) => tuneOne(gpu, request, { longestSampleMs: LONGEST_SAMPLE_MS }),
    learn,
    inference: (model, batch, options) => measure(inferenceRequests(gpu, model, batch), options),
    training: (model, batch, options) => measure(trainingRequests(gpu, model, batch), options),
  };
}
