/** The self-test finds each fault that a device may have, and chooses the path around it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Gpu } from "../../src/gpu/gpu.ts";
import { gpuOptions } from "../../src/measure/session/device.ts";
import { selfTest } from "../../src/measure/session/selftest.ts";
import type { CheckName, SelfTest } from "../../src/measure/session/types.ts";
import { testGpu } from "../gpu.ts";
import { faulty, firstUniformsOnly, flipsBit, playsSubgroups, skips } from "./session_faults.ts";

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
    "f16": of("shader-f16"),
    "subgroups": of("subgroups"),
    "dynamic offsets": "passed",
  });
  assert.equal(result.path, {
    dynamicOffsets: true,
    f16: features.has("shader-f16"),
    subgroups: features.has("subgroups"),
  });
  assert.is(result.trusted, true);
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

test("a device that is lost in a check, or can't be opened, fails it and doesn't throw", async () => {
  let opened = 0;
  const lost = await selfTest(faulty((gpu) => ++opened === 1 && gpu.loseDevice()));
  assert.is(outcomes(lost)["dynamic offsets"], "failed");
  assert.match(detail(lost, "dynamic offsets"), "lost");
  assert.is(lost.path.dynamicOffsets, false);
  assert.is(lost.trusted, true);

  const none = await selfTest(() => Promise.reject(new Error("no adapter today")));
  assert.is(none.trusted, false);
  assert.equal(Object.values(outcomes(none)), Array(5).fill("failed"));
  assert.match(detail(none, "repeat"), "no adapter today");
});

test.run();
