/**
 * What numbers are multiplied in: f32, or f16 in plans that keep them in f16, on devices that are faster for it. Products in
 * f16 are added up in f16 a few at a time, and these sums in f32.
 */
import type { DeviceProfile } from "./device_profile.ts";
import type { Tuning } from "./tuning.ts";

export type Arithmetic = "f32" | "f16";

/** Products in f16 are added up in f16 so many at a time. */
const HALVES = 8;

/**
 * How far sums of products in f16 may be from those in f32, over the largest: each of sixteen roundings (of eight products,
 * and of their sums where a device doesn't fuse them) is up to 2⁻¹¹ of a sum of at most eight products, and errors of many
 * such sums grow as the sum itself does. Two thirds of it were found on noise (test/tensor/half_gemm.test.ts).
 */
export const HALF_ERROR = 1e-3;

/** Proofs multiply in f32, whatever else is asked for. */
export function arithmeticOf({ products, exact }: Pick<Tuning, "products" | "exact">): Arithmetic {
  return exact ? "f32" : products ?? "f32";
}

/** What kernels say of their outputs for this arithmetic. */
export function errorOf(arithmetic: Arithmetic): { readonly error?: number } {
  return arithmetic === "f16" ? { error: HALF_ERROR } : {};
}

/**
 * Gives the profile for products in f16: two multiply-adds in an instruction, another to add some of them to a sum in f32,
 * half of the bytes in workgroup memory, and registers for the sums in f16 beside those in f32.
 */
export function halfProfile({ conv, gemm, ...profile }: DeviceProfile): DeviceProfile {
  const multiplied = 1 / 2 + 1 / HALVES;
  const spill = <T extends { readonly sums: number }>(given: T): T => ({ ...given, sums: given.sums / 1.5 });
  return {
    ...profile,
    conv: {
      ...conv,
      fmaNs: conv.fmaNs * multiplied,
      workgroup4Ns: conv.workgroup4Ns / 2,
      spill: spill(conv.spill),
    },
    gemm: {
      ...gemm,
      blockNs: gemm.blockNs * multiplied,
      workgroup4Ns: gemm.workgroup4Ns / 2,
      spill: spill(gemm.spill),
    },
  };
}

/** The features of a program in this arithmetic. */
export function featuresOf(arithmetic: Arithmetic): { readonly features?: readonly ["f16"] } {
  return arithmetic === "f16" ? { features: ["f16"] } : {};
}

/** The name of a program in this arithmetic. */
export function nameIn(arithmetic: Arithmetic, name: string): string {
  return arithmetic === "f16" ? `${name}, products in f16` : name;
}
