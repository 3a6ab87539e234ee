/** Estimates how long matrix products take. */
import { type DeviceProfile, lanesOf } from "../device_profile.ts";

/** Gives the time in which so many threads run `ns` each, as many at a time as the device has lanes. */
export function timeOf(threads: number, ns: number, profile: DeviceProfile): number {
  return Math.max(1, threads / lanesOf(profile)) * ns;
}

/** Says how many times longer a product takes whose threads hold so many sums. */
export function spillOf(sums: number, { gemm: { spill } }: DeviceProfile): number {
  return sums > spill.sums ? spill.factor : 1;
}
