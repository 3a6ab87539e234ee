/** The GPUs that Mesa's AMD driver compiles for, by its own names, and how many waves they hold. */
import type { ProfileName } from "../../kernels/device_profile.ts";

export interface TargetGpu {
  readonly about: string;
  readonly units: number;
  readonly simdsPerUnit: number;
  /** Vector registers of a SIMD for waves of 64 lanes, how many of them are given out at a time, and most waves. */
  readonly registers: number;
  readonly granule: number;
  readonly waves: number;
  /** Plans are made for a device of this kind, where nothing else is asked for. */
  readonly profile: ProfileName;
}

const GCN = { simdsPerUnit: 4, registers: 256, granule: 4, waves: 10, profile: "desktop" } as const;
const RDNA = { simdsPerUnit: 2, registers: 512, granule: 8, waves: 16, profile: "desktop" } as const;
const RDNA3 = { ...RDNA, registers: 768, granule: 12 } as const;

export const GPUS: Readonly<Record<string, TargetGpu>> = {
  navi21: { ...RDNA, about: "RX 6800 to 6950 (RDNA 2)", units: 80 },
  navi31: { ...RDNA3, about: "RX 7900 (RDNA 3), with Mesa 23 or newer", units: 96 },
  gfx1100: { ...RDNA3, about: "navi31, as Mesa 22 calls it; that one gives it no more than 132 registers", units: 96 },
  navi10: { ...RDNA, about: "RX 5700 (RDNA)", units: 40 },
  vangogh: { ...RDNA, about: "Steam Deck (RDNA 2)", units: 8, profile: "integrated" },
  vega10: { ...GCN, about: "Vega 64 (GCN 5)", units: 64 },
  raven: { ...GCN, about: "Ryzen 2000G to 3000G (GCN 5)", units: 11, profile: "integrated" },
  polaris10: { ...GCN, about: "RX 480 and 580 (GCN 4)", units: 36 },
};

/** What a kernel takes of a compute unit. */
export interface KernelNeeds {
  /** Vector registers of a lane. */
  readonly vgprs: number;
  /** Workgroup memory in bytes, of which a compute unit has 64 KiB. */
  readonly lds: number;
  /** Threads of a workgroup. */
  readonly threads: number;
  /** Lanes of a wave. */
  readonly wave: number;
}

/** How many of a kernel's waves fit on a SIMD at a time, by registers and by workgroup memory. */
export function wavesPerSimd(gpu: TargetGpu, { vgprs, lds, threads, wave }: KernelNeeds): number {
  const used = Math.ceil(Math.max(vgprs, 1) / gpu.granule) * gpu.granule;
  const byRegisters = Math.floor(gpu.registers * 64 / wave / used);
  const byMemory = lds > 0 ? Math.floor(65_536 / lds) * Math.ceil(threads / wave) / gpu.simdsPerUnit : Infinity;
  return Math.min(gpu.waves, byRegisters, byMemory);
}
