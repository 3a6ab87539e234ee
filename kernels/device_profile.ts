/**
 * This is what planners believe about kinds of devices: how many threads keep one busy, and what loads, stores,
 * multiply-adds and dispatches take there. A planner's estimate is made of these numbers alone; the tuner measures and
 * has the last word. A profile decides how fast an untuned plan is, never whether it is correct.
 *
 * The numbers of one family of kernels are comparable with each other and not with another family's: they were fitted
 * to that family's kernels, on several hosts.
 */
import type { AdapterInfo } from "../src/gpu/adapter.ts";

export type ProfileName = "software" | "integrated" | "desktop" | "mobile-tiler";

export interface DeviceProfile {
  readonly name: ProfileName;
  /** So many threads keep the device busy: a launch with fewer leaves some of it idle, so long sums are split. */
  readonly threads: number;
  /**
   * So many waves of 64 threads should run at a time where they make tiles in workgroup memory: at least two for each
   * SIMD. Without it, the device is no GPU, and convolutions make no such tiles.
   */
  readonly waves?: number;
  /**
   * A device that runs each workgroup on one of a few cores has `count` of them, and a core runs `lanes` threads at a
   * time. Without it, threads are taken to spread evenly over the device.
   */
  readonly cores?: { readonly count: number; readonly lanes: number };
  readonly gemm: GemmCosts;
  readonly conv: ConvCosts;
  readonly lists: ListCosts;
  readonly attention: AttentionCosts;
  readonly teams: TeamCosts;
}

/** These are the costs of matrix products, in ns for threads that run together. */
export interface GemmCosts {
  /**
   * Reading a vec4 from storage takes `load4Ns`, and reading four single numbers in its place, where rows don't lie at
   * multiples of four, takes `scalars4Ns`.
   */
  readonly load4Ns: number;
  readonly scalars4Ns: number;
  /**
   * Reading one number from storage takes `loadNs` where neighbouring threads read its neighbours, and `stridedLoadNs`
   * where what they read lies far apart.
   */
  readonly loadNs: number;
  readonly stridedLoadNs: number;
  /** Reading a vec4 from a uniform array takes so long. */
  readonly uniform4Ns: number;
  /** Reading a vec4 from workgroup memory takes so long. */
  readonly workgroup4Ns: number;
  /** The 64 multiply-adds of a 4 × 4 block of outputs with a vec4 of k take so long. */
  readonly blockNs: number;
  /** A turn of a loop takes so long. */
  readonly turnNs: number;
  /** A dispatch that waits for the one before takes so long. */
  readonly dispatchNs: number;
  /** Products from uniform panels take so many times longer because the lanes read different addresses. */
  readonly divergence: number;
  /** A thread can hold `sums` sums in registers; products with more sums take `factor` times longer. */
  readonly spill: { readonly sums: number; readonly factor: number };
}

/**
 * These are the costs of convolutions, and of sparse products that aren't lists of taps, in ns for a group of 8 lanes.
 */
export interface ConvCosts {
  readonly load4Ns: number;
  readonly loadNs: number;
  readonly uniform4Ns: number;
  /**
   * In kernel lists, reading a vec4 of x from a uniform panel takes this share of the time that one from storage takes.
   */
  readonly uniformShare: number;
  readonly storeNs: number;
  readonly fmaNs: number;
  readonly loopNs: number;
  /** A dispatch of im2col that waits for the one before takes so long. */
  readonly dispatchNs: number;
  /** Im2col takes so many times longer because the lanes read different addresses of uniform arrays. */
  readonly divergence: number;
  /** The data gradient by full rows takes so many times longer because its sums don't fit into registers. */
  readonly fullRowsSpill: number;
  /** A thread can hold `sums` sums in registers; the other ways take `factor` times longer with more. */
  readonly spill: { readonly sums: number; readonly factor: number };
  /** Weight gradients whose threads read planes of their own take so many times longer, as neighbours don't lie near. */
  readonly planesApart: number;
  /** Reading or writing a vec4 of workgroup memory takes so long. */
  readonly workgroup4Ns: number;
  /** Adding up parts of sums in a dispatch of its own takes so long. */
  readonly addNs: number;
  /** The device makes so many multiply-adds while a byte of memory is read or written. */
  readonly multiplyAddsPerByte: number;
}

