/**
 * The checks of the self-test: each computes something whose result is known and gives what it found, or throws what is
 * wrong with it. Inputs are integers where that makes every order of adding exact.
 */
import "../../disposable.ts";
import { planGemm } from "../../../kernels/gemm/plan.ts";
import { random } from "../../../kernels/random/philox.ts";
import {
  MEMORY_TEST_GROUP,
  planHalf,
  planSubgroupSums,
  planWorkgroupSum,
  SUBGROUP_TEST_GROUP,
} from "../../../kernels/selftest/plan.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import { fill } from "../../tensor/ops/inplace.ts";
import { launch, tuningFor } from "../../tensor/ops/launch.ts";
import { sum } from "../../tensor/ops/reduce.ts";
import { selectTopK } from "../../tensor/project_selection.ts";
import { Tape } from "../../tensor/tape.ts";
import { readTensors, Tensor } from "../../tensor/tensor.ts";

/** Gives a line about what was found right. @throws Error with a line about what was found and expected */
export type Check = (gpu: Gpu) => Promise<string>;

/** These sizes suit no tile. */
const [M, N, K] = [61, 67, 129];
const SUMMED = 100_003;
const HALVES = 257;
const SUBGROUP_GROUPS = 5;
const MEMORY_GROUPS = 37;
/** One workgroup selects among the first, many among the second. */
const SELECTED = [{ groups: 3001, k: 1000 }, { groups: 9001, k: 4500 }] as const;
const DISPATCHES = 16;

/**
 * A product is made twice, the second time in a later submit: it must be bit by bit the same, and each element within
 * f32's error.
 */
export const repeatCheck: Check = (gpu) =>
  scoped(async (own) => {
    const rng = random(1, "self-test");
    const a = rng.fillNormal(new Float32Array(M * K), 0), b = rng.fillNormal(new Float32Array(N * K), 1);
    const operands = { a: own(Tensor.from(gpu, a, [M, K])), b: own(Tensor.from(gpu, b, [N, K])) };
    const plan = planGemm({ m: M, n: N, k: K, a: "k", b: "k" }, tuningFor(gpu));
    const results: Uint8Array[] = [];
    for (let i = 0; i < 2; i++) {
      const y = own(Tensor.empty(gpu, [M, N]));
      launch(gpu, plan, { ...operands, y }, "self-test");
      results.push(new Uint8Array((await gpu.readMany([y]))[0]));
    }
    const [first, second] = results;
    const differing = first.findIndex((byte, i) => byte !== second[i]);
    const worst = worstOfProduct(a, b, new Float32Array(first.buffer as ArrayBuffer));
    if (!(worst <= 1)) throw new Error(`a product ${M}×${N}×${K} is ${worst.toPrecision(2)} times f32's error off`);
    if (differing >= 0) {
      throw new Error(`the same product twice differs, first in element ${Math.floor(differing / 4)}`);
    }
    return `a product ${M}×${N}×${K} twice, the same bits; at most ${worst.toPrecision(2)} of f32's error off`;
  });

/** Gives the largest |Δ| / (4·√K·2⁻²⁴·Σ|a||b|): 1 is the most that adding in f32 in any order may be off. */
function worstOfProduct(a: Float32Array, b: Float32Array, y: Float32Array): number {
  let worst = 0;
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      let exact = 0, magnitude = 0;
      for (let k = 0; k < K; k++) {
        const product = a[m * K + k] * b[n * K + k];
        exact += product;
        magnitude += Math.abs(product);
      }
      const off = Math.abs(y[m * N + n] - exact) / (4 * Math.sqrt(K) * 2 ** -24 * magnitude);
      if (!(off <= worst)) worst = off;
    }
  }
  return worst;
}

/** A long sum of small integers: f32 holds every partial sum, so the result is exact in any order. */
export const reductionCheck: Check = (gpu) =>
  scoped(async (own) => {
    const rng = random(2, "self-test");
    const x = Float32Array.from({ length: SUMMED }, (_, i) => rng.below(16, 0, i));
    const expected = x.reduce((total, value) => total + value, 0);
    using tape = new Tape(gpu, "eval");
    const found = await sum(tape, own(Tensor.from(gpu, x, [SUMMED]))).item();
    if (found !== expected) throw new Error(`the sum of ${SUMMED} integers is ${found}, expected ${expected}`);
    return `the sum of ${SUMMED} integers is exact`;
  });

/** Quarters, which f16 holds, go through f16 storage and arithmetic. */
export const f16Check: Check = (gpu) =>
  scoped(async (own) => {
    const x = Float32Array.from({ length: HALVES }, (_, i) => (i - (HALVES - 1) / 2) / 4);
    const wide = own(Tensor.from(gpu, x, [HALVES]));
    const narrow = own(Tensor.empty(gpu, [Math.ceil(HALVES / 2)]));
    for (const plan of planHalf(HALVES)) gpu.run(plan, [wide, narrow], "self-test");
    const found = await wide.read();
    const wrong = found.findIndex((value, i) => value !== 3 * x[i] + 0.25);
    if (wrong >= 0) throw new Error(`3 · ${x[wrong]} + ¼ is ${found[wrong]} in f16, expected ${3 * x[wrong] + 0.25}`);
    return `${HALVES} numbers stored and computed in f16 are exact`;
  });

