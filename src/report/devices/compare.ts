/** What pruning bought on several devices, side by side. Pure. */
import { adapterName } from "../../gpu/adapter.ts";
import { avoidedLine } from "../../gpu/known_faults.ts";
import { isSoftware } from "../build.ts";
import { type DeviceRecord, halfWords } from "./record.ts";
import { type Speed, speeds } from "./speedups.ts";

export interface Comparison {
  readonly devices: readonly DeviceRecord[];
  /** What each device is called here: its name, and what tells it apart where several have the same one. */
  readonly labels: readonly string[];
  readonly rows: readonly ComparedRow[];
  /**
   * What says nothing about a device, and isn't compared unless asked for: software adapters, which a phone's browser falls
   * back to without a word, and what something else than WebGPU computed.
   */
  readonly leftOut: readonly DeviceRecord[];
}

export interface ComparedRow {
  readonly network: string;
  readonly batch: number;
  /** dense / pruned multiply-adds. */
  readonly macs: number;
  /** Per device; undefined where it didn't time both forms. */
  readonly speeds: readonly (Speed | undefined)[];
}

/** Networks and batch sizes in the order in which they first appear, batches of a network together, smallest first. */
export function compareDevices(records: readonly DeviceRecord[], which: "all" | "hardware"): Comparison {
  const telling = ({ backend, device }: DeviceRecord) => backend === "webgpu" && !(device && isSoftware(device));
  const devices = which === "all" ? records : records.filter(telling);
  const found = devices.map(({ rows }) => speeds(rows));
  const networks = Map.groupBy(found.flat(), ({ network }) => network);
  const rows = [...networks].flatMap(([network, all]) =>
    [...new Set(all.map(({ batch }) => batch))].sort((a, b) => a - b).map((batch) => {
      const own = found.map((list) => list.find((speed) => speed.network === network && speed.batch === batch));
      return { network, batch, macs: own.find((speed) => speed !== undefined)!.macs, speeds: own };
    })
  );
  const leftOut = records.filter((record) => !devices.includes(record));
  return { devices, labels: deviceLabels(devices), rows, leftOut };
}

/** What may tell two devices of one name apart, what says most first. */
const MARKS: readonly ((record: DeviceRecord) => string)[] = [
  ({ device }) => device ? adapterName(device) : "",
  ({ started }) => `measured ${started.slice(0, 16).replace("T", " ")}`,
  ({ session }) => `session ${session.slice(0, 8)}`,
];

/**
 * The devices' names, each once: where several have the same one, with the first of adapter, time of measuring and session
 * that differs between all of them, or else with their numbers.
 */
export function deviceLabels(records: readonly DeviceRecord[]): string[] {
  return records.map((record) => {
    const same = records.filter(({ name }) => name === record.name);
    if (same.length === 1) return record.name;
    const mark = MARKS.find((of) => new Set(same.map(of)).size === same.length && same.every((one) => of(one) !== ""));
    return `${record.name} (${mark ? mark(record) : `number ${same.indexOf(record) + 1}`})`;
  });
}

/** Why a pair of rows has no ratio: what failed, or what makes it doubtful. */
export function doubtOf({ dense, pruned }: Speed): string | undefined {
  return dense.reason ?? pruned.reason ?? dense.doubt ?? pruned.doubt;
}

/** What was left out, by name. */
export function leftOutWords({ leftOut }: Comparison): string {
  return leftOut.map(({ name, backend }) => `${name} (${backend === "webgpu" ? "software adapter" : backend})`).join(
    ", ",
  );
}

/** What computed it, and whether it was stopped before its end. */
export function deviceWords({ device, backend, complete, protocol, selfTest, rows }: DeviceRecord): string {
  const adapter = device
    ? adapterName(device) + (isSoftware(device) ? ", a software adapter" : "")
    : "an unknown adapter";
  const how = backend === "webgpu" ? adapter : [backend, ...device ? [adapter] : []].join(", ");
  const around = avoidedLine(selfTest?.avoided ?? []);
  const halves = halfWords({ rows, protocol });
  return `${how}; ${protocol.mode}${halves === undefined ? "" : `; numbers ${halves}`}${around && `; ${around}`}${
    complete ? "" : "; stopped before its end"
  }`;
}
