/** Offers Winograd's algorithms as ways to make convolutions and their data gradients. */
import type { Program } from "../../src/gpu/types.ts";
import type { DeviceProfile } from "../device_profile.ts";
import type { Epilogue } from "../launch.ts";
import type { Candidate } from "../tuning.ts";
import type { ConvShape } from "./shape.ts";
import { filtersVariants, winogradGradient, type WinogradLaunch, type WinogradWork } from "./winograd.ts";
import { fusedCandidates, fusedVariants } from "./winograd_fused.ts";
import { productCandidates, productVariants } from "./winograd_product.ts";

/** What rounds more than plain sums do is taken only where it is clearly faster. */
const LESS_EXACT = 1.1;

/** Filters are transformed in `prepare`. */
export function winogradCandidates(
  work: WinogradWork,
  epilogue: Epilogue,
  profile: DeviceProfile,
): Candidate<WinogradLaunch>[] {
  const fused = fusedCandidates(work, epilogue, profile);
  // Where registers are few, such as on phones, nothing of it pays.
  if (fused.length === 0) return [];
  const cheapest = Math.min(...fused.map(({ cost }) => cost));
  return [...fused, ...productCandidates(work, epilogue, profile, cheapest)]
    .map((way) => ({ ...way, cost: LESS_EXACT * way.cost }));
}

/** Only training needs gradients, where the filters change before each step. */
export function winogradGradientCandidates(s: ConvShape, profile: DeviceProfile): Candidate[] {
  return winogradCandidates(winogradGradient(s), {}, profile).map((way) => ({
    ...way,
    build() {
      const { prepare, steps, ...rest } = way.build();
      return { ...rest, steps: [...prepare, ...steps] };
    },
  }));
}

export function winogradVariants(): Program[] {
  return [...filtersVariants(), ...fusedVariants(), ...productVariants()];
}