/** These are the costs of sparse products by lists of taps, in ns for four pixels of a thread. */
export interface ListCosts {
  /**
   * A tap takes `turnNs` for the loop's turn at one row of a tile, `filterNs` for a multiply-add of one filter, and
   * `weightNs` for a weight at one row of a tile.
   */
  readonly turnNs: number;
  readonly filterNs: number;
  readonly weightNs: number;
  readonly storeNs: number;
  /**
   * Reading four numbers of x for a tap takes so long, from uniform panels or from storage, packed in panels of rows or
   * in images.
   */
  readonly x4Ns: Readonly<Record<"uniform" | "storage", { readonly panels: number; readonly images: number }>>;
  /** Packing one number of a matrix x takes so long. */
  readonly packNs: number;
  readonly dispatchNs: number;
  /** All of it takes so many times longer because the lanes read different addresses of uniform arrays. */
  readonly divergence: number;
}

/** These are the costs of attention, in ns. */
export interface AttentionCosts {
  /** A term of a sum takes so long, with operands from storage or from uniform panels. */
  readonly termNs: Readonly<Record<"storage" | "uniform", number>>;
  readonly dispatchNs: number;
}

/** These are the costs of kernels that give a row to a team of threads, in ns of a thread. */
export interface TeamCosts {
  /** An item that is read a few times takes so long. */
  readonly itemNs: number;
  /** A barrier takes so long. */
  readonly barrierNs: number;
}

/**
 * This is Mesa's llvmpipe on two cores of 8 lanes, as measured, except where it says otherwise. Storage is read lane by
 * lane: a vec4 takes 22 ns on hosts with AVX-512 and 225 to 240 with AVX2, one from a uniform array 14 to 20 on both.
 * `gemm` lies between the hosts; `conv` ranks the kernels as a host with AVX-512 does, and the tuner finds other
 * winners with AVX2.
 */
const SOFTWARE: DeviceProfile = {
  name: "software",
  // So many are enough to balance the work of two cores.
  threads: 256,
  cores: { count: 2, lanes: 8 },
  gemm: {
    load4Ns: 80,
    scalars4Ns: 120,
    loadNs: 20,
    // There is no coalescing that a stride could spoil.
    stridedLoadNs: 20,
    uniform4Ns: 14,
    // It is memory like any other, and barriers save and restore all lanes.
    workgroup4Ns: 160,
    blockNs: 26,
    turnNs: 27,
    dispatchNs: 5_000,
    divergence: 1,
    // What doesn't fit into registers lies in the nearest cache.
    spill: { sums: Infinity, factor: 1 },
  },
  conv: {
    load4Ns: 24,
    loadNs: 10,
    uniform4Ns: 20,
    uniformShare: 0.7,
    storeNs: 12,
    fmaNs: 0.3,
    loopNs: 25,
    dispatchNs: 80_000,
    divergence: 1,
    fullRowsSpill: 1,
    spill: { sums: Infinity, factor: 1 },
    planesApart: 1,
    workgroup4Ns: 160,
    addNs: 80_000,
    // 20 GFLOP/s and as many GB/s.
    multiplyAddsPerByte: 1,
  },
  lists: {
    turnNs: 1.2,
    filterNs: 0.15,
    weightNs: 0.35,
    storeNs: 2,
    x4Ns: { uniform: { panels: 1.4, images: 1.8 }, storage: { panels: 1.9, images: 4 } },
    packNs: 2,
    dispatchNs: 24_000,
    divergence: 1,
  },
  attention: { termNs: { storage: 4, uniform: 1 }, dispatchNs: 5_000 },
  teams: { itemNs: 60, barrierNs: 40 },
};

/**
 * This is a graphics card of its own. No number of it was measured on one: all are estimates, of which only the order
 * counts. Loads and multiply-adds keep the ratios of the software adapter; what differs is known of GPUs in general.
 */
