/**
 * A latency table: how long each layer shape of a model takes on one device at many widths, at one batch size. What a
 * budget in ms is computed from. Plain data, kept in a device's record; times are medians in ms for the whole batch.
 */
export interface LatencyTable {
  /** Name of the graph that it was built for. */
  readonly model: string;
  /** Samples of a run. */
  readonly batch: number;
  /** What it was measured with. */
  readonly clock: string;
  /** The clock's smallest step. */
  readonly quantumMs: number;
  /** The model as it is, each run whole: beside it, what an estimate adds up to says how far the sum can be trusted. */
  readonly wholeMs: number;
  /** The least that any launch took here. */
  readonly launchMs: number;
  /** What has a weight. */
  readonly layers: readonly LatencyLayer[];
  /** What has none. */
  readonly rest: readonly LatencyRest[];
}

/** A layer's time over a grid of input and output channels, everything else as in the model. */
export interface LatencyLayer {
  /** What all layers of it have in common: "Conv 3×3 pads 1,1,1,1 of 32×32". */
  readonly shape: string;
  /** The layers of the model that it was measured for. */
  readonly layers: readonly string[];
  /** Channels that are read, ascending; of a linear layer, features. */
  readonly inputs: readonly number[];
  /** Channels that are made, ascending; empty where they follow from what is read (depthwise). */
  readonly outputs: readonly number[];
  /** `medianMs[i][o]`: at `inputs[i]` and `outputs[o]` channels; where `outputs` is empty, `medianMs[i]` has one number. */
  readonly medianMs: readonly (readonly number[])[];
}

/** A step of the model's plan that is no layer with a weight: pooling, a sum, a softmax. */
export interface LatencyRest {
  /** The node's. */
  readonly name: string;
  /** Its operator. */
  readonly op: string;
  /** Numbers that it reads and makes, for one image: its time is scaled by them. */
  readonly traffic: number;
  /** Of one run. */
  readonly medianMs: number;
}
