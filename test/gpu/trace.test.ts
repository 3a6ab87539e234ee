import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { Gpu, type GpuOptions } from "../../src/gpu/gpu.ts";
import { type DebugLevel, readDebugLevel } from "../../src/gpu/trace.ts";
import { compilePlan } from "../../src/graph/plan.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { createModel } from "../../src/models/zoo.ts";
import { session } from "../cli/fake.ts";
import { affine, failure, floats, openGpu, planAffine, readFloats } from "./kernels.ts";

const test = suite("what debug levels tell");

/** What is told of two dispatches with a label and a factor, one read, and what the second of them made. */
async function told(debug: DebugLevel | undefined, without: readonly string[] = []) {
  const lines: string[] = [];
  using gpu = await openGpu({ debug, without, onDebug: (line) => lines.push(line) });
  const [x, y] = [floats(gpu, 5), floats(gpu, 5)];
  gpu.write(x, Float32Array.of(1, 2, 3, 4, 5));
  const made = await gpu.stage("double", async () => {
    gpu.run(planAffine(5), [x, y]);
    gpu.run(planAffine(5, 0, 2), [x, y], "[5]");
    return (await readFloats(gpu, y))[0];
  });
  return { lines, made, timed: gpu.features.has("timestamp-query") };
}

test("an option that a device doesn't have is refused, with the known ones", async () => {
  const error = await Gpu.open({ bogus: 1 } as GpuOptions).catch((error) => error);
  assert.instance(error, UserError);
  assert.match(error.message, /^Gpu.open has no option "bogus": expected one of powerPreference, without, debug, /);
});

test("without a level nothing is told", async () => {
  assert.equal((await told(undefined)).lines, []);
  assert.equal((await told(0)).lines, []);
});

test("level 1 tells of the device and of stages with their dispatches", async () => {
  const { lines } = await told(1);
  assert.is(lines.length, 3);
  assert.match(lines[0], /^device: \S+/);
  assert.is(lines[1], "double begins");
  assert.match(lines[2], /^double: 2 dispatches in 1 submits, \d+\.\d\d s$/);
});

test("level 1 tells of an inference plan: its shapes and steps", async () => {
  const lines: string[] = [];
  using gpu = await openGpu({ debug: 1, onDebug: (line) => lines.push(line) });
  const graph = createModel("lenet5");
  const plan = compilePlan(gpu, { graph, params: initialise(graph, 1) }, 3);
  assert.is(lines.at(-1), `inference plan: [3,1,28,28] to [3,10] in ${plan.steps.length} steps`);
  plan.dispose();
});

test("level 2 names each dispatch's kernel, variant, label, grid and bytes", async () => {
  const { lines } = await told(2);
  assert.equal(lines.slice(2, -1), [
    "dispatch 0: affine, grid 1×1×1, 40 bytes bound",
    "dispatch 1: affine [FACTOR=2] ([5]), grid 1×1×1, 40 bytes bound",
  ]);
});

test("level 3 adds each dispatch's time, and says so where there is no clock", async () => {
  const { lines, timed, made } = await told(3);
  assert.equal(made, [2, 4, 6, 8, 10]);
  const dispatches = lines.filter((line) => line.startsWith("dispatch "));
  assert.is(dispatches.length, 2);
  if (timed) { for (const line of dispatches) assert.match(line, /bytes bound, (\d+\.\d{3} ms|no time told)$/); }
  const clockless = (await told(3, ["timestamp-query"])).lines;
  assert.ok(clockless.includes("this device has no timestamps: dispatches are told without their times"));
  assert.ok(clockless.includes("dispatch 0: affine, grid 1×1×1, 40 bytes bound"));
});

test("times of more dispatches than a submit holds are all told, in order", async () => {
  const lines: string[] = [];
  using gpu = await openGpu({ debug: 3, onDebug: (line) => lines.push(line) });
  const [x, y] = [floats(gpu, 5), floats(gpu, 5)];
  gpu.clear(x);
  for (let i = 0; i < 150; i++) gpu.run(planAffine(5, i), [x, y]);
  await gpu.sync();
  const numbers = lines.flatMap((line) => /^dispatch (\d+):/.exec(line)?.[1] ?? []).map(Number);
  assert.equal(numbers, Array.from({ length: 150 }, (_, i) => i));
});

test("level 4 shows the WGSL of each new kernel once, with its constants set", async () => {
  const { lines } = await told(4);
  const kernels = lines.filter((line) => line.startsWith("kernel affine"));
  assert.is(kernels.length, 2);
  assert.is(kernels[0], `kernel affine:\n${affine.source}`);
  assert.match(kernels[1], "const FACTOR: f32 = 2.0;");
});

test("a level that isn't one is refused with the list of those that are", async () => {
  assert.is(readDebugLevel("", "SECATEUR_DEBUG"), 0);
  assert.is(readDebugLevel("3", "SECATEUR_DEBUG"), 3);
  for (const wrong of ["yes", "5", "-1", "01"]) {
    assert.throws(() => readDebugLevel(wrong, "SECATEUR_DEBUG"), (error: Error) => {
      assert.instance(error, UserError);
      assert.match(error.message, `SECATEUR_DEBUG is "${wrong}"; give one of 0 (nothing), 1 (the device`);
      assert.match(error.message, "4 (each new kernel's WGSL");
      return true;
    });
  }
  const error = await failure(() => openGpu({ debug: 7 as DebugLevel }));
  assert.match(error.message, /^debug is 7; give one of 0/);
});

test("the command line refuses such a level before anything else, in one line", async () => {
  const { run, io, out, err } = session();
  Object.assign(io, { debug: () => readDebugLevel("all", "SECATEUR_DEBUG") });
  assert.is(await run("recipes"), 1);
  assert.equal(out, []);
  assert.is(err.length, 1);
  assert.match(err[0], /^secateur: SECATEUR_DEBUG is "all"; give one of 0 \(nothing\)/);
});

test.run();
