/** How much a network loses by each of its layers: curves over the part of the layer that is pruned. */

/** The network with one layer's groups partly gone, everything else being whole. Nothing is trained or fitted. */
export interface SensitivityPoint {
  /** Groups of the layer that stay. */
  readonly keep: number;
  /** How far the outputs are from the whole network's, in parts of how much those vary (`outputLoss`). */
  readonly outputLoss: number;
  /** Fraction in 0…1; where the images have labels. */
  readonly accuracy?: number;
  /** Mean cross-entropy; where the images have labels. */
  readonly loss?: number;
}

/** What the network loses by one layer, or by layers that lose their filters together. */
export interface SensitivityCurve {
  /** The constraint's, such as "conv1:filter". */
  readonly name: string;
  /** Names of the layers whose filters these are. */
  readonly layers: readonly string[];
  /** Groups that there are. */
  readonly groups: number;
  /** By falling `keep`; the whole layer isn't among them. */
  readonly points: readonly SensitivityPoint[];
}

/** A network's curves, in order of execution. */
export interface Sensitivity {
  /** Of the whole network; where the images have labels. */
  readonly dense: { readonly accuracy?: number; readonly loss?: number };
  /** One for each layer that was looked at. */
  readonly curves: readonly SensitivityCurve[];
}
