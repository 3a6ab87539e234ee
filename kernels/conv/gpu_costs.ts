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

/** Where each thread of as many waves as are wanted could have so many outputs, fewer waves take so many times longer. */
const OUTPUTS = 4, LATENCY = 2;

/** Says how many times longer a launch takes that could have as many waves as a GPU wants, and hasn't. */
export function waitsOf(threads: number, outputs: number, profile: DeviceProfile): number {
  const wanted = wantedThreads(profile);
  return profile.waves !== undefined && threads < wanted && outputs >= OUTPUTS * wanted ? LATENCY : 1;
}
