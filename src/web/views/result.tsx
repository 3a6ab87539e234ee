/** What a session found: from the device to the single kernel. */
import type { DeviceRecord } from "../../report/devices/record.ts";
import { Actions } from "./actions.tsx";
import { DeviceCard } from "./device.tsx";
import { Doctor } from "./doctor.tsx";
import { Incidents } from "./incidents.tsx";
import { Kernels } from "./kernels.tsx";
import { Layers } from "./layers.tsx";
import { SelfTestCard } from "./self_test.tsx";
import { Speeds } from "./speeds.tsx";

export interface ResultProps {
  readonly record: DeviceRecord;
  readonly shared: boolean;
  readonly running: boolean;
}

export function Result({ record, shared, running }: ResultProps) {
  return (
    <>
      {shared && <p class="note">These are the numbers of “{record.name}”, from a link.</p>}
      <Speeds record={record} running={running} />
      <Incidents record={record} />
      {!running && !shared && <Actions record={record} />}
      <DeviceCard record={record} />
      {record.selfTest && <SelfTestCard selfTest={record.selfTest} />}
      {record.layers.length > 0 && <Layers layers={record.layers} />}
      {!running && record.layers.length > 0 && <Doctor record={record} />}
      {record.kernels.length > 0 && <Kernels kernels={record.kernels} roof={record.roof} />}
    </>
  );
}
