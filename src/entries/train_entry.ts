/**
 * Training: labelled images, and one call with a loss, an optimizer, a schedule and callbacks.
 *
 * @module
 */
export { UserError } from "../errors.ts";
export { digitsSplits, fetchDigits } from "../data/digits.ts";
export { type Augment, type Batch, batches, type BatchOptions } from "../data/loader.ts";
export type { Dataset, Normalization, Split, SplitOptions, Splits } from "../data/types.ts";
export { train, type TrainData, type Trained, type TrainOptions } from "../train/train.ts";
export type {
  Callback,
  CallbackState,
  EpochProgress,
  EpochRecord,
  LogFields,
  Loss,
  Snapshot,
  Step,
  Training,
  Watchers,
} from "../train/types.ts";
export { crossEntropy, type CrossEntropySettings } from "../train/losses/cross_entropy.ts";
export { distillation, type DistillationSettings } from "../train/losses/distillation.ts";
export { outputError, type OutputErrorSettings } from "../train/losses/output_error.ts";
export { type WeightedLoss, weightedSum } from "../train/losses/weighted_sum.ts";
export type { Scalar } from "../train/losses/scalar.ts";
export type { LossKind, LossOptions, LossSettings } from "../train/losses/losses.ts";
export type { AdamSettings, OptimizerSettings, SgdSettings } from "../train/optimizers.ts";
export { learningRate, type Schedule } from "../train/schedule.ts";
export type { CallbackName } from "../train/callbacks/callbacks.ts";
export { type BestEpoch, bestEpoch, type BestEpochCallback } from "../train/callbacks/best_epoch.ts";
export { checkpoint } from "../train/callbacks/checkpoint.ts";
export { log } from "../train/callbacks/log.ts";
export { mask } from "../train/callbacks/mask.ts";
export { nanGuard } from "../train/callbacks/nan_guard.ts";
export { patience } from "../train/callbacks/patience.ts";
export { statisticsLag, steadyNorms } from "../train/callbacks/steady_norms.ts";
export { slimming } from "../train/callbacks/slimming.ts";
export { progress, type ShownProgress } from "../train/callbacks/progress.ts";
export type { DeviceParams, ParamSpecs } from "../train/device_params.ts";
export type { TrainState } from "../train/state.ts";
export type { Arena, ArenaLayout, ArenaSlot, ArenaSpec, HostArray } from "../tensor/arena.ts";
export type {
  AdamOptions,
  Optimizer,
  OptimizerOptions,
  OptimizerStep,
  Segment,
  SgdOptions,
} from "../tensor/optimizer.ts";
export { type EvidenceOptions, gatherEvidence } from "../train/evidence/gather_evidence.ts";
export type {
  ChannelStatistics,
  EvidenceRequest,
  FeatureMaps,
  GatheredEvidence,
  GradientStatistics,
  MagnitudeStatistics,
  ParameterGradients,
  SecondMoments,
  ValueChannels,
} from "../train/evidence/evidence.ts";
export { DivergedError, Interrupted } from "../train/errors.ts";
export { evaluateModel, type Evaluation } from "../train/evaluate.ts";
export { recalibrate } from "../train/recalibrate.ts";
export { restoreNorms, type RestoreNormsOptions } from "../train/restore_norms.ts";
