/** Every sampler with the schema of its settings in a sweep's file. */
import * as v from "valibot";
import { byKind, count, record } from "../../validation/values.ts";
import type { Aims } from "../pareto/trial_points.ts";
import type { Sampler } from "../sampler.ts";
import type { Space } from "../space.ts";
import { gridSampler } from "./grid.ts";
import { nsga2Sampler } from "./nsga2.ts";
import { randomSampler } from "./random.ts";

const seed = v.pipe(count(0), v.maxValue(0xffff_ffff, "expected a whole number below 2^32"));

const schemas = {
  grid: record({ kind: v.literal("grid") }),
  random: record({ kind: v.literal("random"), seed: v.optional(seed, 1) }),
  nsga2: record({ kind: v.literal("nsga2"), population: v.optional(count(2), 50), seed: v.optional(seed, 1) }),
} as const;

type Kind = keyof typeof schemas;
type ChoiceOf<K extends Kind> = v.InferOutput<(typeof schemas)[K]>;
export type SamplerChoice = { [K in Kind]: ChoiceOf<K> }[Kind];

/** What a sampler works on. */
export interface Sampled extends Aims {
  readonly space: Space;
  readonly seeds: readonly number[];
  /** Whether a pruner compares trials with those proposed before them, whose order then must not tell how good they are. */
  readonly compared: boolean;
}

/** A grid's order where it is shuffled. */
const SHUFFLE = 1;

const makers: { readonly [K in Kind]: (choice: ChoiceOf<K>, sampled: Sampled) => Sampler } = {
  grid: (_, { space, seeds, compared }) => gridSampler(space, seeds, compared ? SHUFFLE : undefined),
  random: ({ seed }, { space, seeds }) => randomSampler(space, seeds, seed),
  nsga2: ({ population, seed }, sampled) => nsga2Sampler({ ...sampled, population, draw: seed }),
};

export const samplerKinds = Object.keys(schemas) as Kind[];

export const samplerSchema = byKind(Object.values(schemas) as never, samplerKinds) as unknown as v.GenericSchema<
  unknown,
  SamplerChoice
>;

export function samplerOf(choice: SamplerChoice, sampled: Sampled): Sampler {
  const make = makers[choice.kind] as (choice: SamplerChoice, sampled: Sampled) => Sampler;
  return make(choice, sampled);
}
