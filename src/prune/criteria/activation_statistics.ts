/** What criteria that look at the channels which groups are about have in common. */
import type { Constraint } from "../structures/types.ts";
import { forEachRead, readChannels } from "./read_channels.ts";
import type { Graph } from "../../graph/types.ts";

/**
 * The mean of a channel's statistic over the channels that a group is about, such as the pixels of one behind a Flatten; summed
 * over the values that they are read from, each of which counts once, whoever reads it.
 *
 * @param of the statistic of each channel of a value; undefined where the value has none, and takes no part
 */
export function meanOfChannels(
  groups: Constraint,
  graph: Graph,
  of: (value: string) => ArrayLike<number> | undefined,
): Float64Array {
  const total = new Float64Array(groups.groups);
  const values = new Map(readChannels(groups, graph).map((read) => [read.read.value, read]));
  for (const [value, read] of values) {
    const statistic = of(value);
    if (!statistic) continue;
    const sums = new Float64Array(groups.groups), counts = new Float64Array(groups.groups);
    const seen = new Set<number>();
    forEachRead(read, groups.groups, (group, _, channel) => {
      const place = group * statistic.length + channel;
      if (seen.has(place)) return;
      seen.add(place);
      sums[group] += statistic[channel];
      counts[group]++;
    });
    for (let group = 0; group < groups.groups; group++) {
      total[group] += counts[group] > 0 ? sums[group] / counts[group] : 0;
    }
  }
  return total;
}

/** Σ of `of(w, channel's statistic)` over the weights that read the channels. Under a pattern only its taps count. */
export function sumOverReads(
  groups: Constraint,
  graph: Graph,
  of: (param: string, value: string) => (element: number, channel: number) => number,
): Float64Array {
  const sums = new Float64Array(groups.groups);
  const { pattern } = groups;
  for (const read of readChannels(groups, graph)) {
    const { layer: { size }, member: { param }, read: { value } } = read;
    const worth = of(param, value);
    forEachRead(read, groups.groups, (group, element, channel) => {
      if (!pattern || pattern.taps >> element % size & 1) sums[group] += worth(element, channel);
    });
  }
  return sums;
}

/** A channel is what a filter makes, or what all weights of a channel read; of smaller groups it says nothing. */
export function refusalUnlessChannels({ kind }: Constraint): string | undefined {
  return kind === "filter" || kind === "channel"
    ? undefined
    : "it looks at whole channels: prune filters or channels by it";
}
