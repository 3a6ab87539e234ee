/**
 * Track C, how zeros come about: single weights and columns go at once, gradually, or by ADMM, for as many epochs in each. LAMP says
 * how many each layer keeps, so that rows differ by the method alone; one row keeps the same part of each layer instead.
 */
import type { Cell } from "./cell.ts";
import type { Net, SparsityLevel } from "./nets.ts";
import { recipeCell } from "./recipe_cell.ts";

interface Method {
  readonly name: string;
  readonly rule: "lamp" | "uniform";
  /** The keys of the stage beside what is asked for. */
  readonly stage: (net: Net, epochs: number) => Readonly<Record<string, unknown>>;
}

const METHODS: readonly Method[] = [
  { name: "one-shot, the same part of each layer", rule: "uniform", stage: oneShot },
  { name: "one-shot", rule: "lamp", stage: oneShot },
  {
    name: "gradual",
    rule: "lamp",
    stage: (net, epochs) => ({
      kind: "prune",
      gradual: { ...training(net), epochs: epochs * 2 / 3 },
      retrain: { ...net.fineTune, epochs: epochs / 3 },
    }),
  },
  { name: "ADMM", rule: "lamp", stage: (net, epochs) => admm(net, epochs, 1) },
  { name: "ADMM, two steps", rule: "lamp", stage: (net, epochs) => admm(net, epochs, 2) },
];

export function sparsityTrack(net: Net, root: string): Cell[] {
  const { sparsity } = net;
  if (!sparsity) return [];
  return net.seeds.flatMap((seed) =>
    sparsity.levels.flatMap((level) => {
      const { structure, part, longer } = level;
      const epochs = longer?.epochs ?? sparsity.epochs;
      return METHODS.filter(({ name }) => longer === undefined || longer.method === name).map(({ name, rule, stage }) =>
        recipeCell({
          net,
          track: "C",
          method: name,
          level: levelName(level),
          seed,
          epochs,
          stages: [
            {
              ...stage(net, epochs),
              constraints: [{ kind: structure }],
              budget: { groups: part, rule },
              // Zeros in place: what the last epoch of ADMM and of the others is compared by.
              compact: false,
            },
            { kind: "compact" },
          ],
        }, root)
      );
    })
  );
}

function levelName({ structure, part, longer }: SparsityLevel): string {
  const asked = `${part} of the ${structure}s`;
  return longer ? `${asked}, ${longer.epochs} epochs` : asked;
}

/** What a level's name asks for; undefined where methods had other epochs than the rest of the track. */
export function askedBy(level: string): { readonly part: number; readonly of: string } | undefined {
  const [, part, of] = /^(\S+) of the ([a-z]+)$/.exec(level) ?? [];
  return of === undefined ? undefined : { part: Number(part), of };
}

function oneShot(net: Net, epochs: number) {
  return { kind: "prune", retrain: { ...net.fineTune, epochs } };
}

/** Two thirds of the epochs pull the weights, a third retrains what is left. */
function admm(net: Net, epochs: number, steps: number) {
  return {
    kind: "admm",
    ...training(net),
    steps,
    updates: epochs * 2 / 3 / steps,
    retrain: { ...net.fineTune, epochs: epochs / 3 / steps },
  };
}

/** At one rate, as long as what goes isn't settled. */
function training({ fineTune: { optimizer } }: Net) {
  return { optimizer, schedule: { kind: "constant" } };
}
