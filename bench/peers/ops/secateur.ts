/** Our own kernels, with the plans that were measured fastest on this device; weights packed beforehand, as inference does. */
import { planConvDgrad } from "../../../kernels/conv/dgrad.ts";
import { planConvForward } from "../../../kernels/conv/forward.ts";
import { planConvWgrad } from "../../../kernels/conv/wgrad.ts";
import { planGemm } from "../../../kernels/gemm/plan.ts";
import type { Gpu } from "../../../src/gpu/gpu.ts";
import { collectRequests, launch, tuningFor } from "../../../src/tensor/ops/launch.ts";
import { readTensors, Tensor } from "../../../src/tensor/tensor.ts";
import { tuneFor } from "../../tuned.ts";
import type { Player } from "../match.ts";
import { type OpCase, type Operands, sizesOf } from "./cases.ts";

interface Job {
  readonly results: readonly Tensor[];
  record(): void;
}

export async function secateurOp(gpu: Gpu, op: OpCase, operands: Operands): Promise<Player> {
  const owned: Tensor[] = [];
  const own = (tensor: Tensor) => {
    owned.push(tensor);
    return tensor;
  };
  const prepared = () => prepare(gpu, op, operands, own);
  await tuneFor(gpu, collectRequests(gpu, () => prepared().record()));
  const { results, record } = prepared();
  const first = own(new Tensor(gpu, results[0].buffer.retain(), results[0].byteOffset, [1], "f32"));
  return {
    async output() {
      record();
      const parts = await readTensors(results);
      return Float32Array.from(parts.flatMap((part) => [...part]));
    },
    async sample(calls) {
      const start = performance.now();
      for (let i = 0; i < calls; i++) record();
      await first.read();
      return performance.now() - start;
    },
    dispose() {
      for (const tensor of owned) tensor.dispose();
    },
  };
}

function prepare(gpu: Gpu, op: OpCase, operands: Operands, own: (tensor: Tensor) => Tensor): Job {
  const tuning = tuningFor(gpu);
  const upload = (data: Float32Array, shape: readonly number[]) => own(Tensor.from(gpu, data, shape));
  const empty = (shape: readonly number[]) => own(Tensor.empty(gpu, shape));
  if (op.kind === "gemm") {
    const { m, n, k } = op;
    const plan = planGemm({ m, n, k, a: "k", b: "k" }, tuning);
    const [a, b, y] = [upload(operands.a, [m, k]), upload(operands.b, [n, k]), empty([m, n])];
    return { results: [y], record: () => launch(gpu, plan, { a, b, y }, op.name) };
  }
  const { shape } = op;
  const sizes = sizesOf(shape);
  const [x, w] = [upload(operands.a, sizes.x), upload(operands.b, sizes.w)];
  if (op.kind === "forward") {
    const plan = planConvForward(shape, {}, tuning);
    const y = empty(sizes.y);
    const packed = "packed" in plan.scratch ? empty([Math.ceil(plan.scratch.packed / 4)]) : undefined;
    const bound = { x, w, y, packed };
    launch(gpu, plan, bound, op.name, plan.prepare);
    return { results: [y], record: () => launch(gpu, plan, bound, op.name) };
  }
  const dy = upload(operands.dy, sizes.y);
  const [dgrad, wgrad] = [planConvDgrad(shape, tuning), planConvWgrad(shape, tuning)];
  const [dx, dw] = [empty(sizes.x), empty(sizes.w)];
  const weights = () => launch(gpu, wgrad, { x, dy, y: dw }, op.name);
  if (op.kind === "backward of weights") return { results: [dw], record: weights };
  return {
    results: [dx, dw],
    record() {
      launch(gpu, dgrad, { dy, w, dx }, op.name);
      weights();
    },
  };
}
