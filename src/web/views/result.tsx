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
  const explained = record.layers.length > 0 || record.kernels.length > 0;
  return (
    <>
      {shared && <p class="note">These are the numbers of “{record.name}”, from a link.</p>}
      <div class="columns">
        <div>
          <Speeds record={record} running={running} />
          <Incidents record={record} />
          {!running && !shared && <Actions record={record} />}
          {explained && <About record={record} />}
        </div>
        <div>
          {!running && record.layers.length > 0 && <Doctor record={record} />}
          {record.layers.length > 0 && <Layers layers={record.layers} />}
          {record.kernels.length > 0 && <Kernels kernels={record.kernels} roof={record.roof} />}
          {!explained && <About record={record} />}
        </div>
      </div>
    </>
  );
}

/** What it was measured on. */
function About({ record }: { record: DeviceRecord }) {
  return (
    <>
      <DeviceCard record={record} />
      {record.selfTest && <SelfTestCard selfTest={record.selfTest} />}
    </>
  );
}
