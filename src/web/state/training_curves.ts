/** What a run's charts show, gathered from what it tells. Pure. */
import type { TrainEvent } from "../messages.ts";

export interface Sample {
  /** Seconds that the run has been going on, breaks left out. */
  readonly at: number;
  readonly value: number;
}

export interface Curves {
  readonly loss: readonly Sample[];
  readonly accuracy: readonly Sample[];
  /** Where stages began. */
  readonly stages: readonly { readonly at: number; readonly name: string }[];
}

export const NO_CURVES: Curves = { loss: [], accuracy: [], stages: [] };
/** Half of the points go when there are more: a curve of a phone's width shows no more. */
const MOST_POINTS = 600;

/** @param at seconds, as in `Sample` */
export function withTrainEvent(curves: Curves, { stage, loss, accuracy }: TrainEvent, at: number): Curves {
  const { stages } = curves;
  return {
    loss: loss === undefined ? curves.loss : thinned([...curves.loss, { at, value: loss }]),
    accuracy: accuracy === undefined ? curves.accuracy : thinned([...curves.accuracy, { at, value: accuracy }]),
    stages: stages.at(-1)?.name === stage ? stages : [...stages, { at, name: stage }],
  };
}

function thinned(samples: readonly Sample[]): readonly Sample[] {
  return samples.length <= MOST_POINTS ? samples : samples.filter((_, i) => i % 2 === 0 || i === samples.length - 1);
}