/** Threads of a workgroup add up integers over its memory, which must be 0 at the start, also after others used it. */
export const workgroupCheck: Check = (gpu) =>
  scoped(async (own) => {
    const size = MEMORY_GROUPS * MEMORY_TEST_GROUP;
    const x = Uint32Array.from({ length: size }, (_, i) => 1 + (i * 7919) % 1021);
    const inputs = own(Tensor.from(gpu, x, [size]));
    const outputs = [0, 1].map(() => [0, 1].map(() => own(Tensor.empty(gpu, [MEMORY_GROUPS], "u32"))));
    for (const out of outputs) gpu.run(planWorkgroupSum(MEMORY_GROUPS), [inputs, ...out], "self-test");
    const found = (await gpu.readMany(outputs.flat())).map((bytes) => new Uint32Array(bytes));
    for (const [sums, dirty] of [found.slice(0, 2), found.slice(2)]) {
      for (let g = 0; g < MEMORY_GROUPS; g++) {
        const own = x.subarray(g * MEMORY_TEST_GROUP, (g + 1) * MEMORY_TEST_GROUP);
        const expected = own.reduce((total, value) => total + value, 0);
        if (sums[g] !== expected) throw new Error(`workgroup ${g} adds up to ${sums[g]}, expected ${expected}`);
        if (dirty[g] > 0) throw new Error(`workgroup ${g} began with ${dirty[g]} words that weren't 0`);
      }
    }
    return `${MEMORY_GROUPS} workgroups added up over their memory are exact, twice`;
  });

/** A radix select over scores with many ties: it counts with atomics in workgroup memory, and ranks across workgroups. */
export const selectCheck: Check = (gpu) =>
  scoped(async (own) => {
    for (const { groups, k } of SELECTED) {
      const scores = Float32Array.from({ length: groups }, (_, i) => (i * 7919) % 1021 - 500);
      const order = Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a] || a - b);
      const kept = new Set(order.slice(0, k));
      const mask = own(Tensor.empty(gpu, [groups])), status = own(Tensor.empty(gpu, [1]));
      selectTopK(gpu, own(Tensor.from(gpu, scores, [groups])), [{ offset: 0, groups, k }], mask, status);
      const found = await mask.read();
      const wrong = found.findIndex((value, i) => value !== (kept.has(i) ? 1 : 0));
      if (wrong >= 0) {
        const expected = kept.has(wrong) ? "kept" : "left out";
        throw new Error(`of ${groups} scores the ${k} largest: score ${wrong} is to be ${expected}, and isn't`);
      }
    }
    return `the largest ${SELECTED.map(({ groups, k }) => `${k} of ${groups}`).join(" and ")} scores are found`;
  });

/** Each thread's sum over its subgroup is held against the host's sum over the threads that name the same first one. */
export const subgroupsCheck: Check = (gpu) =>
  scoped(async (own) => {
    const size = SUBGROUP_GROUPS * SUBGROUP_TEST_GROUP;
    const x = Uint32Array.from({ length: size }, (_, i) => (i * 7919) % 1021);
    const sums = own(Tensor.empty(gpu, [size], "u32")), first = own(Tensor.empty(gpu, [size], "u32"));
    gpu.run(planSubgroupSums(SUBGROUP_GROUPS), [own(Tensor.from(gpu, x, [size])), sums, first], "self-test");
    const [found, leaders] = (await gpu.readMany([sums, first])).map((bytes) => new Uint32Array(bytes));
    const expected = new Map<number, number>();
    leaders.forEach((leader, i) => expected.set(leader, (expected.get(leader) ?? 0) + x[i]));
    for (let i = 0; i < size; i++) {
      const apart = Math.floor(leaders[i] / SUBGROUP_TEST_GROUP) !== Math.floor(i / SUBGROUP_TEST_GROUP);
      if (apart || found[i] !== expected.get(leaders[i])) {
        throw new Error(`thread ${i}'s subgroup adds up to ${found[i]}, expected ${expected.get(leaders[i])}`);
      }
    }
    return `sums over ${expected.size} subgroups are exact`;
  });

/** Several dispatches of one submit have uniforms of their own each: an Adreno ran only the first one right. */
export const uniformsCheck: Check = (gpu) =>
  scoped(async (own) => {
    const tensors = Array.from({ length: DISPATCHES }, (_, i) => own(Tensor.zeros(gpu, [64 + 4 * i])));
    // The zeros end in passes of their own; what follows is one.
    await gpu.sync();
    tensors.forEach((tensor, i) => fill(gpu, tensor, i + 1));
    const values = await readTensors(tensors);
    const wrong = values.findIndex((filled, i) => filled.some((value) => value !== i + 1));
    if (wrong >= 0) throw new Error(`dispatch ${wrong + 1} of ${DISPATCHES} in a submit got another one's uniforms`);
    return `${DISPATCHES} dispatches in a submit each had their own uniforms`;
  });

/** Runs `work` and frees what it took charge of. */
async function scoped<T>(work: (own: <D extends Disposable>(resource: D) => D) => Promise<T>): Promise<T> {
  using stack = new DisposableStack();
  return await work((resource) => stack.use(resource));
}
