/**
 * Small random networks whose layers meet in irregular ways: flattened images of any size beside other features, channels in
 * another order, every second one of a layer added to the first ones of another, a value joined with itself.
 */
import { type Builder, builder } from "../../src/graph/build.ts";
import type { Model } from "../../src/graph/types.ts";
import { type Dice, dice } from "./dice.ts";
import { randomParams } from "./graphs.ts";
import { finish, fresh, same } from "./pieces.ts";

type Join = (b: Builder, d: Dice, x: string) => string;

export const JOINS: Readonly<Record<string, Join>> = { flattened, permuted, interleaved, repeated };

export function joinedModel(join: keyof typeof JOINS, seed: number): Model {
  const d = dice(seed, `joined ${join}`);
  const b = builder(`${join}${seed}`, ["N", d.between(1, 3), d.between(2, 5), d.between(2, 5)]);
  const x = finish(b, d, same(b, d, b.input, d.between(2, 6)));
  const y = JOINS[join](b, d, x);
  const flat = b.shape(y).length === 2 ? y : b.flatten(d.chance(0.5) ? y : b.globalAveragePool(y));
  b.gemm(flat, { name: "logits", out: d.between(2, 4) });
  const graph = b.graph();
  return { graph, params: randomParams(graph, seed) };
}

/** Of two or three sources, in any order, some of them flattened as they are: [N, C·H·W] beside [N, C]. */
function flattened(b: Builder, d: Dice, x: string): string {
  const source = () => {
    const y = finish(b, d, same(b, d, x, d.between(1, 5)));
    return b.flatten(d.chance(0.6) ? y : b.globalAveragePool(y));
  };
  const joined = b.concat(Array.from({ length: d.between(2, 3) }, source));
  return d.chance(0.5) ? joined : finish(b, d, b.gemm(joined, { name: fresh(b, "fc"), out: d.between(2, 6) }));
}

/** Two layers are added, one of them with its channels in another order. */
function permuted(b: Builder, d: Dice, x: string): string {
  const out = d.between(2, 6);
  const order = d.order(out);
  const turned = b.gather(finish(b, d, same(b, d, x, out)), order);
  const sum = b.add(turned, finish(b, d, same(b, d, x, out)));
  return finish(b, d, same(b, d, d.chance(0.5) ? sum : b.batchNorm(sum, { name: fresh(b, "bn") }), d.between(2, 5)));
}

/** Every second channel of one layer is added to the first channels of another. */
function interleaved(b: Builder, d: Dice, x: string): string {
  const half = d.between(1, 3);
  const [p, q] = [2 * half, d.between(half, half + 3)].map((out) => finish(b, d, same(b, d, x, out)));
  const even = b.slice(p, { axes: [1], starts: [d.between(0, 1)], ends: [2 * half], steps: [2] });
  const sum = b.add(even, b.slice(q, { axes: [1], starts: [0], ends: [b.channels(even)] }));
  return finish(b, d, same(b, d, b.concat(d.chance(0.5) ? [sum, p, q] : [p, sum]), d.between(2, 5)));
}

/** A value comes several times among what is joined, or some of its channels do. */
function repeated(b: Builder, d: Dice, x: string): string {
  const y = finish(b, d, same(b, d, x, d.between(2, 4)));
  const copies = b.gather(y, Array.from({ length: d.between(2, 5) }, () => d.between(0, b.channels(y) - 1)));
  const joined = b.concat(d.pick([[y, x, y], [copies, y], [y, y], [x, copies, copies]]));
  return finish(b, d, same(b, d, b.batchNorm(joined, { name: fresh(b, "bn") }), d.between(2, 5)));
}
