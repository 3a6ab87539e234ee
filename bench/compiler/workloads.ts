/** The networks, training steps and products whose kernels are looked at. Each says what it dispatches, on any device. */
import { squareConv } from "../../kernels/conv/shape.ts";
import { planConvForward } from "../../kernels/conv/forward.ts";
import type { DeviceProfile } from "../../kernels/device_profile.ts";
import { planGemm } from "../../kernels/gemm/plan.ts";
import type { Launch } from "../../kernels/launch.ts";
import { random } from "../../kernels/random/philox.ts";
import { FORMATS } from "../../kernels/sparse/format.ts";
import { choose, type Tuning } from "../../kernels/tuning.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import type { Feature } from "../../src/gpu/types.ts";
import { execute } from "../../src/graph/execute.ts";
import { foldForInference } from "../../src/graph/fold.ts";
import { compilePlan } from "../../src/graph/plan.ts";
import { concrete } from "../../src/graph/shapes.ts";
import type { Model } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { launch, tuningFor } from "../../src/tensor/ops/launch.ts";
import { softmaxCrossEntropy } from "../../src/tensor/ops/loss.ts";
import { createOptimizer } from "../../src/tensor/optimizer.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { elements, Tensor } from "../../src/tensor/tensor.ts";
import { createTrainState } from "../../src/train/state.ts";
import { fits, type Structure, structuredWeight } from "../sparse/structures.ts";
import { type Recording, recordingGpu } from "./recording_gpu.ts";

export interface Workload {
  /** "ResNet-18, batch 1" */
  readonly name: string;
  readonly kind: "inference" | "training" | "products";
  /** What it dispatches on a device of this kind. What depends on the weights alone is left out of inference. */
  record(profile: DeviceProfile, features: readonly Feature[]): Recording;
}

/** Everything, in the order of the tables. */
export function workloads(): Workload[] {
  const [resnet18, resnet20] = [folded("resnet18"), folded("resnet20")];
  return [
    inference("ResNet-18", resnet18, 1),
    inference("ResNet-18", resnet18, 8),
    inference("MobileNetV2", folded("mobilenetv2"), 1),
    inference("ResNet-20", resnet20, 1),
    inference("ResNet-20", resnet20, 32),
    inference("DeiT-T", folded("deit-t"), 1),
    inference("ConvNeXt-T", folded("convnext-t"), 1),
    training("ResNet-20", "resnet20", 32),
    training("ResNet-20", "resnet20", 128),
    products(),
    sparse("blocks 16×16", 0.25),
    sparse("columns", 0.25),
    sparse("N of M", 0.25),
    sparse("block-punched", 0.25),
    sparse("kernels", 0.25),
    sparse("unstructured", 0.1),
  ];
}

function inference(title: string, model: () => Model, batch: number): Workload {
  return {
    name: `${title}, batch ${batch}`,
    kind: "inference",
    record(profile, features) {
      const { gpu, record } = recordingGpu(profile, features);
      const plan = compilePlan(gpu, model(), batch);
      const x = Tensor.empty(gpu, concrete(model().graph.inputs[0].shape, batch));
      return record(() => plan.run(x));
    },
  };
}

/** Forwards, backwards and the optimizer. */
function training(title: string, model: string, batch: number): Workload {
  return {
    name: `${title} training step, batch ${batch}`,
    kind: "training",
    record(profile, features) {
      const { gpu, record } = recordingGpu(profile, features);
      const { graph, params } = ones(model);
      const { weights, gradients, params: tensors } = createTrainState(gpu, [graph], params);
      const optimizer = createOptimizer(gpu, weights.layout, { kind: "sgd" });
      const x = Tensor.empty(gpu, concrete(graph.inputs[0].shape, batch));
      const labels = Tensor.empty(gpu, [batch], "u32");
      return record(() => {
        using tape = new Tape(gpu, "train");
        for (const { name } of weights.layout.slots) tape.watch(weights.tensor(name), gradients.tensor(name));
        tape.backward(softmaxCrossEntropy(tape, execute(tape, graph, tensors, x), labels));
        optimizer.step({ lr: 0.1, weights, gradients });
      });
    },
  };
}

