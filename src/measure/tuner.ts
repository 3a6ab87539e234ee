/** Keeps a device tuned: measures what a network asks for and nobody has measured yet, and makes planners use it. */
import type { Gpu } from "../gpu/gpu.ts";
import type { Model } from "../graph/types.ts";
import { defaultTuning, type Request, setTuning } from "../tensor/ops/launch.ts";
import { type Plans, winnersOf, withTuned } from "./plans.ts";
import { inferenceRequests, trainingRequests } from "./requests.ts";
import { tune, type Tuned, type TuneOptions } from "./tune.ts";

export interface Tuner {
  /** This is all that is known, for `writePlans`. */
  readonly plans: Plans;
  /** Tunes for the inference plan of `model` at this batch size; gives what was new. */
  inference(model: Model, batch: number, options?: TuneOptions): Promise<Tuned[]>;
  /** Tunes for training steps of `model` at this batch size; gives what was new. */
  training(model: Model, batch: number, options?: TuneOptions): Promise<Tuned[]>;
}

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
  const measure = async (requests: readonly Request[], options?: TuneOptions) => {
    const open = requests.filter((request) => !isKnown(plans, request));
    const tuned = await tune(gpu, open, options);
    if (tuned.length > 0) {
      plans = withTuned(plans, tuned);
      use();
    }
    return tuned;
  };
  return {
    get plans() {
      return plans;
    },
    inference: (model, batch, options) => measure(inferenceRequests(gpu, model, batch), options),
    training: (model, batch, options) => measure(trainingRequests(gpu, model, batch), options),
  };
}

/** Says whether the winner of the shape's class is a way that there is; a file may name one that has gone. */
function isKnown({ plans }: Plans, { shapeClass, candidates }: Request): boolean {
  return shapeClass in plans && candidates.some(({ name }) => name === plans[shapeClass].winner);
}
