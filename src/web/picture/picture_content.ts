/** What the picture of a result says: a few words and bars, drawn from the record. Pure. */
import { adapterName } from "../../gpu/adapter.ts";
import { atOnce } from "../../measure/session/at_once.ts";
import type { DeviceRecord } from "../../report/devices/record.ts";
import { type Speed, speeds } from "../../report/devices/speedups.ts";
import { milliseconds, percent, times } from "../../report/format.ts";

/** More don't fit on a screen that shows the picture whole. */
const MOST_ROWS = 8;

export interface PictureContent {
  readonly title: string;
  readonly subtitle: string;
  /** What makes the times less than they seem; undefined for a device's own GPU and a whole run. */
  readonly warning?: string;
  readonly rows: readonly PictureRow[];
  readonly foot: string;
}

export interface PictureRow {
  readonly network: string;
  readonly batch: string;
  /** "2.51×". */
  readonly ratio: string;
  readonly bars: readonly PictureBar[];
  /** How much less there is to compute, and the accuracy where it is known. */
  readonly remark: string;
}

export interface PictureBar {
  readonly kind: "dense" | "pruned";
  readonly label: string;
  /** Of the longer of the two. */
  readonly share: number;
}

/** Undefined where no network was timed in both forms without a doubt. */
export function pictureContent(record: DeviceRecord): PictureContent | undefined {
  const sure = speeds(record.rows).filter(({ ratio }) => ratio !== undefined);
  if (sure.length === 0) return undefined;
  const more = sure.length - MOST_ROWS;
  const adapter = record.device ? adapterName(record.device) : "an unknown adapter";
  return {
    title: `Pruning on ${record.name}`,
    subtitle: `dense against pruned, by ${record.backend === "webgpu" ? "WebGPU" : record.backend} on ${adapter}`,
    warning: warningOf(record),
    rows: sure.slice(0, MOST_ROWS).map(rowOf),
    foot: [
      ...more > 0 ? [`${more} more in the record`] : [],
      "median of a forward pass",
      record.tool,
      record.started.slice(0, 10),
    ].join(" · "),
  };
}

function warningOf({ device, backend, complete }: DeviceRecord): string | undefined {
  if (backend !== "webgpu") return "computed without WebGPU";
  if (device?.fallback) return "a software adapter: the processor plays the GPU";
  return complete ? undefined : "stopped before everything was measured";
}

function rowOf({ network, batch, dense, pruned, ratio, macs }: Speed): PictureRow {
  const longest = Math.max(dense.medianMs!, pruned.medianMs!);
  const bar = (kind: PictureBar["kind"], ms: number): PictureBar => ({
    kind,
    label: `${kind}, ${milliseconds(ms)} ms`,
    share: ms / longest,
  });
  return {
    network,
    batch: atOnce(batch),
    ratio: times(ratio!),
    bars: [bar("dense", dense.medianMs!), bar("pruned", pruned.medianMs!)],
    remark: [
      `${times(macs)} fewer multiply-adds`,
      ...dense.accuracy === undefined || pruned.accuracy === undefined
        ? []
        : [`accuracy ${percent(dense.accuracy)} → ${percent(pruned.accuracy)}`],
    ].join(", "),
  };
}
