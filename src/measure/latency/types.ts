/**
 * A latency table says how long each layer shape of a model takes on one device at many widths, at one batch size. A
 * budget in ms is computed from it. It is plain data, kept in a device's record; times are medians in ms for the whole
 * batch.
 */
export interface LatencyTable {
  /** It was built for the graph of this name. */
  readonly model: string;
  /** A run has so many samples. */
  readonly batch: number;
  /** It was measured with this clock. */
  readonly clock: string;
  /** This is the clock's smallest step. */
  readonly quantumMs: number;
  /**
   * The model as it is takes so long in whole runs: beside it, what an estimate adds up to says how far the sum can be
   * trusted.
   */
  readonly wholeMs: number;
  /** This is the least that any launch took here. */
  readonly launchMs: number;
  /** These have a weight. */
  readonly layers: readonly LatencyLayer[];
  /** These have none. */
  readonly rest: readonly LatencyRest[];
}

/** This is a layer's time over a grid of input and output channels, with everything else as in the model. */
export interface LatencyLayer {
  /** This is what all layers of it have in common, such as "Conv 3×3 pads 1,1,1,1 of 32×32". */
  readonly shape: string;
  /** It was measured for these layers of the model. */
  readonly layers: readonly string[];
  /** So many channels are read, ascending; of a linear layer they are features. */
  readonly inputs: readonly number[];
  /** So many channels are made, ascending; it is empty where they follow from what is read (depthwise). */
  readonly outputs: readonly number[];
  /**
   * `medianMs[i][o]` is at `inputs[i]` and `outputs[o]` channels; where `outputs` is empty, `medianMs[i]` has one
   * number.
   */
  readonly medianMs: readonly (readonly number[])[];
}

/** This is a step of the model's plan that is no layer with a weight: pooling, a sum, a softmax. */
export interface LatencyRest {
  /** It is the node's name. */
  readonly name: string;
  /** This is its operator. */
  readonly op: string;
  /** It reads and makes so many numbers, for one image: its time is scaled by them. */
  readonly traffic: number;
  /** This is the median of one run. */
  readonly medianMs: number;
}
