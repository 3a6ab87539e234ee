/**
 * Asks whether this device computes what it should. Phones' drivers have faults that no error tells of; each check
 * finds one, and a check that fails chooses the path around it, as does what is known of devices of its kind. Where
 * there is no way around, nothing that is measured means anything.
 */
import { type Gpu, type GpuOptions, type OpenGpu, openGpu } from "../../gpu/gpu.ts";
import type { Avoided } from "../../gpu/known_faults.ts";
import {
  type Check,
  f16Check,
  reductionCheck,
  repeatCheck,
  selectCheck,
  subgroupsCheck,
  uniformsCheck,
  workgroupCheck,
} from "./checks.ts";
import { fasterProducts } from "../half_products.ts";
import { reasonOf } from "./reason.ts";
import { gpuOptions } from "./device.ts";
import type { CheckName, Protocol, SafePath, SelfCheck, SelfTest } from "./types.ts";

const EVERYTHING: SafePath = { dynamicOffsets: true, workgroupMemory: true, f16: true, subgroups: true };

/**
 * Runs all checks, each on a device of its own, so that one that loses its device takes no other along. Never throws:
 * what goes wrong in a check, opening included, is its failure.
 */
export async function selfTest(
  open: OpenGpu = openGpu,
  { storage = "f32" }: Pick<Protocol, "storage"> = {},
): Promise<SelfTest> {
  const test = new Test(open);
  const offsets = await test.around("dynamic offsets", uniformsCheck, "dynamicOffsets", DYNAMIC_OFFSETS);
  const memory = await test.around("workgroup memory", workgroupCheck, "workgroupMemory", WORKGROUP_MEMORY);
  const select = await test.around("radix select", selectCheck, "workgroupMemory", WORKGROUP_MEMORY);
  const f16 = await test.optional("f16", f16Check, "f16", "shader-f16");
  const subgroups = await test.optional("subgroups", subgroupsCheck, "subgroups", "subgroups");
  const products = storage === "f16" && test.path.f16 ? [await test.products()] : [];
  const repeat = await test.run("repeat", repeatCheck);
  const reduction = await test.run("reduction", reductionCheck);
  const needed = [repeat, reduction].every(({ outcome }) => outcome === "passed");
  return {
    checks: [repeat, reduction, memory.check, select.check, f16, ...products, subgroups, offsets.check],
    path: test.path,
    ...test.avoided.length > 0 && { avoided: test.avoided },
    trusted: needed && offsets.sound && memory.sound && select.sound,
  };
}

/** The words for a part that there is a way around. */
interface Part {
  readonly name: Avoided["part"];
  /** Told of a check that fails with it and passes without. */
  readonly instead: string;
  /** Told, with the reason, of one that fails either way. */
  readonly neither: string;
}

const DYNAMIC_OFFSETS: Part = {
  name: "dynamic offsets",
  instead: "fixed ones work and are used instead",
  neither: "with fixed ones too",
};
const WORKGROUP_MEMORY: Part = {
  name: "workgroup memory",
  instead: "storage buffers work and are used instead",
  neither: "with storage buffers too",
};

/** A self-test under way: what the device must go around, as far as it is found. */
class Test {
  readonly #open: OpenGpu;
  /** Known of the device's kind; the first device that opens tells. */
  #known: readonly Avoided[] = [];
  path = EVERYTHING;
  readonly avoided: Avoided[] = [];

  constructor(open: OpenGpu) {
    this.#open = open;
  }

  /** Runs a check on the path as it is. */
  async run(name: CheckName, check: Check, path = this.path, feature?: string): Promise<SelfCheck> {
    let gpu: Gpu | undefined;
    try {
      gpu = await this.#open(gpuOptions(path) satisfies GpuOptions);
      this.#known = gpu.knownFaults;
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

  /**
   * Runs a check with a part and, where that fails or the part is known to be wrong here, without it; from then on the
   * path has the part where it is right. `sound` says that the check passes on the path.
   */
  async around(
    name: CheckName,
    check: Check,
    key: "dynamicOffsets" | "workgroupMemory",
    part: Part,
  ): Promise<{ check: SelfCheck; sound: boolean }> {
    const found = await this.run(name, check);
    const passed = found.outcome === "passed";
    // An earlier check may have left it out.
    if (!this.path[key]) return { check: found, sound: passed };
    const why = this.#whyKnown(part.name);
    if (passed && why === undefined) return { check: found, sound: true };
    const without = await this.run(name, check, { ...this.path, [key]: false });
    const sound = without.outcome === "passed";
    const detail = passed
      ? found.detail
      : `${found.detail}; ${sound ? part.instead : `${part.neither}: ${without.detail}`}`;
    // What is known to be wrong stays in use where it passes and the way around it doesn't.
    if (!passed || sound) this.#avoid(key, part.name, why ?? `the self-test failed with it: ${found.detail}`);
    return { check: { ...found, detail }, sound: passed || sound };
  }

  /** Runs a check of a feature, and leaves the feature out where it fails or is known to be wrong here. */
  async optional(name: CheckName, check: Check, key: "f16" | "subgroups", feature: string): Promise<SelfCheck> {
    const found = await this.run(name, check, this.path, feature);
    const why = this.#whyKnown(key);
    if (found.outcome === "absent") this.path = { ...this.path, [key]: false };
    else if (found.outcome === "failed" || why !== undefined) {
      this.#avoid(key, key, why ?? `the self-test failed with it: ${found.detail}`);
    }
    return found;
  }

  /** Times products in f16, and takes them where they are faster. */
  products(): Promise<SelfCheck> {
    return this.run("f16 products", async (gpu) => {
      const { products, detail } = await fasterProducts(gpu);
      this.path = { ...this.path, halfProducts: products === "f16" };
      return detail;
    });
  }

  #whyKnown(part: Avoided["part"]): string | undefined {
    return this.#known.find((fault) => fault.part === part)?.why;
  }

  #avoid(key: keyof SafePath, part: Avoided["part"], why: string): void {
    this.path = { ...this.path, [key]: false };
    this.avoided.push({ part, why });
  }
}