/** Folding takes longer than everything else here, so that it is done once. */
function folded(name: string): () => Model {
  return once(() => foldForInference(ones(name)).model);
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** Every weight is 1: values decide nothing here, but for zeros. */
function ones(name: string): Model {
  const graph = createModel(name);
  return {
    graph,
    params: new Map(
      Object.entries(graph.params).map(([name, { shape }]) => [
        name,
        { shape, data: new Float32Array(elements(shape)).fill(1) },
      ]),
    ),
  };
}

const GEMM = 1024;
const GEMM_NAME = `GEMM ${GEMM}³`;
const GEMM_SHAPE = { m: GEMM, n: GEMM, k: GEMM, a: "k", b: "k", fixed: "b" } as const;
const CONV = squareConv({ batch: 1, channels: 64, height: 56, width: 56, filters: 64 });
const CONV_NAME = "convolution 64→64 3×3, 56²";

/** Dense ones, as a measure for the sparse. */
function products(): Workload {
  return {
    name: "dense products",
    kind: "products",
    record: (profile, features) =>
      recordLaunches(profile, features, (tuning) => [
        [GEMM_NAME, planGemm(GEMM_SHAPE, tuning)],
        [`${GEMM_NAME}, products in f16`, planGemm(GEMM_SHAPE, { ...tuning, products: "f16" })],
        [CONV_NAME, planConvForward(CONV, {}, tuning)],
        [`${CONV_NAME}, products in f16`, planConvForward(CONV, {}, { ...tuning, products: "f16" })],
      ]),
  };
}

/** Each format that holds the structure, by the way that is estimated to be its fastest. */
function sparse(structure: Structure, density: number): Workload {
  const packed = once(() => packedWeights(structure, density));
  return {
    name: `${structure} at density ${density}`,
    kind: "products",
    record: (profile, features) =>
      recordLaunches(profile, features, (tuning) =>
        packed().flatMap(({ format, weight, kind }): [string, Launch][] => {
          const ways = kind === "GEMM"
            ? format.gemm({ m: GEMM, n: GEMM, k: GEMM }, weight, tuning)
            : format.conv(CONV, weight, {}, tuning);
          if (ways.length === 0) return [];
          const what = kind === "GEMM" ? GEMM_NAME : CONV_NAME;
          return [[`${format.name} ${what}`, choose("", ways, tuning).build()]];
        })),
  };
}

/** A weight of the linear layer and one of the convolution, in each format that packs them. */
function packedWeights(structure: Structure, density: number) {
  const shapes = {
    GEMM: { weight: [GEMM, GEMM, 1, 1], packed: [GEMM, GEMM] },
    convolution: { weight: [CONV.filters, CONV.channels, ...CONV.kernel], packed: undefined },
  };
  return (["GEMM", "convolution"] as const).flatMap((kind) => {
    const { weight: shape, packed = shape } = shapes[kind];
    if (!fits(structure, shape, density)) return [];
    const dense = structuredWeight(structure, shape, density, random(1, "weight"));
    return FORMATS.flatMap((format) => {
      const weight = format.pack(dense, packed);
      return weight ? [{ format, weight, kind }] : [];
    });
  });
}

function recordLaunches(
  profile: DeviceProfile,
  features: readonly Feature[],
  plan: (tuning: Tuning) => readonly (readonly [label: string, launch: Launch])[],
): Recording {
  const { gpu, record } = recordingGpu(profile, features);
  const planned = plan(tuningFor(gpu));
  return record(() => {
    for (const [label, made] of planned) launch(gpu, made, operandsOf(gpu, made), label);
  });
}

/** A buffer for every name that isn't the launch's own: of any length, since nothing is computed. */
function operandsOf(gpu: Gpu, { steps, scratch, tables }: Launch): Record<string, Tensor> {
  const names = new Set(steps.flatMap(({ bindings }) => bindings));
  return Object.fromEntries(
    [...names].filter((name) => !(name in scratch) && !(name in tables))
      .map((name) => [name, Tensor.empty(gpu, [GEMM, GEMM])]),
  );
}
