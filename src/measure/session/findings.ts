/** Adds up a session's events, for a page that shows them and a record that keeps them. It is pure. */
import type { DeviceInfo, Incident, KernelTime, LayerTime, Roof, Row, SelfTest, SessionEvent } from "./types.ts";

/** This is the part of a device's record that a session fills. */
export interface Findings {
  readonly device?: DeviceInfo;
  readonly selfTest?: SelfTest;
  readonly roof?: Roof;
  readonly rows: readonly Row[];
  readonly layers: readonly LayerTime[];
  readonly kernels: readonly KernelTime[];
  readonly incidents: readonly Incident[];
}

export const NO_FINDINGS: Findings = { rows: [], layers: [], kernels: [], incidents: [] };

/** Adds one event to the findings, or to a record of them. What is measured again takes the place of the first. */
export function withEvent<F extends Findings>(found: F, event: SessionEvent): F {
  switch (event.kind) {
    case "device":
      return { ...found, device: event.device };
    case "self-test":
      return { ...found, selfTest: event.selfTest };
    case "roof":
      return { ...found, roof: event.roof };
    case "row":
      return { ...found, rows: replaced(found.rows, [event.row], rowKey) };
    case "layers":
      return { ...found, layers: replaced(found.layers, event.layers, (layer) => `${rowKey(layer)}\n${layer.layer}`) };
    case "kernel":
      return { ...found, kernels: replaced(found.kernels, [event.kernel], kernelKey) };
    case "incident":
      return { ...found, incidents: [...found.incidents, event.incident] };
    case "progress":
      return found;
  }
}

function rowKey({ network, variant, batch }: Pick<Row, "network" | "variant" | "batch">): string {
  return `${network}\n${variant}\n${batch}`;
}

function kernelKey({ family, shape, density }: KernelTime): string {
  return `${family}\n${shape}\n${density}`;
}

/** A Map keeps a key's first place. */
function replaced<T>(old: readonly T[], fresh: readonly T[], key: (item: T) => string): readonly T[] {
  return [...new Map([...old, ...fresh].map((item) => [key(item), item])).values()];
}
