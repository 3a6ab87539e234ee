/** What pruning criteria look at beside the weights: statistics of values, gradients and patches, in float64. */

/** A value of the graph, and the axis along which its channels stand; default 1. */
export interface ValueChannels {
  /** The value's name in the graph. */
  readonly value: string;
  /** Of its shape [N, …], from 1. */
  readonly axis?: number;
}

/** What somebody wants to know; all lists are empty by default. */
export interface EvidenceRequest {
  /** Values whose channels' means and mean squares are wanted. */
  readonly activations?: readonly ValueChannels[];
  /** Values of whose channels the magnitudes are wanted, and how often they are above 0. */
  readonly magnitudes?: readonly ValueChannels[];
  /** Values whose maps [C, H, W] are wanted as they are, of the first `MAPPED_IMAGES` images. */
  readonly maps?: readonly string[];
  /** Values whose gradients' statistics are wanted, per channel. */
  readonly gradients?: readonly ValueChannels[];
  /** Parameters whose gradients' means and mean squares are wanted, per number. */
  readonly parameters?: readonly string[];
  /** Values whose channels' second moments XᵀX are wanted. */
  readonly covariances?: readonly ValueChannels[];
  /** Layers, by node name, of whose patches the second moments are wanted: what their filters see. */
  readonly patches?: readonly string[];
}

/** Of each channel, over samples and positions. */
export interface ChannelStatistics {
  /** Numbers of a channel: samples × positions. */
  readonly count: number;
  /** [C] */
  readonly mean: Float64Array;
  /** [C]: the mean of x². */
  readonly meanSquare: Float64Array;
}

/** Of each channel, over samples and positions. */
export interface MagnitudeStatistics {
  /** [C]: the mean of |x|. */
  readonly meanAbs: Float64Array;
  /** [C]: the fraction of numbers above 0. */
  readonly positive: Float64Array;
}

/** As many images' maps are kept: more would fill memory, and the scores that need them change little by then. */
export const MAPPED_IMAGES = 32;

/** What a value was for the first images. */
export interface FeatureMaps {
  /** [N, C, H, W] */
  readonly shape: readonly number[];
  /** In that order. */
  readonly data: Float64Array;
}

/** Of each channel. The gradient g is that of each sample's own loss, not of the batch's mean. */
export interface GradientStatistics {
  /** Images that were looked at. */
  readonly samples: number;
  /** [C]: the mean of g² over samples and positions. */
  readonly meanSquare: Float64Array;
  /** [C]: the mean over samples of Σ x·g over positions, the first-order change of the loss where the channel goes. */
  readonly firstOrder: Float64Array;
  /** [C]: the mean over samples of (Σ x·g)² (Molchanov et al. 2019, "Importance Estimation for Neural Network Pruning"). */
  readonly taylor: Float64Array;
}

/** Of each number of a parameter, as long as it. */
export interface ParameterGradients {
  /** The gradient of the mean loss over all samples. */
  readonly mean: Float64Array;
  /** The mean over batches of the squared gradient of a batch's mean loss: the empirical Fisher information of batches. */
  readonly meanSquare: Float64Array;
}

/**
 * Sums, not means, of products: `sums[i·n + j]` = Σ xᵢ·xⱼ over rows, each row ending with a 1, so that the last row holds
 * Σ xⱼ and, at its end, the number of rows. Within 1e-6 of a float64 sum: |error| ≤ 1e-6·√(Σxᵢ²·Σxⱼ²).
 */
export interface SecondMoments {
  /** Columns, the one of ones included: channels × taps + 1. */
  readonly n: number;
  /** [n, n], row by row. */
  readonly sums: Float64Array;
}

/** What was asked for, by the names it was asked by. */
export interface GatheredEvidence {
  /** Images that were looked at. */
  readonly samples: number;
  /** By value. */
  readonly activations: ReadonlyMap<string, ChannelStatistics>;
  /** By value. */
  readonly magnitudes: ReadonlyMap<string, MagnitudeStatistics>;
  /** By value. */
  readonly maps: ReadonlyMap<string, FeatureMaps>;
  /** By value. */
  readonly gradients: ReadonlyMap<string, GradientStatistics>;
  /** By parameter. */
  readonly parameters: ReadonlyMap<string, ParameterGradients>;
  /** By value. */
  readonly covariances: ReadonlyMap<string, SecondMoments>;
  /** By layer; one for each of its groups. */
  readonly patches: ReadonlyMap<string, readonly SecondMoments[]>;
}
