/** What the planners are asked for one convolution or product, and how their answer is described. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PROFILES } from "../../kernels/device_profile.ts";
import type { Step } from "../../kernels/launch.ts";
import { UNTUNED } from "../../kernels/tuning.ts";
import { variants } from "../../kernels/variants.ts";
import type { Program } from "../../src/gpu/types.ts";
import { askKernel, type AskKernelOptions } from "../../src/measure/ask_kernel.ts";
import { describeLaunch } from "../../src/measure/describe_launch.ts";
import { type KernelQuestion, kernelRequest, questionWords } from "../../src/measure/kernel_question.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { silentUi } from "../../src/ui.ts";
import { testGpu } from "../gpu.ts";

const test = suite("asking for a kernel");

/** 3→4 channels, 3×3, stride 2 on 5×5 with pads of 1: maps of 3×3. */
const SHAPE = {
  batch: 2,
  channels: 3,
  height: 5,
  width: 5,
  filters: 4,
  kernel: [3, 3],
  stride: [2, 2],
  pads: [1, 1, 1, 1],
  dilation: [1, 1],
  groups: 1,
} as const;

test("operands of each pass have the bytes of their f32 values", () => {
  const [x, w, y] = [4 * 2 * 3 * 25, 4 * 4 * 3 * 9, 4 * 2 * 4 * 9];
  const operands = (pass: "forward" | "dgrad" | "wgrad") =>
    kernelRequest({ kernel: "conv", pass, shape: SHAPE }, UNTUNED).operands;
  assert.equal(operands("forward"), { x, w, y });
  assert.equal(operands("dgrad"), { dy: y, w, dx: x });
  assert.equal(operands("wgrad"), { x, dy: y, y: w });
  assert.is(
    questionWords({ kernel: "conv", pass: "dgrad", shape: { ...SHAPE, dilation: [1, 2] } }),
    "conv dgrad 2×3×5×5, 4 filters 3×3, stride 2×2, pads 1,1,1,1, dilation 1×2",
  );
  // Each of the 2·4·9 outputs sums 27 products.
  assert.is(kernelRequest({ kernel: "conv", pass: "forward", shape: SHAPE }, UNTUNED).macs, 72 * 27);
});

test("a product's form says how its operands lie in memory", () => {
  const question = (form: "nt" | "nn" | "tn") => ({ kernel: "gemm", form, m: 3, n: 5, k: 7 }) as const;
  const request = (form: "nt" | "nn" | "tn") => kernelRequest(question(form), UNTUNED);
  // Classes go by the next of 3, 4, 6, 8, 12, …
  assert.equal((["nt", "nn", "tn"] as const).map((form) => request(form).shapeClass), [
    "gemm nt 3x6x8",
    "gemm nn 3x6x8",
    "gemm tn 3x6x8",
  ]);
  assert.is(questionWords(question("tn")), "gemm tn 3×5×7");
  assert.equal(request("nt").operands, { a: 84, b: 140, y: 60 });
  assert.is(request("nt").macs, 105);
});

test("a launch is described dispatch by dispatch, those of the weights apart", () => {
  const program = {
    name: "double",
    source: "const GROUP: u32 = 8u;\nconst TWICE: bool = false;\n@compute @workgroup_size(GROUP, 2)\nfn main() {}",
    constants: { TWICE: 1 },
    access: ["read", "read_write"],
  } as const;
  const step = { plan: { program, uniforms: [], grid: [3, 2, 1] }, bindings: ["x", "y"] } as const;
  const { dispatches, scratch } = describeLaunch({ prepare: [step], steps: [step], scratch: { y: 64 }, tables: {} });
  assert.equal(dispatches.map(({ when }) => when), ["once", "each call"]);
  assert.equal(dispatches[1].workgroupSize, [8, 2, 1]);
  assert.is(dispatches[1].threads, 3 * 2 * 8 * 2);
  assert.equal(dispatches[1].bindings, [{ name: "x", access: "read" }, { name: "y", access: "read_write" }]);
  assert.match(dispatches[1].wgsl, "const TWICE: bool = true;");
  assert.equal(scratch, { y: 64 });
});

