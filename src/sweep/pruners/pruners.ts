/** Every pruner with the schema of its settings in a sweep's file. */
import * as v from "valibot";
import { byKind, record } from "../../validation/values.ts";
import type { Objective } from "../objective.ts";
import { noPruner, type Pruner } from "../pruner.ts";

const schemas = {
  none: record({ kind: v.literal("none") }),
} as const;

type Kind = keyof typeof schemas;
type ChoiceOf<K extends Kind> = v.InferOutput<(typeof schemas)[K]>;
export type PrunerChoice = { [K in Kind]: ChoiceOf<K> }[Kind];

const makers: { readonly [K in Kind]: (choice: ChoiceOf<K>, objective: Objective) => Pruner } = {
  none: noPruner,
};

export const prunerKinds = Object.keys(schemas) as Kind[];

export const prunerSchema = byKind(Object.values(schemas) as never, prunerKinds) as unknown as v.GenericSchema<
  unknown,
  PrunerChoice
>;

/** @param objective what a trial is kept or given up by: the sweep's first one */
export function prunerOf(choice: PrunerChoice, objective: Objective): Pruner {
  const make = makers[choice.kind] as (choice: PrunerChoice, objective: Objective) => Pruner;
  return make(choice, objective);
}
