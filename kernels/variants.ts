import type { Program } from "../src/gpu/types.ts";
import { variants as attention } from "./attention/attention.ts";
import { variants as conv } from "./conv/variants.ts";
import { variants as gemm } from "./gemm/plan.ts";
import { variants as lossCrossEntropy } from "./loss/cross_entropy.ts";
import { variants as lossDistillation } from "./loss/distillation.ts";
import { variants as lossSquaredError } from "./loss/squared_error.ts";
import { variants as normBatchNorm } from "./norm/batch_norm.ts";
import { variants as normChannelNorm } from "./norm/channel_norm.ts";
import { variants as normGroupNorm } from "./norm/group_norm.ts";
import { variants as normLayerNorm } from "./norm/layer_norm.ts";
import { variants as optim } from "./optim/plan.ts";
import { variants as pointwiseBinary } from "./pointwise/binary.ts";
import { variants as pointwiseChannelAffine } from "./pointwise/channel_affine.ts";
import { variants as pointwiseInplace } from "./pointwise/inplace.ts";
import { variants as pointwiseMix } from "./pointwise/mix.ts";
import { variants as pointwiseUnary } from "./pointwise/unary.ts";
import { variants as pool } from "./pool/pool.ts";
import { variants as projectNorms } from "./project/norms.ts";
import { variants as projectPattern } from "./project/pattern.ts";
import { variants as projectTopk } from "./project/topk.ts";
import { variants as projectTopkLong } from "./project/topk_long.ts";
import { variants as projectUpdate } from "./project/update.ts";
import { variants as projectShift } from "./project/shift_groups.ts";
import { variants as randomDropout } from "./random/dropout.ts";
import { variants as reduceFirstBeyond } from "./reduce/first_beyond.ts";
import { variants as reduceMaxMiddle } from "./reduce/max_middle.ts";
import { variants as reduceMiddle } from "./reduce/middle.ts";
import { variants as reduceRows } from "./reduce/rows.ts";
import { variants as reduceSpread } from "./reduce/spread.ts";
import { variants as reduceSum } from "./reduce/sum.ts";
import { variants as roofline } from "./roofline/plan.ts";
import { variants as selftest } from "./selftest/plan.ts";
import { variants as shapeBilinear } from "./shape/bilinear.ts";
import { variants as shapeBorder } from "./shape/border.ts";
import { variants as shapeGather } from "./shape/gather.ts";
import { variants as shape } from "./shape/shape.ts";
import { variants as shapeResize } from "./shape/resize.ts";
import { variants as shapeTranspose } from "./shape/transpose.ts";
import { variants as softmax } from "./softmax/softmax.ts";
import { variants as sparseBsr } from "./sparse/bsr.ts";
import { variants as sparseKernelList } from "./sparse/kernel_list.ts";
import { variants as sparseNm } from "./sparse/nm.ts";
import { variants as sparseTaps } from "./sparse/taps.ts";
import { variants as statisticsPatches } from "./statistics/patches.ts";

/**
 * Lists every program that the planners can emit; tests compile them all on naga and on Tint. A planner adds its
 * `variants` here.
 */
export function variants(): Program[] {
  return [
    attention,
    conv,
    gemm,
    lossCrossEntropy,
    lossDistillation,
    lossSquaredError,
    normBatchNorm,
    normChannelNorm,
    normGroupNorm,
    normLayerNorm,
    optim,
    pointwiseBinary,
    pointwiseChannelAffine,
    pointwiseInplace,
    pointwiseMix,
    pointwiseUnary,
    pool,
    projectNorms,
    projectPattern,
    projectTopk,
    projectTopkLong,
    projectUpdate,
    projectShift,
    randomDropout,
    reduceFirstBeyond,
    reduceMaxMiddle,
    reduceMiddle,
    reduceRows,
    reduceSpread,
    reduceSum,
    roofline,
    selftest,
    shapeBilinear,
    shapeBorder,
    shapeGather,
    shape,
    shapeResize,
    shapeTranspose,
    softmax,
    sparseBsr,
    sparseKernelList,
    sparseNm,
    sparseTaps,
    statisticsPatches,
  ].flatMap((family) => family());
}