test("the workgroup of every kernel is read from its shader", () => {
  const sizeOf = (program: Program) => {
    const step: Step = { plan: { program, uniforms: [], grid: [1, 1, 1] }, bindings: [] };
    return describeLaunch({ steps: [step], scratch: {}, tables: {} }).dispatches[0];
  };
  for (const program of variants()) assert.ok(sizeOf(program).threads > 0, program.name);
  // attention.wgsl: @workgroup_size(GROUP), const GROUP: u32 = 64u * SLICES;
  const attention = variants().find(({ name, constants }) =>
    name.startsWith("attention from") && constants?.SLICES === 2
  );
  assert.equal(sizeOf(attention!).workgroupSize, [128, 1, 1]);
  const unread = { name: "odd", source: "@compute @workgroup_size(SIZE / 2)\nfn main() {}", access: [] };
  assert.throws(() => sizeOf(unread), /kernel "odd": its workgroup size "SIZE \/ 2" can't be read/);
});

const options = async (more: Partial<AskKernelOptions> = {}): Promise<AskKernelOptions> => ({
  question: { kernel: "gemm", form: "nt", m: 16, n: 16, k: 16 },
  time: "no",
  store: memoryStore(),
  plansFolder: "plans",
  ui: silentUi(),
  gpu: await testGpu(),
  ...more,
});

test("a shape that no buffer holds is refused before anything is planned for it", async () => {
  const asked = (question: KernelQuestion) =>
    options({ question }).then(askKernel).then(() => "answered", (error: Error) => error.message);
  const large = { ...SHAPE, channels: 100_000_000, filters: 100_000_000 };
  assert.match(
    await asked({ kernel: "conv", pass: "forward", shape: large }),
    /^conv forward 2×100000000×5×5, .+: x has 20000000000 bytes, and a buffer of this device at most \d+: give a smaller --shape$/,
  );
  const product = { kernel: "gemm", form: "nt", m: 100_000, n: 1, k: 100_000 } as const;
  assert.match(await asked(product), /^gemm nt 100000×1×100000: a has 40000000000 bytes/);
});

test("each way is named, the best estimate is 1, and the chosen one has run", async () => {
  const { variants, chosen, plan, macs } = await askKernel(await options());
  assert.is(macs, 4096);
  assert.is(Math.min(...variants.map(({ estimate }) => estimate)), 1);
  assert.is(chosen.because, "estimated fastest");
  assert.is(variants.find(({ name }) => name === chosen.name)!.estimate, 1);
  assert.is(
    plan.dispatches.filter(({ when }) => when === "each call").length,
    variants.find(({ name }) => name === chosen.name)!.dispatches,
  );
  assert.ok(variants.every(({ ms }) => ms === undefined));
});

test("a way can be asked for by name, and each can be timed", async () => {
  const { variants, chosen } = await askKernel(await options({ variant: "registers 4x4", time: "each" }));
  assert.equal(chosen, { name: "registers 4x4", because: "asked for" });
  assert.ok(variants.every(({ ms, refused }) => (ms !== undefined && ms > 0) || refused !== undefined));
});

test("an unknown way is refused with those that there are", async () => {
  let message = "";
  await askKernel(await options({ variant: "magic" })).catch((error) => message = error.message);
  assert.match(message, /gemm nt 16x16x16 has no way called "magic": give one of "registers 8x8"/);
});

test("another kind of device has estimates of its own", async () => {
  const question = { kernel: "conv", pass: "wgrad", shape: SHAPE } as const;
  for (const profile of Object.keys(PROFILES) as (keyof typeof PROFILES)[]) {
    const answer = await askKernel(await options({ question, profile }));
    assert.is(answer.profile, profile);
    assert.ok(answer.variants.some(({ name }) => name === answer.chosen.name));
  }
});

test.run();
