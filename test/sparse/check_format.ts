/** Runs every candidate of a sparse format and compares it with the float64 reference. */
import * as assert from "uvu/assert";
import { convOutput, type ConvShape } from "../../kernels/conv/shape.ts";
import { PROFILES } from "../../kernels/device_profile.ts";
import { type Epilogue, EPILOGUES } from "../../kernels/launch.ts";
import type { LinearShape, PackedWeight, SparseFormat } from "../../kernels/sparse/format.ts";
import type { Candidate, Tuning } from "../../kernels/tuning.ts";
import type { Slice } from "../../src/gpu/gpu.ts";
import { launch } from "../../src/tensor/ops/launch.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { checkLaunch } from "../kernels/launches.ts";
import { conv64, matmul64, noise, sumError, type Sums } from "../tensor/reference64.ts";

const OPERANDS = ["x", "values", "bias", "residual", "y"];
/** Few threads leave sums whole, many have them split. */
const TUNINGS: readonly Tuning[] = [{ profile: { ...PROFILES.software, threads: 1 } }, { profile: PROFILES.desktop }];

/** Packs the weight [n,k] and checks each way to multiply with it, with an empty epilogue and a full one. */
export async function checkGemm(
  format: SparseFormat,
  weight: Float32Array,
  { m, n, k }: LinearShape,
  tunings = TUNINGS,
): Promise<PackedWeight> {
  const packed = mustPack(format, weight, [n, k]);
  const x = noise(m * k, 1);
  const sums = matmul64(m, n, k, (i, t) => x[i * k + t], (j, t) => weight[j * k + t]);
  for (const epilogue of [EPILOGUES[0], EPILOGUES[3]]) {
    const ways = tunings.flatMap((tuning) => format.gemm({ m, n, k, ...epilogue }, packed, tuning));
    await checkWays(ways, packed, x, sums, { epilogue, terms: k, biases: n, per: 1 });
  }
  return packed;
}

/** The same for a convolution's weight [F,C,KH,KW]. */
export async function checkConv(format: SparseFormat, weight: Float32Array, s: ConvShape): Promise<PackedWeight> {
  const packed = mustPack(format, weight, [s.filters, s.channels / s.groups, ...s.kernel]);
  const x = noise(s.batch * s.channels * s.height * s.width, 1);
  const sums = conv64(s, x, weight), [rows, cols] = convOutput(s), terms = packed.columns;
  for (const epilogue of [EPILOGUES[0], EPILOGUES[3]]) {
    const ways = TUNINGS.flatMap((tuning) => format.conv(s, packed, epilogue, tuning));
    await checkWays(ways, packed, x, sums, { epilogue, terms, biases: s.filters, per: rows * cols });
  }
  return packed;
}

function mustPack(format: SparseFormat, weight: Float32Array, shape: readonly number[]): PackedWeight {
  const packed = format.pack(weight, shape);
  assert.ok(packed, `${format.name} packs [${shape}]`);
  return packed!;
}

interface Finish {
  readonly epilogue: Epilogue;
  readonly terms: number;
  /** `per` outputs in a row share one of `biases`. */
  readonly biases: number;
  readonly per: number;
}

async function checkWays(
  ways: readonly Candidate[],
  packed: PackedWeight,
  x: Float32Array<ArrayBuffer>,
  sums: Sums,
  { epilogue, terms, biases, per }: Finish,
): Promise<void> {
  const gpu = await testGpu();
  assert.ok(ways.length > 0, "no way to run it");
  const size = sums.value.length, bias = noise(biases, 2), residual = noise(size, 3);
  const biasOf = (i: number) => epilogue.bias === "add" ? bias[Math.floor(i / per) % biases] : 0;
  const residualOf = (i: number) => epilogue.residual === "add" ? residual[i] : 0;
  const activated = (v: number) => epilogue.activation === "relu6" ? Math.min(6, Math.max(0, v)) : v;
  const expected: Sums = {
    value: sums.value.map((v, i) => activated(v + biasOf(i) + residualOf(i))),
    magnitude: sums.magnitude.map((v, i) => v + Math.abs(biasOf(i)) + Math.abs(residualOf(i))),
  };
  using tx = Tensor.from(gpu, x, [x.length]);
  using values = Tensor.from(gpu, packed.values, [packed.values.length]);
  using tbias = Tensor.from(gpu, bias, [biases]);
  using tresidual = Tensor.from(gpu, residual, [size]);
  const outputs = ways.map((way) => {
    const plan = way.build(), y = Tensor.empty(gpu, [size]);
    checkLaunch(plan, OPERANDS);
    const operands: Record<string, Slice> = { x: tx, values, bias: tbias, residual: tresidual, y };
    launch(gpu, { ...plan, steps: [...plan.prepare ?? [], ...plan.steps] }, operands, way.name);
    return y;
  });
  const got = await readTensors(outputs);
  got.forEach((y, i) => assert.is(sumError(y, expected, terms + 2), undefined, ways[i].name));
  for (const y of outputs) y.dispose();
}
