/** Latency tables whose times follow from a formula, and a device's record that holds them. */
import type { Model } from "../../src/graph/types.ts";
import { gridOf, shapeGroups } from "../../src/measure/latency/grid.ts";
import { type LayerStep, tableSteps } from "../../src/measure/latency/steps.ts";
import type { LatencyTable } from "../../src/measure/latency/types.ts";
import type { DeviceRecord } from "../../src/report/devices/record.ts";

/** ms of a layer that reads and makes so many channels. */
export type LayerMs = (step: LayerStep, inputs: number, outputs: number) => number;

/** What has no weight costs nothing. */
export function handTable(networks: readonly Model[], ms: LayerMs, { batch = 1, wholeMs = 3 } = {}): LatencyTable {
  const steps = networks.flatMap((model) => tableSteps(model)).filter((step) => step.kind === "layer");
  const layers = shapeGroups(steps).map((group) => {
    const { inputs, outputs } = gridOf(group, "fine");
    const medianMs = inputs.map((i) =>
      outputs.length > 0 ? outputs.map((o) => ms(group.step, i, o)) : [ms(group.step, i, i)]
    );
    return { shape: group.step.shape, layers: group.layers, inputs, outputs, medianMs };
  });
  return { model: networks[0].graph.name, batch, clock: "none", quantumMs: 0, wholeMs, launchMs: 0, layers, rest: [] };
}

/** As the phone page writes it. */
export function deviceRecord(tables?: readonly LatencyTable[]): Uint8Array {
  const made: DeviceRecord = {
    version: 1,
    tool: "secateur 0.1.0",
    session: "session-1",
    name: "pixel8",
    started: "2026-01-31T12:00:00.000Z",
    runtime: { userAgent: "a browser", cores: 8, isolated: true },
    backend: "webgpu",
    protocol: { mode: "burst", seconds: 1, batches: [1] },
    complete: true,
    rows: [],
    layers: [],
    kernels: [],
    incidents: [],
    tables,
  };
  return new TextEncoder().encode(JSON.stringify(made));
}
