/** What a device's record lets the doctor say of its networks. It is pure. */
import { diagnose } from "../../doctor/diagnose.ts";
import type { BatchTimes, Checkup } from "../../doctor/types.ts";
import { adapterName } from "../../gpu/adapter.ts";
import type { LayerTime, Variant } from "../../measure/session/types.ts";
import type { Timeline } from "../../measure/timelines.ts";
import { isSoftware } from "../build.ts";
import type { DeviceRecord } from "../devices/record.ts";
import { type Part, partsOf } from "./sentences.ts";

/** One network of a record, in sentences. */
export interface RecordDiagnosis {
  readonly network: string;
  readonly parts: readonly Part[];
}

/** Every network whose steps were timed together with launches; earlier records, and those without WebGPU, have none. */
export function diagnoseRecord(record: DeviceRecord): RecordDiagnosis[] {
  const networks = Map.groupBy(record.layers, ({ network }) => network);
  return [...networks].flatMap(([network, layers]) => {
    const batches = batchTimes(layers);
    if (batches.length === 0) return [];
    return { network, parts: partsOf(diagnose(checkupOf(record, batches))) };
  });
}

function checkupOf({ device, roof, rows }: DeviceRecord, batches: readonly BatchTimes[]): Checkup {
  return {
    adapter: device ? adapterName(device) : "this device",
    software: device !== undefined && isSoftware(device),
    clock: rows.find(({ clock }) => clock !== undefined)?.clock ?? "",
    ...roof && { roof },
    batches,
    widths: [],
    widthsLeftOut: [
      "Other widths, what pruning on would cost, and why groups are left: ask secateur doctor on a computer",
    ],
    stayed: [],
  };
}

function batchTimes(layers: readonly LayerTime[]): BatchTimes[] {
  const timed = layers.filter(({ bytes, dispatches, launchMs }) =>
    bytes !== undefined && dispatches !== undefined && launchMs !== undefined
  );
  return [...Map.groupBy(timed, ({ batch }) => batch)].map(([batch, all]) => {
    const of = (variant: Variant) => all.filter((layer) => layer.variant === variant);
    const [dense, pruned] = [of("dense"), of("pruned")];
    const now = pruned.length > 0 ? pruned : dense;
    return {
      batch,
      launchMs: now[0].launchMs!,
      ...pruned.length > 0 && dense.length > 0 && { dense: timeline(dense) },
      now: timeline(now),
    };
  }).toSorted((a, b) => a.batch - b.batch);
}

function timeline(layers: readonly LayerTime[]): Timeline {
  const [{ medianMs, ofWhole }] = layers;
  return {
    wholeMs: medianMs / ofWhole,
    madMs: 0,
    steps: layers.map(({ layer, op, macs, medianMs, bytes, dispatches }) => ({
      name: layer,
      op,
      macs,
      ms: medianMs,
      bytes: bytes!,
      dispatches: Array.from({ length: dispatches! }, () => ({})),
    })),
  };
}
