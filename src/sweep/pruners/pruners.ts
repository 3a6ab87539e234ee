/** Every pruner with the schema of its settings in a sweep's file. */
import * as v from "valibot";
import { byKind, count, record } from "../../validation/values.ts";
import type { Aims } from "../pareto/trial_points.ts";
import { noPruner, type Pruner } from "../pruner.ts";
import { ashaPruner } from "./asha.ts";

const schemas = {
  none: record({ kind: v.literal("none") }),
  asha: record({ kind: v.literal("asha"), reduction: v.optional(count(2), 4), grace: v.optional(count(1), 1) }),
} as const;

type Kind = keyof typeof schemas;
type ChoiceOf<K extends Kind> = v.InferOutput<(typeof schemas)[K]>;
export type PrunerChoice = { [K in Kind]: ChoiceOf<K> }[Kind];

const makers: { readonly [K in Kind]: (choice: ChoiceOf<K>, aims: Aims) => Pruner } = {
  none: noPruner,
  asha: ({ reduction, grace }, aims) => ashaPruner({ ...aims, reduction, grace }),
};

export const prunerKinds = Object.keys(schemas) as Kind[];

export const prunerSchema = byKind(Object.values(schemas) as never, prunerKinds) as unknown as v.GenericSchema<
  unknown,
  PrunerChoice
>;

/** @param aims what a trial is kept or given up by */
export function prunerOf(choice: PrunerChoice, aims: Aims): Pruner {
  const make = makers[choice.kind] as (choice: PrunerChoice, aims: Aims) => Pruner;
  return make(choice, aims);
}