const DESKTOP: DeviceProfile = {
  name: "desktop",
  // These are 128 waves of 64. A card of 80 compute units has 160 SIMDs and would like two waves for each.
  threads: 8_192,
  waves: 320,
  gemm: {
    ...SOFTWARE.gemm,
    // Neighbouring threads no longer share a cache line.
    stridedLoadNs: 80,
    // It lies beside the cores, and is read while they multiply.
    workgroup4Ns: 4,
    // Uniform arrays are served in one go only where all lanes read the same address.
    divergence: 8,
    // 128 sums, their operands and addresses fill about 250 registers, which is what a thread has.
    spill: { sums: 128, factor: 8 },
  },
  conv: {
    ...SOFTWARE.conv,
    divergence: 8,
    // A thread by full rows has 192 sums, which leaves room for few others.
    fullRowsSpill: 4,
    // 128 sums, their operands and what is loaded meanwhile take 200 of the 256 registers of AMD and NVIDIA.
    spill: { sums: 128, factor: 4 },
    planesApart: 4,
    workgroup4Ns: 2,
    // Some 4 µs, on the scale of multiply-adds, of which a card makes fewer than these costs say.
    addNs: 2_400,
    // These are 10 to 15 · 10¹² multiply-adds and 500 to 760 · 10⁹ bytes in a second. A cache as large as what goes from
    // dispatch to dispatch, which some cards have, is left out.
    multiplyAddsPerByte: 20,
  },
  lists: { ...SOFTWARE.lists, divergence: 16 },
  attention: { termNs: { storage: 0.5, uniform: 1 }, dispatchNs: 5_000 },
  teams: SOFTWARE.teams,
};

/**
 * This is a GPU that shares the processor's memory, as in laptops and Apple's chips. It has the estimates of a card,
 * for fewer compute units: two waves of 64 for each SIMD are 5,632 threads on AMD's Raven (11 units of four SIMDs) and
 * 2,048 on Van Gogh (8 of two).
 */
const INTEGRATED: DeviceProfile = {
  ...DESKTOP,
  name: "integrated",
  threads: 4_096,
  waves: 96,
  // Apple's threads have half as many registers.
  gemm: { ...DESKTOP.gemm, spill: { sums: 64, factor: 8 } },
  conv: { ...DESKTOP.conv, spill: { sums: 64, factor: 4 } },
};

/**
 * This is a phone's GPU with two to six large cores. Its numbers are estimates: Mali has no memory for workgroups, so
 * that it is memory like any other; an Adreno that spills runs a tiled product at a tenth of its speed, and tiles of
 * few registers don't spill there.
 */
const MOBILE_TILER: DeviceProfile = {
  ...DESKTOP,
  name: "mobile-tiler",
  // These are six cores with four waves of 64 each, up to the next power of two.
  threads: 2_048,
  waves: 32,
  gemm: { ...DESKTOP.gemm, workgroup4Ns: 80, spill: { sums: 32, factor: 10 } },
  conv: { ...DESKTOP.conv, workgroup4Ns: 8, spill: { sums: 32, factor: 10 } },
};

export const PROFILES: Readonly<Record<ProfileName, DeviceProfile>> = {
  software: SOFTWARE,
  integrated: INTEGRATED,
  desktop: DESKTOP,
  "mobile-tiler": MOBILE_TILER,
};

/** Counts the threads of a launch that run at the same time. */
export function lanesOf({ threads, cores }: DeviceProfile): number {
  return cores ? cores.count * cores.lanes : threads;
}

/** Counts the threads that a launch should have at least. */
export function wantedThreads({ threads, waves }: DeviceProfile): number {
  return waves ? 64 * waves : threads;
}

/**
 * Gives the profile of the device behind an adapter. Browsers give the vendor's name, Deno its PCI number; a GPU that
 * nothing is known of counts as a card.
 */
export function profileOf({ vendor, architecture, description, fallback }: AdapterInfo): DeviceProfile {
  if (fallback) return SOFTWARE;
  const words = `${PCI_VENDORS[vendor] ?? vendor} ${architecture} ${description}`;
  if (MOBILE.test(words)) return MOBILE_TILER;
  // These are cards of vendors that mostly make integrated GPUs.
  if (/\barc\b|\bxe-?hpg\b|alchemist|battlemage/i.test(words)) return DESKTOP;
  return SHARED_MEMORY.test(words) ? INTEGRATED : DESKTOP;
}

const PCI_VENDORS: Readonly<Record<string, string>> = {
  "4112": "img-tec",
  "4203": "apple",
  "5045": "arm",
  "5348": "broadcom",
  "20803": "qualcomm",
  "32902": "intel",
};
const MOBILE = /\b(arm|qualcomm|img-tec|imagination|broadcom|adreno|mali|immortalis|powervr|videocore)\b/i;
/** AMD says so only in the name: "Radeon Graphics", "Vega 8 Graphics", "Radeon 780M", or the chip's. */
const SHARED_MEMORY =
  /\b(apple|intel|radeon(\(tm\))? (vega \d+ )?graphics|vega \d+ graphics|radeon \d{3}m|raven2?|picasso|renoir|lucienne|cezanne|barcelo|rembrandt|phoenix|vangogh|van gogh)\b/i;
