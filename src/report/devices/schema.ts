/** A device's record as it is posted and kept, checked key by key: it comes from whoever has the link. */
import * as v from "valibot";
import { UserError } from "../../errors.ts";
import { count, flag, list, nonNegative, object, parseWith, positive, whole } from "../schema.ts";
import type { DeviceRecord } from "./record.ts";

/** Longest text, and most entries of a list, that a session can honestly have. */
const TEXT = 400;
const ROWS = 2000;

/**
 * @param file what it is called in errors
 * @throws UserError naming the first key that is wrong, what was expected and what stands there
 */
export function parseDeviceRecord(json: unknown, file: string): DeviceRecord {
  return parseWith(record, json, file, "measure again with this version's page");
}

/** The same from a file. Throws UserError, also for what isn't JSON. */
export function readDeviceRecord(bytes: Uint8Array, file: string): DeviceRecord {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new UserError(`${file}: not valid JSON; expected a device's record`);
  }
  return parseDeviceRecord(json, file);
}

/** Of a device: what can be a file's name everywhere. */
export const DEVICE_NAME = /^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$/;

const text = v.pipe(v.string("a text"), v.maxLength(TEXT, `a text of at most ${TEXT} characters`));
const number = v.pipe(v.number("a number"), v.finite("a number"));
const variant = v.picklist(["dense", "pruned"], "dense or pruned");
const named = (expected: string, pattern: RegExp) => v.pipe(v.string(expected), v.regex(pattern, expected));

const row = object({
  network: text,
  variant,
  batch: whole(1),
  params: count,
  macs: count,
  accuracy: v.optional(nonNegative),
  status: v.picklist(["measured", "retried", "failed"], "measured, retried or failed"),
  reason: v.optional(text),
  coldMs: v.optional(nonNegative),
  medianMs: v.optional(positive),
  madMs: v.optional(nonNegative),
  samples: v.optional(whole(1)),
  halfMaxRel: v.optional(nonNegative),
  clock: v.optional(text),
  quantumMs: v.optional(nonNegative),
  drift: v.optional(positive),
  doubt: v.optional(text),
});

const layer = object({
  network: text,
  variant,
  batch: whole(1),
  layer: text,
  op: text,
  macs: count,
  medianMs: nonNegative,
  ofWhole: nonNegative,
  bytes: v.optional(nonNegative),
  dispatches: v.optional(count),
  launchMs: v.optional(nonNegative),
});

const kernel = object({
  family: v.picklist(["gemm", "conv", "block-sparse"], "gemm, conv or block-sparse"),
  shape: text,
  density: positive,
  medianMs: positive,
  madMs: nonNegative,
  samples: whole(1),
  gflops: nonNegative,
  intensity: positive,
  ofRoof: nonNegative,
});

const device = object({
  vendor: text,
  architecture: text,
  description: text,
  fallback: flag,
  features: list(text, 100),
  limits: v.record(v.pipe(v.string(), v.maxLength(TEXT)), number, "a map of numbers"),
});

const selfTest = object({
  checks: list(
    object({
      name: v.picklist(
        [
          "repeat",
          "reduction",
          "workgroup memory",
          "radix select",
          "f16",
          "f16 products",
          "subgroups",
          "dynamic offsets",
          "float64",
        ],
        "the name of a check",
      ),
      outcome: v.picklist(["passed", "failed", "absent"], "passed, failed or absent"),
      detail: text,
    }),
    20,
  ),
  // Earlier versions always used workgroup memory.
  path: object({
    dynamicOffsets: flag,
    workgroupMemory: v.optional(flag, true),
    f16: flag,
    halfProducts: v.optional(flag),
    subgroups: flag,
  }),
  avoided: v.optional(list(
    object({
      part: v.picklist(["workgroup memory", "dynamic offsets", "subgroups", "f16"], "a part of WebGPU"),
      why: text,
    }),
    20,
  )),
  trusted: flag,
});

const incident = object({
  atMs: nonNegative,
  kind: v.picklist(
    ["hidden", "visible", "device lost", "device reopened", "backend changed", "slower", "left out", "stopped"],
    "a kind of incident",
  ),
  text,
});

const table = object({
  model: text,
  batch: whole(1),
  clock: text,
  quantumMs: nonNegative,
  wholeMs: nonNegative,
  launchMs: nonNegative,
  layers: list(
    object({
      shape: text,
      layers: list(text, ROWS),
      inputs: list(whole(1), 64),
      outputs: list(whole(1), 64),
      medianMs: list(list(nonNegative, 64), 64),
    }),
    ROWS,
  ),
  rest: list(object({ name: text, op: text, traffic: nonNegative, medianMs: nonNegative }), ROWS),
});

const record: v.GenericSchema<unknown, DeviceRecord> = object({
  version: v.literal(1, "1, the version of records that this Secateur reads"),
  tool: text,
  session: named("8 to 64 letters, digits and dashes", /^[\w-]{8,64}$/),
  name: named("a name of letters, digits, dots and dashes, at most 64", DEVICE_NAME),
  started: named("a time like 2026-01-31T12:00:00.000Z", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/),
  runtime: object({ userAgent: text, cores: whole(1), isolated: flag }),
  backend: v.picklist(
    ["webgpu", "gpu.js webgl2", "gpu.js webasm", "gpu.js cpu", "webassembly"],
    "the name of a backend",
  ),
  reason: v.optional(text),
  protocol: object({
    mode: v.picklist(["burst", "sustained"], "burst or sustained"),
    seconds: positive,
    batches: list(whole(1), 20),
    storage: v.optional(v.picklist(["f32", "f16"], "f32 or f16")),
  }),
  complete: flag,
  device: v.optional(device),
  selfTest: v.optional(selfTest),
  roof: v.optional(object({ gflops: positive, gbps: positive })),
  rows: list(row, ROWS),
  layers: list(layer, ROWS),
  kernels: list(kernel, ROWS),
  incidents: list(incident, ROWS),
  tables: v.optional(list(table, 20)),
});
