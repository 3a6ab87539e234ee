/**
 * Secateur as a library: prune neural networks on WebGPU and measure what it bought. Runs in Deno and in browsers.
 *
 * A model is a graph and named parameters (`Model`); `createModel` gives one of the zoo. Rewrites such as `compact` map
 * models to models. `Gpu.open` opens the device; `runPrune` carries a whole recipe out.
 */
export { UserError } from "./errors.ts";
export { Gpu, type GpuOptions, type GpuStats, type Timing } from "./gpu/gpu.ts";
export { DeviceLimitError, DeviceLostError, GpuError, NoAdapterError } from "./gpu/errors.ts";
export { readTensors, Tensor } from "./tensor/tensor.ts";
export { Tape } from "./tensor/tape.ts";
export { linear, matmul } from "./tensor/ops/gemm.ts";
export { columnConv2d, conv2d } from "./tensor/ops/conv.ts";
export type { Graph, HostTensor, IndexMap, Model, Node, Params, Rewrite } from "./graph/types.ts";
export { builder } from "./graph/build.ts";
export { graphCost } from "./graph/cost.ts";
export { inferShapes } from "./graph/infer.ts";
export { initialise } from "./graph/initialise.ts";
export { validateModel } from "./graph/validate.ts";
export { execute } from "./graph/execute.ts";
export { compilePlan, type InferencePlan } from "./graph/plan.ts";
export { assertEquivalent, type Equivalence, EquivalenceError } from "./graph/equivalence.ts";
export { referenceForward } from "./graph/reference/forward.ts";
export { createModel, modelNames } from "./models/zoo.ts";
export { readWeights, type StateDict, type Weights } from "./formats/weights.ts";
export { loadWeights } from "./formats/dialects/load.ts";
export { fetchDigits } from "./data/digits.ts";
export type { Dataset, Split, Splits } from "./data/types.ts";
export { evaluateModel } from "./train/evaluate.ts";
export { compact, type CompactOptions, type CompactReport } from "./prune/rewrite/compact.ts";
export { compactScattered, type ScatterChoice } from "./prune/rewrite/scatter_choice.ts";
export { coupledConstraints } from "./prune/structures/constraints.ts";
export { coupledClasses } from "./prune/groups/coupling.ts";
export { inspect, type Inspection } from "./prune/inspect.ts";
export { removeUnused } from "./prune/rewrite/unused.ts";
export { purify } from "./prune/methods/purify.ts";
export { type Pair, pruneFilters, zooPair } from "./prune/methods/uniform.ts";
export { createAdmm } from "./prune/methods/admm.ts";
export { type Measured, measureInterleaved } from "./measure/interleaved.ts";
export { measureSession, type SessionNetwork, type SessionOptions } from "./measure/session/session.ts";
export { createVisibility, type Visibility } from "./measure/session/visibility.ts";
export type { SessionEvent } from "./measure/session/types.ts";
export { memoryStore } from "./store/memory.ts";
export type { Store } from "./store/types.ts";
export { loadRecipe, namedRecipes } from "./recipe/load.ts";
export type { Recipe } from "./recipe/schema.ts";
export { runPrune } from "./recipe/pipeline.ts";
export { verifyRun } from "./recipe/verify.ts";
export type { Report } from "./report/types.ts";
