/** Each device that is known to be bad is played: it takes the way around its fault, everywhere, and says why. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { gemmCandidates, gemmClass, planGemm } from "../../kernels/gemm/plan.ts";
import type { Launch } from "../../kernels/launch.ts";
import { type GpuOptions, type OpenGpu, openGpu } from "../../src/gpu/gpu.ts";
import { avoidedLine, type KnownAdapter, knownFaults } from "../../src/gpu/known_faults.ts";
import { usesWorkgroupMemory } from "../../src/gpu/workgroup_storage.ts";
import { selfTest } from "../../src/measure/session/selftest.ts";
import { createDevice } from "../../src/web/engine/device.ts";
import { tuningFor } from "../../src/tensor/ops/launch.ts";
import { batchNorm } from "../../src/tensor/ops/norm.ts";
import { softmax } from "../../src/tensor/ops/softmax.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { softmaxCrossEntropy } from "../../src/tensor/ops/loss.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { givesFirstUniforms, miscompilesWorkgroupMemory, playsAdapter } from "./session_faults.ts";

const test = suite("known devices");

const PIXEL_10 = { vendor: "img-tec", architecture: "d-series" };
const ADRENO_8 = { vendor: "qualcomm", architecture: "adreno-8xx" };
const SAFARI = { vendor: "apple", architecture: "metal-3", features: ["subgroups"] };

test("the list knows them by what browsers and Vulkan call them, and nobody else", () => {
  const parts = (adapter: Partial<KnownAdapter>) =>
    knownFaults({ vendor: "", architecture: "", description: "", features: new Set(), ...adapter }).map((f) => f.part);
  assert.equal(parts(PIXEL_10), ["workgroup memory"]);
  assert.equal(parts({ vendor: "4112", description: "PowerVR D-Series DXT-48-1536 MC1" }), ["workgroup memory"]);
  assert.equal(parts({ vendor: "img-tec", architecture: "b-series" }), []);
  assert.equal(parts(ADRENO_8), ["dynamic offsets"]);
  assert.equal(parts({ vendor: "20803", description: "Adreno (TM) 830" }), ["dynamic offsets"]);
  assert.equal(parts({ vendor: "qualcomm", architecture: "adreno-7xx", description: "Adreno (TM) 740" }), []);
  const subgroups = new Set(["subgroups"]);
  assert.equal(parts({ vendor: "apple", features: subgroups }), ["subgroups"]);
  assert.equal(parts({ vendor: "apple", features: subgroups, subgroupMinSize: 32 }), []);
  assert.equal(parts({ vendor: "apple" }), [], "nothing to avoid where there are none");
  assert.match(
    avoidedLine(knownFaults({ ...ADRENO_8, description: "", features: subgroups })),
    /^without dynamic offsets: .+; without subgroups: .+$/,
  );
});

/** A loss and its gradient through a batch norm and a softmax, whose sums go over workgroup memory. */
async function computed(open: OpenGpu, options: GpuOptions = {}): Promise<number[]> {
  using gpu = await open(options);
  using tape = new Tape(gpu, "train");
  const wave = (shape: number[], step: number) =>
    tape.own(Tensor.from(gpu, Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => Math.sin(step * i)), shape));
  const [x, gamma, beta, mean, variance] = [wave([96, 40], 1), ...[2, 3, 4, 5].map((step) => wave([1, 40], step))];
  for (const watched of [x, gamma, beta]) tape.watch(watched);
  const vector = (tensor: Tensor) => tensor.view([40]);
  const params = { gamma: vector(gamma), beta: vector(beta), mean: vector(mean), variance: vector(variance) };
  const labels = tape.own(Tensor.from(gpu, Uint32Array.from({ length: 96 }, (_, i) => i % 40), [96]));
  const loss = softmaxCrossEntropy(tape, softmax(tape, batchNorm(tape, x, params)), labels);
  tape.backward(loss);
  return (await readTensors([loss, tape.gradient(x)!])).flatMap((numbers) => [...numbers]);
}

/** The largest difference, as a share of the largest value. */
function difference(found: readonly number[], expected: readonly number[]): number {
  const worst = Math.max(...found.map((value, i) => Math.abs(value - expected[i])));
  return worst / Math.max(...expected.map(Math.abs));
}

test("a Pixel 10 keeps workgroup memory in storage: the same numbers, though its driver miscompiles it", async () => {
  const open = playsAdapter(PIXEL_10, miscompilesWorkgroupMemory());
  const sound = await computed(openGpu);
  assert.ok(sound.every(Number.isFinite) && sound.some((value) => value !== 0));
  assert.ok(difference(await computed(open), sound) <= 1e-6);
  const wrong = await computed(open, { workgroupMemory: true });
  assert.ok(!(difference(wrong, sound) <= 1e-2), "the driver's fault is one that shows");

  const { path, trusted, avoided } = await selfTest(open);
  assert.is(path.workgroupMemory, false);
  assert.is(trusted, true);
  assert.match(avoidedLine(avoided!), /^without workgroup memory: drivers of PowerVR's D-series miscompile/);

  // Where there are ways without, its planners take them.
  using gpu = await open({});
  const shape = { m: 64, n: 512, k: 512, a: "k", b: "k" } as const;
  const uses = ({ steps }: Launch) => steps.some(({ plan }) => usesWorkgroupMemory(plan.program.source));
  const tiled = gemmCandidates(shape, tuningFor(gpu)).find((candidate) => uses(candidate.build()))!;
  const tuning = { ...tuningFor(gpu), winners: { [gemmClass(shape)]: tiled.name } };
  assert.is(uses(planGemm(shape, { ...tuning, avoids: undefined })), true);
  assert.is(uses(planGemm(shape, tuning)), false, "not even what was measured fastest");
});

test("an Adreno 830 binds uniforms by fixed offsets", async () => {
  const open = playsAdapter(ADRENO_8, givesFirstUniforms);
  // Its planners believe in a phone, which adds up in another order.
  assert.ok(difference(await computed(open), await computed(openGpu)) <= 1e-6);
  const { path, trusted, avoided } = await selfTest(open);
  assert.is(path.dynamicOffsets, false);
  assert.is(trusted, true);
  assert.match(avoidedLine(avoided!), /^without dynamic offsets: drivers of Adreno 8xx/);
});

test("a driver that has been mended is still gone around, and what a check found is told", async () => {
  const { path, checks, avoided } = await selfTest(playsAdapter(ADRENO_8));
  assert.is(checks.find(({ name }) => name === "dynamic offsets")!.outcome, "passed");
  assert.is(path.dynamicOffsets, false);
  assert.is(avoided!.length, 1);
});

test("subgroups whose size isn't said are asked of no device", async () => {
  const asked: string[] = [];
  const open = playsAdapter(SAFARI, () => {}, (features) => asked.push(...features));
  await computed(open);
  assert.ok(asked.length > 0 && !asked.includes("subgroups"), asked.join());
  const device = createDevice(open);
  asked.length = 0;
  await device.use((gpu) => Promise.resolve(assert.is(gpu.features.has("subgroups"), false)));
  device.close();
  const sized = playsAdapter({ ...SAFARI, subgroupMinSize: 32 }, () => {}, (features) => asked.push(...features));
  (await sized({})).close();
  assert.ok(asked.includes("subgroups"), "where it is said they are");
});

test.run();
