/**
 * Asks whether this device computes what it should. Phones' drivers have faults that no error tells of; each check
 * finds one, and a check that fails chooses the path around it. Where there is no way around, nothing that is measured
 * means anything.
 */
import { type Gpu, type GpuOptions, type OpenGpu, openGpu } from "../../gpu/gpu.ts";
import { type Check, f16Check, reductionCheck, repeatCheck, subgroupsCheck, uniformsCheck } from "./checks.ts";
import { reasonOf } from "./reason.ts";
import { gpuOptions } from "./device.ts";
import type { CheckName, SafePath, SelfCheck, SelfTest } from "./types.ts";

/**
 * Runs all checks, each on a device of its own, so that one that loses its device takes no other along. Never throws:
 * what goes wrong in a check, opening included, is its failure.
 */
export async function selfTest(open: OpenGpu = openGpu): Promise<SelfTest> {
  const run = (name: CheckName, check: Check, options: GpuOptions, feature?: string) =>
    runCheck(open, name, check, options, feature);
  const all: SafePath = { dynamicOffsets: true, f16: true, subgroups: true };

  let offsets = await run("dynamic offsets", uniformsCheck, gpuOptions(all));
  const dynamicOffsets = offsets.outcome === "passed";
  let uniforms = dynamicOffsets;
  if (!dynamicOffsets) {
    const fixed = await run("dynamic offsets", uniformsCheck, gpuOptions({ ...all, dynamicOffsets }));
    uniforms = fixed.outcome === "passed";
    const without = uniforms ? "fixed ones work and are used instead" : `with fixed ones too: ${fixed.detail}`;
    offsets = { ...offsets, detail: `${offsets.detail}; ${without}` };
  }
  const f16 = await run("f16", f16Check, gpuOptions({ ...all, dynamicOffsets }), "shader-f16");
  const subgroups = await run("subgroups", subgroupsCheck, gpuOptions({ ...all, dynamicOffsets }), "subgroups");
  const path = { dynamicOffsets, f16: f16.outcome === "passed", subgroups: subgroups.outcome === "passed" };

  const repeat = await run("repeat", repeatCheck, gpuOptions(path));
  const reduction = await run("reduction", reductionCheck, gpuOptions(path));
  return {
    checks: [repeat, reduction, f16, subgroups, offsets],
    path,
    trusted: uniforms && repeat.outcome === "passed" && reduction.outcome === "passed",
  };
}

async function runCheck(
  open: OpenGpu,
  name: CheckName,
  check: Check,
  options: GpuOptions,
  feature?: string,
): Promise<SelfCheck> {
  let gpu: Gpu | undefined;
  try {
    gpu = await open(options);
    if (feature && !gpu.features.has(feature)) {
      return { name, outcome: "absent", detail: `this device doesn't offer ${feature}` };
    }
    return { name, outcome: "passed", detail: await check(gpu) };
  } catch (error) {
    return { name, outcome: "failed", detail: reasonOf(error) };
  } finally {
    gpu?.close();
  }
}
