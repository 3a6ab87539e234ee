/** Finds widths at which a layer's time jumps, from measured times. It is pure. */
import type { WidthTime, WidthTimes } from "./types.ts";

/** What other widths of a layer would do to the network's time. Changes are below 0 where it is faster. */
export interface WidthFinding {
  readonly name: string;
  readonly layers: readonly string[];
  readonly batch: number;
  readonly groups: number;
  readonly ms: number;
  /** The widest that takes clearly less time than now. */
  readonly faster?: { readonly groups: number; readonly changeMs: number };
  /** The widest that takes no more than now, where none is faster. */
  readonly free?: { readonly groups: number; readonly changeMs: number };
  /** A few groups fewer would save more than twice their part of the time: the layer is just wider than a tile. */
  readonly step?: { readonly groups: number; readonly changeMs: number };
}

/** Times nearer than this part of each other are the same, if they scatter little. */
const ALIKE = 0.03;
/** Times that scatter by more than this part can't be called the same. */
const SCATTER = 0.1;
/** Times are apart where they differ by more than so many times what both scatter by. */
const SCATTERS = 3;
/** A step saves at least so many times the part of the time that its groups are of the layer. */
const STEEP = 2;

/**
 * Two times count as apart where |a − b| > max(3 % of b, 3·(scatter_a + scatter_b)), and as the same where |a − b| ≤ 3 % of b and
 * 3·(scatter_a + scatter_b) ≤ 10 % of b: where times scatter more, neither can be told. Of the widths above the present one,
 * `faster` is the widest whose time is less and apart, and `free` the widest whose time is the same, or less and apart.
 * Of those below, `step` is the one that saves most for each group, among those whose time is less and apart and that
 * save (1 − t/t_now) ≥ 2·(1 − groups/groups_now).
 */
export function widthFinding({ name, layers, batch, groups, times }: WidthTimes): WidthFinding | undefined {
  const now = times.find((time) => time.groups === groups);
  if (!now) return undefined;
  const change = ({ groups, ms }: WidthTime) => ({ groups, changeMs: ms - now.ms });
  const wider = times.filter((time) => time.groups > groups);
  const faster = wider.findLast((time) => isLess(time, now));
  const free = wider.findLast((time) => isLess(time, now) || isSame(time, now));
  const steep = times.filter((time) =>
    time.groups < groups && isLess(time, now) &&
    1 - time.ms / now.ms >= STEEP * (1 - time.groups / groups)
  );
  const perGroup = (time: WidthTime) => (now.ms - time.ms) / (groups - time.groups);
  const step = steep.reduce<WidthTime | undefined>(
    (best, time) => best && perGroup(best) >= perGroup(time) ? best : time,
    undefined,
  );
  if (!faster && !free && !step) return undefined;
  return {
    name,
    layers,
    batch,
    groups,
    ms: now.ms,
    ...faster && { faster: change(faster) },
    ...free && !faster && { free: change(free) },
    ...step && { step: change(step) },
  };
}

/** Whether a time is less, beyond chance. */
export function isLess(a: WidthTime, b: WidthTime): boolean {
  return b.ms - a.ms > Math.max(ALIKE * b.ms, scatter(a, b));
}

function isSame(a: WidthTime, b: WidthTime): boolean {
  return Math.abs(a.ms - b.ms) <= ALIKE * b.ms && isTold(a, b);
}

/** Whether two times scatter little enough to be called the same. */
export function isTold(a: WidthTime, b: WidthTime): boolean {
  return scatter(a, b) <= SCATTER * b.ms;
}

function scatter(a: WidthTime, b: WidthTime): number {
  return SCATTERS * (a.scatterMs + b.scatterMs);
}
