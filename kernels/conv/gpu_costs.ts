/** What convolutions believe about GPUs beside what a profile says of all kernels. */
import { type DeviceProfile, wantedThreads } from "../device_profile.ts";

/** Gives the profile with as many threads as convolutions should launch. */
export function convProfile(profile: DeviceProfile): DeviceProfile {
  return { ...profile, threads: wantedThreads(profile) };
}

/**
 * Estimates how long so many dispatches beside the first take, in the costs of convolutions: on a GPU all of its threads
 * wait for each. On a software adapter they cost next to nothing.
 */
export function dispatchCost(dispatches: number, { waves = 0, conv }: DeviceProfile): number {
  return dispatches * 64 * waves * conv.addNs;
}
