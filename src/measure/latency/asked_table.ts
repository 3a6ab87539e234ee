/**
 * A latency table whose points are timed elsewhere: which jobs it takes, and the table that their times come to. It is pure but for
 * the jobs' hashes.
 */
import { initialise } from "../../graph/initialise.ts";
import type { Model } from "../../graph/types.ts";
import { timingJob } from "../asked/shape_id.ts";
import { type TimingJob, WHOLE } from "../asked/types.ts";
import { FINENESS, gridOf } from "./grid.ts";
import { countPoints, latencyLayer, pairs, pointKey, toMeasure } from "./points.ts";
import { LAYER, probeGraph } from "./probe.ts";
import type { LatencyTable } from "./types.ts";

/** Says which table. */
export interface AskedTableOptions {
  /** The table calls the model by this. */
  readonly name: string;
  /** A run has so many samples. */
  readonly batch: number;
  /** The layers of these networks belong into it as well: what the model may become. */
  readonly also?: readonly Pick<Model, "graph">[];
  /** The grid is as fine as so many points allow, its ends whatever they take. */
  readonly mostPoints: number;
}

/** Of one job: the times of its parts, in the job's order. */
export interface AskedTimes {
  readonly times: readonly number[];
  readonly clock: string;
  readonly quantumMs: number;
}

export interface AskedTable {
  /** Each is timed once. */
  readonly jobs: readonly TimingJob[];
  /** Makes the table; `timesOf` gives what a job of the list came to. */
  table(timesOf: (job: TimingJob) => AskedTimes): LatencyTable;
}

/** @throws UserError where `model` has no layer */
export async function askedTable(model: Pick<Model, "graph">, options: AskedTableOptions): Promise<AskedTable> {
  const { name, batch, also = [], mostPoints } = options;
  const { graph } = model;
  const { steps, added, groups } = toMeasure({ graph, params: initialise(graph, 1) }, also, name);
  const fineness = FINENESS.findLast((fineness) => countPoints(groups, fineness) <= mostPoints) ?? "ends";
  const rest = steps.filter((step) => step.kind === "rest");
  const whole = await timingJob({
    title: `${name}, the whole`,
    graph,
    batch,
    timed: [WHOLE, ...rest.map((step) => step.name)],
  });
  const others = await Promise.all(added.map(async ({ graph, step }) => ({
    step,
    job: await timingJob({ title: `${step.op} of a changed ${name}`, graph, batch, timed: [step.name] }),
  })));
  const points = await Promise.all(groups.map(async (group) => {
    const grid = gridOf(group, fineness);
    const { step } = group;
    const asked = pairs(grid, step).map(async ([input, output]): Promise<[string, TimingJob]> => [
      pointKey(input, output),
      await timingJob({
        title: `${step.shape}, ${input} → ${output}`,
        graph: probeGraph(step.probe, input, output),
        batch,
        timed: [LAYER],
      }),
    ]);
    return { group, grid, jobs: new Map(await Promise.all(asked)) };
  }));
  const jobs = [whole, ...others.map(({ job }) => job), ...points.flatMap(({ jobs }) => [...jobs.values()])];
  return {
    jobs: [...new Map(jobs.map((job) => [job.shape, job])).values()],
    table(timesOf) {
      const { times: [wholeMs, ...own], clock, quantumMs } = timesOf(whole);
      const layers = points.map(({ group, grid, jobs }) =>
        latencyLayer(group, grid, new Map([...jobs].map(([key, job]) => [key, digits(timesOf(job).times[0])])))
      );
      const timedRest = [
        ...rest.map((step, i) => ({ step, ms: own[i] })),
        ...others.map(({ step, job }) => ({ step, ms: timesOf(job).times[0] })),
      ].filter(({ ms }) => ms > 0).map(({ step: { name, op, traffic }, ms }) => ({
        name,
        op,
        traffic,
        medianMs: digits(ms),
      }));
      const all = [...layers.flatMap(({ medianMs }) => medianMs.flat()), ...timedRest.map(({ medianMs }) => medianMs)];
      return {
        model: name,
        batch,
        clock,
        quantumMs,
        wholeMs: digits(wholeMs),
        launchMs: Math.min(...all),
        layers,
        rest: timedRest,
      };
    },
  };
}

function digits(ms: number): number {
  return Number(ms.toPrecision(4));
}
