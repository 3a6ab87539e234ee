/**
 * Says what planners know about the device, and how one of several ways to do the same work is picked: by the name that
 * a measurement on this device found fastest for the shape's class, else by the planner's own estimate.
 */
import type { Feature, Program } from "../src/gpu/types.ts";
import { type DeviceProfile, PROFILES } from "./device_profile.ts";
import type { Launch } from "./launch.ts";

/** This is what a planner may know about the device. */
export interface Tuning {
  /** Estimates are made of these numbers of the device's kind. */
  readonly profile: DeviceProfile;
  /** Kernels may use these optional features here; by default there are none. */
  readonly features?: readonly Feature[];
  /** Ways that use these programs are taken only where there are no others: the device goes a long way around them. */
  readonly avoids?: (program: Program) => boolean;
  /** The device binds at most so many bytes, by default 128 MiB, which every device binds. */
  readonly bindingBytes?: number;
  /** Ways whose outputs round further than plain sums do aren't taken, whatever was measured. By default they are. */
  readonly exact?: true;
  /** Products of numbers that are kept in f16 may be computed in f16, where a kernel can. By default they are in f32. */
  readonly products?: "f16";
  /** This maps a shape class to the name of the candidate that was measured fastest on this device. */
  readonly winners?: Readonly<Record<string, string>>;
  /** It is told what was chosen among what, so that the tuner can collect what a net asks for. */
  readonly onChoice?: (choice: Choice) => void;
}

export interface Choice {
  readonly shapeClass: string;
  /** The chosen candidate has this name. */
  readonly name: string;
  readonly candidates: readonly Candidate[];
  /** This is what the chosen candidate built. */
  readonly launch: Launch;
}

/** This is a software adapter of which nothing else is known. */
export const UNTUNED: Tuning = { profile: PROFILES.software };

/** This is one way to do the work of a shape. */
export interface Candidate<L extends Launch = Launch> {
  /** Names the way, not the shape: "8x8", "rows 4x2", "workgroup 64x64". It is stable, because caches hold it. */
  readonly name: string;
  /** The estimated time in ns compares the candidates of one shape. */
  readonly cost: number;
  /** How far its outputs may be from the exact ones, over the largest, where that is more than plain sums are. */
  readonly error?: number;
  build(): L;
}

/**
 * Chooses the winner of the shape's class where one was measured and can do this shape, else the cheapest by estimate
 * (the first of equals).
 */
export function choose<L extends Launch>(
  shapeClass: string,
  candidates: readonly Candidate<L>[],
  tuning: Tuning,
): Candidate<L> {
  const { winners, onChoice } = tuning;
  const able = withoutAvoided(tuning.exact ? candidates.filter(isExact) : candidates, tuning);
  const chosen = able.find(({ name }) => name === winners?.[shapeClass]) ??
    able.reduce((best, next) => next.cost < best.cost ? next : best);
  if (!onChoice) return chosen;
  const build = () => {
    const launch = chosen.build();
    onChoice({ shapeClass, name: chosen.name, candidates: able, launch });
    return launch;
  };
  return { ...chosen, build };
}

function isExact({ error }: Candidate): boolean {
  return error === undefined;
}

/** Gives the candidates that use nothing that the device avoids; all of them where each does. */
function withoutAvoided<L extends Launch>(
  candidates: readonly Candidate<L>[],
  { avoids }: Tuning,
): readonly Candidate<L>[] {
  if (!avoids) return candidates;
  const able = candidates.filter((candidate) => {
    const { prepare = [], steps } = candidate.build();
    return ![...prepare, ...steps].some(({ plan }) => avoids(plan.program));
  });
  return able.length > 0 ? able : candidates;
}
