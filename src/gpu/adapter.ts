import { NoAdapterError } from "./errors.ts";
import { DEVICE_FEATURE, type EnableLines, probeFeatures } from "./features.ts";
import { type Avoided, knownFaults } from "./known_faults.ts";

/** This is printed with every number that is measured. */
export interface AdapterInfo {
  /** It is such as "nvidia", or "" where the runtime doesn't say. */
  readonly vendor: string;
  /** It is such as "ampere", or "" where the runtime doesn't say. */
  readonly architecture: string;
  /** The driver describes itself in these words, such as "llvmpipe (LLVM 15.0.6, 256 bits)". */
  readonly description: string;
  /** True for a software adapter, or one that the browser calls a fallback: its times say little about real devices. */
  readonly fallback: boolean;
}

/** Gives the words that the driver describes itself with, or what else is known of the adapter. Reports keep no architecture. */
export function adapterName(
  { description, architecture, vendor }: Pick<AdapterInfo, "description" | "vendor"> & {
    readonly architecture?: string;
  },
): string {
  return description || architecture || vendor || "an adapter without a name";
}

const OPTIONAL_FEATURES: readonly GPUFeatureName[] = ["timestamp-query", ...Object.values(DEVICE_FEATURE)];

/**
 * These limits are worth raising above the defaults. Everything works with the defaults; planners use more where there
 * is more.
 */
const RAISED_LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupStorageSize",
] as const;

/** Says which device is opened. */
export interface OpenOptions {
  /** It is "high-performance" by default. */
  readonly powerPreference?: GPUPowerPreference;
  /** These features are left out even where the adapter has them; by default those that are known to be wrong there. */
  readonly without?: readonly string[];
}

export interface OpenDevice {
  readonly device: GPUDevice;
  readonly info: AdapterInfo;
  readonly enable: EnableLines;
  /** What is known of the adapter's kind. */
  readonly faults: readonly Avoided[];
}

/** Finds an adapter and opens a device with the optional features and higher limits that it offers. */
export async function openDevice(options: OpenOptions): Promise<OpenDevice> {
  const gpu = globalThis.navigator?.gpu;
  if (!gpu) {
    throw new NoAdapterError(
      "this runtime has no WebGPU (navigator.gpu is missing): use Deno ≥ 2.9, or a browser with WebGPU over HTTPS or localhost",
    );
  }
  const adapter = await gpu.requestAdapter({ powerPreference: options.powerPreference ?? "high-performance" });
  if (!adapter) {
    throw new NoAdapterError(
      "no WebGPU adapter: install a Vulkan driver (without a GPU: apt-get install mesa-vulkan-drivers) or run `deno task setup`",
    );
  }
  const { features, info } = adapter;
  const faults = knownFaults({ ...describe(adapter), subgroupMinSize: subgroupMinSize(info), features });
  // What isn't to be used isn't asked for, unless somebody says so: the self-test does.
  const left = faults.flatMap(({ part }) => part === "subgroups" ? [DEVICE_FEATURE[part]] : []);
  const without = new Set<string>(options.without ?? left);
  const requiredFeatures = OPTIONAL_FEATURES.filter((f) => adapter.features.has(f) && !without.has(f));
  const requiredLimits: Record<string, number> = {};
  for (const name of RAISED_LIMITS) requiredLimits[name] = adapter.limits[name];
  const device = await adapter.requestDevice({ requiredFeatures, requiredLimits });
  return { device, info: describe(adapter), enable: await probeFeatures(device), faults };
}

function subgroupMinSize(info: GPUAdapterInfo): number | undefined {
  return (info as { subgroupMinSize?: number }).subgroupMinSize;
}

function describe(adapter: GPUAdapter): AdapterInfo {
  const { vendor, architecture, description } = adapter.info;
  const flagged = (adapter.info as { isFallbackAdapter?: boolean }).isFallbackAdapter === true;
  const software = /llvmpipe|lavapipe|swiftshader|software|basic render/i.test(`${description} ${architecture}`);
  return { vendor, architecture, description, fallback: flagged || software };
}
