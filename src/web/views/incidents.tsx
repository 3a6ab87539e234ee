import type { DeviceRecord } from "../../report/devices/record.ts";
import { duration, solid } from "../format.ts";

export function Incidents({ record: { incidents } }: { record: DeviceRecord }) {
  if (incidents.length === 0) return null;
  return (
    <section class="note warn" aria-label="What happened meanwhile">
      <ul>
        {incidents.map(({ atMs, kind, text }, i) => (
          <li key={i}>
            after {duration(atMs / 1000)}: <strong>{kind}</strong>
            {text && `, ${solid(text)}`}
          </li>
        ))}
      </ul>
    </section>
  );
}
