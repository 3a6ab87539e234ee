/**
 * The tuner measures, on this device, the ways in which planners could do the work of the shapes that a net asks for,
 * and keeps the winner of each class. Losers leave early; what remains is measured interleaved, and a challenger must
 * beat the planner's own choice by more than noise. A way whose numbers differ from the planner's choice is never
 * taken.
 */
import { random } from "../../kernels/random/philox.ts";
import type { Launch } from "../../kernels/launch.ts";
import { type Candidate, choose } from "../../kernels/tuning.ts";
import type { Gpu, GpuBuffer, Slice } from "../gpu/gpu.ts";
import { defaultTuning, launch, type Request } from "../tensor/ops/launch.ts";
import { type Contestant, measureInterleaved, type MeasureOptions } from "./interleaved.ts";
import { requireSame, winnerOf, worthMeasuring } from "./tune_choice.ts";

/** This is what was found out about one class of shapes. */
export interface Tuned {
  readonly shapeClass: string;
  /** This is the planner's own choice. */
  readonly untuned: string;
  readonly winner: string;
  /** It has each way's median; those that left early have one short sample behind it. */
  readonly measured: readonly { readonly name: string; readonly medianMs: number }[];
  /** These ways can't be used here, with the reason why. */
  readonly refused: readonly { readonly name: string; readonly reason: string }[];
}

export interface TuneOptions {
  readonly signal?: AbortSignal;
  /** It is called before each class and at the end. */
  readonly onProgress?: (done: number, total: number, shapeClass: string) => void;
}

const SAMPLES = 5;
/** So many elements of an output are compared. */
const COMPARED = 1 << 18;

/** Measures each request that leaves a choice. An aborted signal ends it early, with what was found. */
export async function tune(gpu: Gpu, requests: readonly Request[], options: TuneOptions = {}): Promise<Tuned[]> {
  const open = requests.filter(({ candidates }) => candidates.length > 1);
  const found: Tuned[] = [];
  for (const [i, request] of open.entries()) {
    if (options.signal?.aborted) break;
    options.onProgress?.(i, open.length, request.shapeClass);
    found.push(await tuneOne(gpu, request));
  }
  options.onProgress?.(open.length, open.length, "");
  return found;
}

/** Measures the ways of one class of shapes. */
export async function tuneOne(
  gpu: Gpu,
  request: Request,
  { longestSampleMs }: Pick<MeasureOptions, "longestSampleMs"> = {},
): Promise<Tuned> {
  const { shapeClass, candidates } = request;
  const untuned = choose(shapeClass, candidates, defaultTuning(gpu));
  using bench = workbench(gpu, request);
  const refused: { name: string; reason: string }[] = [];
  const able: Contestant[] = [];
  let expected: readonly Float32Array[] | undefined;
  for (const candidate of [untuned, ...candidates.filter(({ name }) => name !== untuned.name)]) {
    try {
      const contestant = bench.contestant(candidate);
      contestant.record();
      const outputs = await bench.outputs();
      if (expected) requireSame(expected, outputs);
      expected ??= outputs;
      able.push(contestant);
    } catch (error) {
      if (candidate === untuned) throw error;
      refused.push({ name: candidate.name, reason: (error as Error).message.split("\n")[0] });
    }
  }
  const first = await measureInterleaved(gpu, able, { seconds: 0, minSamples: 1, maxSamples: 1, longestSampleMs });
  const left = worthMeasuring(able, first.map(({ medianMs }) => medianMs), untuned.name);
  const final = left.length > 1
    ? await measureInterleaved(gpu, left, { seconds: 0, minSamples: SAMPLES, maxSamples: SAMPLES, longestSampleMs })
    : [];
  const medians = new Map([...first, ...final].map(({ name, medianMs }) => [name, medianMs]));
  return {
    shapeClass,
    untuned: untuned.name,
    winner: winnerOf(new Map(left.map(({ name }) => [name, medians.get(name)!])), untuned.name),
    measured: [...medians].map(([name, medianMs]) => ({ name, medianMs })),
    refused,
  };
}

interface Workbench extends Disposable {
  contestant(candidate: Candidate): Contestant;
  /** Reads the first numbers of what the last recorded way wrote. */
  outputs(): Promise<Float32Array[]>;
}

/** Makes operands with random numbers in them, shared by all ways, and the scratch of each. */
function workbench(gpu: Gpu, { shapeClass, operands }: Request): Workbench {
  const buffers: GpuBuffer[] = [];
  const slice = (bytes: number, label: string): Slice => {
    const buffer = gpu.alloc(bytes, label);
    buffers.push(buffer);
    return { buffer, byteOffset: 0, byteLength: bytes };
  };
  const gaussian = random(1, "tune");
  const given: Record<string, Slice> = {};
  for (const [name, bytes] of Object.entries(operands)) {
    given[name] = slice(bytes, `tune ${name}`);
    gpu.write(given[name], gaussian.fillNormal(new Float32Array(bytes / 4), 0));
  }
  let written: Slice[] = [];
  return {
    contestant(candidate) {
      const plan = candidate.build();
      const scratch = Object.fromEntries(
        Object.entries(plan.scratch).map(([name, bytes]) => [name, slice(bytes, `tune ${candidate.name} ${name}`)]),
      );
      // It has tables of its own rather than kept ones, or a tuned net would fill the device with what lost.
      const tables = Object.fromEntries(
        Object.entries(plan.tables).map(([name, table]) => {
          const kept = slice(table.byteLength, `tune ${candidate.name} ${name}`);
          gpu.write(kept, table);
          return [name, kept];
        }),
      );
      const all = { ...given, ...tables, ...scratch };
      if (plan.prepare) launch(gpu, plan, all, shapeClass, plan.prepare);
      const outputs = outputsOf(plan).filter((name) => name in given).map((name) => given[name]);
      return {
        name: candidate.name,
        record() {
          written = outputs;
          launch(gpu, plan, all, shapeClass);
        },
      };
    },
    async outputs() {
      const heads = written.map((whole) => ({ ...whole, byteLength: Math.min(whole.byteLength, 4 * COMPARED) }));
      const values = (await gpu.readMany(heads)).map((bytes) => new Float32Array(bytes));
      // The next way may not leave them as they are and pass.
      for (const whole of written) gpu.clear(whole);
      return values;
    },
    [Symbol.dispose]() {
      for (const buffer of buffers) buffer.release();
    },
  };
}

/** Names the buffers that a launch writes. */
function outputsOf({ steps }: Launch): string[] {
  const names = steps.flatMap(({ plan, bindings }) =>
    bindings.filter((_, i) => plan.program.access[i] === "read_write")
  );
  return [...new Set(names)];
}
