/** The self-test finds each fault that a device may have, and chooses the path around it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Gpu } from "../../src/gpu/gpu.ts";
import { workgroupCheck } from "../../src/measure/session/checks.ts";
import { gpuOptions } from "../../src/measure/session/device.ts";
import { selfTest } from "../../src/measure/session/selftest.ts";
import type { CheckName, SelfTest } from "../../src/measure/session/types.ts";
import { testGpu } from "../gpu.ts";
import {
  faulty,
  firstUniformsOnly,
  flipsBit,
  miscompilesWorkgroupMemory,
  playsSubgroups,
  skips,
} from "./session_faults.ts";

const test = suite("self-test");

const outcomes = ({ checks }: SelfTest) => Object.fromEntries(checks.map(({ name, outcome }) => [name, outcome]));
const detail = ({ checks }: SelfTest, name: CheckName) => checks.find((check) => check.name === name)!.detail;

test("a sound device passes, or lacks the feature; the path is what it has", async () => {
  const { features } = await testGpu();
  const result = await selfTest();
  const of = (feature: string) => features.has(feature) ? "passed" : "absent";
  assert.equal(outcomes(result), {
    "repeat": "passed",
    "reduction": "passed",
    "workgroup memory": "passed",
    "radix select": "passed",
    "f16": of("shader-f16"),
    "subgroups": of("subgroups"),
    "dynamic offsets": "passed",
  });
  assert.equal(result.path, {
    dynamicOffsets: true,
    workgroupMemory: true,
    f16: features.has("shader-f16"),
    subgroups: features.has("subgroups"),
  });
  assert.is(result.trusted, true);
  assert.is(result.avoided, undefined);
});

test("only the first dispatch gets its uniforms: fixed offsets are used, and trusted", async () => {
  const result = await selfTest(firstUniformsOnly());
  assert.is(outcomes(result)["dynamic offsets"], "failed");
  assert.is(result.path.dynamicOffsets, false);
  assert.match(detail(result, "dynamic offsets"), /dispatch 2 of 16 .+ fixed ones work/);
  assert.is(result.trusted, true);
});

test("fixed offsets don't help either: nothing is trusted", async () => {
  const result = await selfTest(skips("fill"));
  assert.is(result.trusted, false);
  assert.match(detail(result, "dynamic offsets"), "with fixed ones too");
});

test("a product that isn't the same twice, or is wrong", async () => {
  // The second read of a device is the second product; everything else reads once.
  const flickering = await selfTest(flipsBit(2));
  assert.is(outcomes(flickering).repeat, "failed");
  assert.match(detail(flickering, "repeat"), "the same product twice differs, first in element 0");
  assert.is(flickering.trusted, false);
  assert.is(outcomes(flickering).reduction, "passed");

  const wrong = await selfTest(skips("gemm"));
  assert.is(outcomes(wrong).repeat, "failed");
  assert.match(detail(wrong, "repeat"), /times f32's error off|NaN/);
  assert.is(wrong.trusted, false);
});

test("a sum that is off by a bit", async () => {
  const result = await selfTest(flipsBit(1));
  assert.is(outcomes(result).reduction, "failed");
  assert.match(detail(result, "reduction"), /the sum of 100003 integers is .+, expected \d+/);
  assert.is(result.trusted, false);
});

test("wrong f16 is left out, and the rest is trusted", async () => {
  const result = await selfTest(skips("half precision", "shader-f16"));
  assert.is(outcomes(result).f16, "failed");
  assert.match(detail(result, "f16"), /is -32 in f16, expected -95.75/);
  assert.is(result.path.f16, false);
  assert.is(result.trusted, true);
  using gpu = await Gpu.open(gpuOptions(result.path));
  assert.is(gpu.features.has("shader-f16"), false, "the path opens the device without it");
});

test("subgroups of any size are right where each adds up its own, and left out where they don't", async () => {
  const sum = (size: number) => (first: number, x: Uint32Array) =>
    x.subarray(first, first + size).reduce((total, value) => total + value, 0);
  for (const size of [4, 32, 64]) {
    const result = await selfTest(playsSubgroups(size, sum(size)));
    assert.is(outcomes(result).subgroups, "passed", detail(result, "subgroups"));
    assert.is(result.path.subgroups, true);
  }
  for (const result of [await selfTest(playsSubgroups(32, sum(31))), await selfTest(playsSubgroups(128, sum(128)))]) {
    assert.is(outcomes(result).subgroups, "failed");
    assert.equal(gpuOptions(result.path).without, ["subgroups"]);
    assert.is(result.trusted, true);
  }
});

test("workgroup memory that is miscompiled lies in storage buffers instead, whichever check finds it", async () => {
  const all = await selfTest(faulty(miscompilesWorkgroupMemory()));
  assert.is(outcomes(all)["workgroup memory"], "failed");
  assert.match(
    detail(all, "workgroup memory"),
    /^workgroup 0 adds up to .+; storage buffers work and are used instead$/,
  );
  assert.is(outcomes(all)["radix select"], "passed", "it already runs without");
  assert.is(outcomes(all).reduction, "passed");
  assert.is(all.path.workgroupMemory, false);
  assert.is(all.trusted, true);
  assert.equal(all.avoided!.map(({ part }) => part), ["workgroup memory"]);

  const atomics = await selfTest(faulty(miscompilesWorkgroupMemory((kernel) => kernel.startsWith("top-k"))));
  assert.is(outcomes(atomics)["workgroup memory"], "passed");
  assert.is(outcomes(atomics)["radix select"], "failed");
  assert.match(detail(atomics, "radix select"), /^of 3001 scores the 1000 largest: score \d+ .+ used instead$/);
  assert.is(atomics.path.workgroupMemory, false);
  assert.is(atomics.trusted, true);

  const none = await selfTest(skips("top-k"));
  assert.match(detail(none, "radix select"), "with storage buffers too");
  assert.is(none.trusted, false);
});

test("memory that isn't 0 at the start is found", async () => {
  using gpu = await faulty((gpu) => {
    const readMany = gpu.readMany.bind(gpu);
    // The last buffer counts words that weren't 0 when the second dispatch began.
    gpu.readMany = async (slices) => {
      const found = await readMany(slices);
      new Uint32Array(found[3])[2] = 7;
      return found;
    };
  })({});
  const failure = await workgroupCheck(gpu).then(() => "nothing", (error) => error.message);
  assert.is(failure, "workgroup 2 began with 7 words that weren't 0");
});

test("a device that is lost in a check, or can't be opened, fails it and doesn't throw", async () => {
  let opened = 0;
  const lost = await selfTest(faulty((gpu) => ++opened === 1 && gpu.loseDevice()));
  assert.is(outcomes(lost)["dynamic offsets"], "failed");
  assert.match(detail(lost, "dynamic offsets"), "lost");
  assert.is(lost.path.dynamicOffsets, false);
  assert.is(lost.trusted, true);

  const none = await selfTest(() => Promise.reject(new Error("no adapter today")));
  assert.is(none.trusted, false);
  assert.equal(Object.values(outcomes(none)), Array(7).fill("failed"));
  assert.match(detail(none, "repeat"), "no adapter today");
});

test.run();
