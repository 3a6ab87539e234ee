import * as v from "valibot";
import { count, flag, fraction, list, nonNegative, object, parseWith, positive, whole } from "./schema.ts";
import type { DeviceSearch, NoProof, Proof, Report } from "./types.ts";

/**
 * A report as `report.json` holds it, checked key by key.
 * @param json the parsed file
 * @param file what it is called in errors
 * @throws UserError naming the file, the first wrong key, what was expected and what stands there
 */
export function parseReport(json: unknown, file: string): Report {
  return parseWith(report, json, file, "run prune again to write a new report");
}

/**
 * `search.json` of a run's folder.
 * @throws UserError naming the file and what is wrong in it
 */
export function parseDeviceSearch(json: unknown, file: string): DeviceSearch {
  return parseWith(deviceSearch, json, file, "start the search again");
}

const text = v.string("a text");
const number = v.pipe(v.number("a number"), v.finite("a number"));

/** Values by names of one's own. */
function mapOf<const Item extends v.GenericSchema>(item: Item, expected: string) {
  return v.pipe(
    // A list would pass as a record.
    v.custom<Record<string, unknown>>((value) => !Array.isArray(value) && value !== undefined, expected),
    v.record(v.string(), item, expected),
  );
}

const numbers = mapOf(number, "a map of numbers");
const texts = mapOf(text, "a map of texts");

const point = v.pipe(
  object({
    name: text,
    accuracy: v.optional(object({ validation: fraction, test: fraction })),
    agreement: v.optional(object({ images: whole(1), sameClass: v.optional(fraction), outputLoss: nonNegative })),
    params: count,
    nonzero: count,
    macs: count,
    bytes: count,
    peakBytes: v.optional(count),
  }),
  v.check(({ accuracy, agreement }) => (accuracy === undefined) !== (agreement === undefined), "accuracy or agreement"),
);

const latency = object({
  variant: v.picklist(["dense", "masked", "compact"], "dense, masked or compact"),
  batch: whole(1),
  medianMs: nonNegative,
  madMs: nonNegative,
  samples: whole(1),
  clock: text,
  quantumMs: nonNegative,
});

const PROOF = "maxAbs, maxRel and inputs, or notProved";

/** Older reports wrote a difference of 0 over 0 inputs where nothing had been compared. */
const equivalence = v.pipe(
  object({
    maxAbs: v.optional(nonNegative),
    maxRel: v.optional(nonNegative),
    inputs: v.optional(count),
    notProved: v.optional(text),
  }),
  v.check(({ notProved, ...proof }) => {
    const given = Object.values(proof).filter((value) => value !== undefined).length;
    return notProved === undefined ? given === 3 : given === 0;
  }, PROOF),
  v.transform(({ notProved, ...proof }): Proof | NoProof => {
    if (notProved !== undefined) return { notProved };
    return proof.inputs! > 0 ? proof as Proof : { notProved: "nothing was compared" };
  }),
);

const change = object({ before: nonNegative, after: nonNegative });

const depth = object({
  blocks: list(object({
    name: text,
    kind: text,
    form: text,
    score: v.optional(number),
    border: v.optional(v.picklist(["none", "bias", "kernel", "moved"], "none, bias, kernel or moved")),
    macs: change,
    ms: v.optional(object({ batch: whole(1), before: nonNegative, after: nonNegative })),
  })),
  search: v.optional(object({
    method: text,
    value: v.picklist(["accuracy", "score"], "accuracy or score"),
    cost: v.picklist(["blocks", "macs", "params", "ms"], "blocks, macs, params or ms"),
    candidates: list(object({ gene: list(text), cost: number, value: number })),
    pareto: list(count),
    chosen: count,
  })),
  merge: v.optional(object({ maxAbs: nonNegative, maxRel: nonNegative, inputs: whole(1) })),
});

const until = object({
  stage: count,
  of: v.picklist(["macs", "params"], "macs or params"),
  floor: fraction,
  attempts: list(object({
    asked: fraction,
    params: v.optional(count),
    nonzero: v.optional(count),
    macs: v.optional(count),
    accuracy: v.optional(fraction),
    kept: flag,
  })),
});

const deviceSearch: v.GenericSchema<unknown, DeviceSearch> = object({
  device: text,
  live: flag,
  askedMs: positive,
  dense: object({ predictedMs: positive, measuredMs: positive }),
  candidates: count,
  timed: count,
  finalists: list(object({
    choices: text,
    accuracy: fraction,
    predictedMs: positive,
    correctedMs: positive,
    measuredMs: v.optional(positive),
    againMs: v.optional(positive),
    chosen: flag,
  })),
  finalMs: v.optional(positive),
});

const TOLD = "all networks told in the same way, by accuracy or by agreement";

const report: v.GenericSchema<unknown, Report> = v.pipe(
  object({
    version: v.literal(1, "1, the version of reports that this Secateur reads"),
    tool: text,
    commit: text,
    seed: count,
    command: text,
    adapter: object({ vendor: text, description: text, fallback: flag, avoided: v.optional(text) }),
    network: v.optional(text),
    data: v.optional(text),
    images: v.optional(object({ train: count, validation: count, test: whole(1) })),
    classes: v.optional(list(object({ name: text, images: whole(1), before: fraction, after: fraction }))),
    warnings: v.optional(list(text)),
    spent: v.optional(object({
      stages: list(object({ kind: text, seconds: nonNegative })),
      tuning: nonNegative,
      doctor: v.optional(nonNegative),
    })),
    layerTimes: v.optional(object({
      batch: whole(1),
      layers: list(object({ name: text, beforeMs: nonNegative, afterMs: v.optional(nonNegative) })),
    })),
    baseline: point,
    stages: list(point),
    final: point,
    best: v.optional(point),
    controls: mapOf(point, "a map of networks"),
    compression: object({ params: positive, nonzero: positive, macs: positive }),
    equivalence,
    depth: v.optional(depth),
    until: v.optional(list(until)),
    admm: list(object({ layer: text, residual: nonNegative })),
    search: v.optional(deviceSearch),
    latency: list(latency),
    speedup: list(object({ batch: whole(1), ratio: positive })),
    requested: numbers,
    achieved: numbers,
    untold: v.optional(texts),
    narrowedNorms: v.optional(list(text)),
    failed: v.optional(list(object({ stage: count, kind: text, reason: text }))),
    f16: v.optional(v.union([
      object({
        images: whole(1),
        maxRel: nonNegative,
        sameClass: fraction,
        accuracy: object({ f32: fraction, f16: fraction }),
      }),
      object({ notMeasured: text }),
    ], "figures of a plan in f16, or notMeasured")),
    files: v.optional(list(text)),
  }),
  v.check(({ baseline, stages, final, best, controls }) => {
    const points = [...stages, final, ...best ? [best] : [], ...Object.values(controls)];
    return points.every(({ accuracy }) => (accuracy === undefined) === (baseline.accuracy === undefined));
  }, TOLD),
);
