/** A timing session on this machine's own adapter, as the phone page makes them: a record to compare, and to prune for. */
import { formedNetworks } from "../../depth/forms/form_cost.ts";
import { UserError } from "../../errors.ts";
import { type OpenGpu, openGpu } from "../../gpu/gpu.ts";
import { buildLatencyTable, type TableOptions } from "../../measure/latency/build.ts";
import type { Model } from "../../graph/types.ts";
import type { LatencyTable } from "../../measure/latency/types.ts";
import { withEvent } from "../../measure/session/findings.ts";
import { measureSession, type SessionNetwork } from "../../measure/session/session.ts";
import type { Protocol } from "../../measure/session/types.ts";
import { pruneFilters } from "../../prune/methods/uniform.ts";
import { Interrupted } from "../../train/errors.ts";
import type { StageUi, Ui } from "../../ui.ts";
import { beginRecord, type DeviceRecord, sessionName } from "./record.ts";

interface NamedModel {
  readonly name: string;
  readonly model: Model;
}

export interface TimeOptions {
  readonly networks: readonly NamedModel[];
  readonly protocol: Protocol;
  /** Also kernels and layers. */
  readonly detail: boolean;
  /** Also latency tables of the dense networks, at each batch size. */
  readonly tables: boolean;
  /** Time to spend on each table, about; default: as `buildLatencyTable` has it. */
  readonly tableSeconds?: number;
  readonly name: string;
  readonly tool: string;
  readonly runtime: DeviceRecord["runtime"];
  readonly signal: AbortSignal;
  readonly ui: Ui;
  /** How devices are opened; default: `Gpu.open`. */
  readonly open?: OpenGpu;
}

/** @throws Interrupted where it was stopped: a part of a session is no record to compare */
export async function timeNetworks(options: TimeOptions): Promise<DeviceRecord> {
  const { networks, protocol, detail, tables, name, tool, runtime, signal, ui } = options;
  let record = beginRecord({ tool, session: sessionName(), name, runtime, backend: "webgpu", protocol });
  const stage = ui.stage("time", 1000);
  const { complete } = await shown(
    stage,
    measureSession({
      networks: networks.flatMap(formsOf),
      protocol,
      detail: detail ? "full" : "rows",
      signal,
      open: options.open,
      onEvent(event) {
        if (event.kind === "progress") {
          stage.update(Math.floor(1000 * event.done / Math.max(1, event.total)), {
            text: event.text,
            left: event.secondsLeft,
          });
        } else record = withEvent(record, event);
      },
    }),
  );
  if (!complete) throw new Interrupted("stopped");
  if (record.selfTest && !record.selfTest.trusted) {
    throw new UserError(
      `this device computes wrong numbers: ${record.selfTest.checks.map((c) => c.detail).join("; ")}`,
    );
  }
  const built = tables ? await tablesOf(options) : undefined;
  return { ...record, complete, ...built ? { tables: built } : {} };
}

/** Both forms come of one pair, made when the first is wanted. */
function formsOf({ name, model }: NamedModel): SessionNetwork[] {
  let pruned: Model | undefined;
  const forms = { dense: () => model, pruned: () => pruned ??= pruneFilters(model) };
  return (["dense", "pruned"] as const).map((variant) => ({ network: name, variant, model: forms[variant] }));
}

async function tablesOf(
  { networks, protocol, tableSeconds: seconds, signal, ui, open }: TimeOptions,
): Promise<LatencyTable[]> {
  const built: LatencyTable[] = [];
  for (const { name, model } of networks) {
    const also = formedNetworks(model.graph);
    for (const batch of protocol.batches) {
      built.push(await measureTable({ model, name, batch, also, seconds, signal, ui, open }));
    }
  }
  return built;
}

/** A table of one network on this machine's adapter. */
export interface MeasureTableOptions extends Pick<TableOptions, "name" | "batch" | "also" | "seconds" | "signal"> {
  readonly model: Model;
  readonly ui: Ui;
  /** Default: the adapter that there is. */
  readonly open?: TimeOptions["open"];
}

/** Builds the table, and shows how far it is. */
export async function measureTable({ model, ui, open, ...options }: MeasureTableOptions): Promise<LatencyTable> {
  using gpu = await (open ?? openGpu)({});
  const stage = ui.stage(`table ${options.name}, batch ${options.batch}`, 1000);
  return await shown(
    stage,
    buildLatencyTable(gpu, model, {
      ...options,
      onProgress: ({ done, total, text, secondsLeft: left }) =>
        stage.update(Math.floor(1000 * done / total), { text, left }),
    }),
  );
}

/** The work's result, with the stage closed as done or as cut short. */
async function shown<T>(stage: StageUi, work: Promise<T>): Promise<T> {
  try {
    const result = await work;
    stage.done();
    return result;
  } catch (error) {
    stage.abandon();
    throw error;
  }
}
