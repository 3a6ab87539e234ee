/**
 * The device, tensors, and networks as data: build a graph or take one of the zoo, run it node by node or as a fused
 * plan, and prove two networks equal.
 *
 * @module
 */
export { UserError } from "../errors.ts";
export {
  type DispatchTime,
  Gpu,
  type GpuBuffer,
  type GpuOptions,
  type GpuStats,
  type OpenGpu,
  type Slice,
  type Timing,
} from "../gpu/gpu.ts";
export type { AdapterInfo, OpenOptions } from "../gpu/adapter.ts";
export type { BufferStats } from "../gpu/buffers.ts";
export type { Access, Feature, Plan, Program } from "../gpu/types.ts";
export type { AvoidablePart, Avoided } from "../gpu/known_faults.ts";
export { DEBUG_LEVELS, type DebugLevel } from "../gpu/trace.ts";
export { DeviceLimitError, DeviceLostError, GpuError, NoAdapterError } from "../gpu/errors.ts";
export { type Dtype, readTensors, Tensor } from "../tensor/tensor.ts";
export { type Backward, type Mode, Tape } from "../tensor/tape.ts";
export { linear, matmul, type MatmulOptions } from "../tensor/ops/gemm.ts";
export { conv2d, type ConvOptions } from "../tensor/ops/conv.ts";
export type * from "../graph/types.ts";
export {
  type Builder,
  builder,
  type ConvOptions as ConvNodeOptions,
  type LinearOptions,
  type Padding,
  type PoolOptions,
  type RegionConvOptions as RegionConvNodeOptions,
  type Size as WindowSize,
} from "../graph/build.ts";
export type { ActivationOpName } from "../graph/ops/activation_ops.ts";
export type { ArithmeticOpName } from "../graph/ops/arithmetic_ops.ts";
export type { AttentionOpName } from "../graph/ops/attention_ops.ts";
export type { LayerOpName } from "../graph/ops/layer_ops.ts";
export type { LayoutOpName } from "../graph/ops/layout_ops.ts";
export type { NormOpName } from "../graph/ops/norm_ops.ts";
export type { PoolOpName } from "../graph/ops/pool_ops.ts";
export { channelsFirst, channelsLast, imagesLast } from "../graph/rewrite/channels_first.ts";
export { type Cost, type GraphCost, graphCost } from "../graph/cost.ts";
export { inferShapes } from "../graph/infer.ts";
export { withoutNorms } from "../graph/fold.ts";
export { initialise } from "../graph/initialise.ts";
export { validateModel } from "../graph/validate.ts";
export { execute, type ExecuteOptions, executeOutputs, type GivenInputs } from "../graph/execute.ts";
export type { Chain, FusedStep } from "../graph/fuse.ts";
export type { Heads } from "../graph/heads.ts";
export type { HeadPlaces } from "../../kernels/attention/attention.ts";
export type { RowPlace } from "../../kernels/attention/operand_rows.ts";
export { compilePlan, type InferencePlan, type PlanOptions, type PlanPart } from "../graph/plan.ts";
export type { PlanStorage, Products } from "../graph/plan_storage.ts";
export type { Difference } from "../graph/compare.ts";
export { assertEquivalent, type Equivalence, EquivalenceError, type InputNumbers } from "../graph/equivalence.ts";
export type { Array64 } from "../graph/reference/array.ts";
export { type NumericTensor, referenceForward, type ReferenceOptions } from "../graph/reference/forward.ts";
export type { ImageOptions, ResNetOptions, SmallOptions } from "../models/options.ts";
export { createModel, modelNames, type ModelOptions, modelOptions } from "../models/zoo.ts";
