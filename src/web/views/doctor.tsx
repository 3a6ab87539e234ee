/** Why each network is as fast as it is, in sentences that rest on the record's numbers. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { solid } from "../format.ts";
import type { DeviceRecord } from "../../report/devices/record.ts";
import type { RecordDiagnosis } from "../../report/diagnosis/of_record.ts";

/** Its code comes when there is something to say; where it can't be fetched any more, nothing is said. */
export function Doctor({ record }: { record: DeviceRecord }) {
  const found = useSignal<readonly RecordDiagnosis[]>([]);
  useEffect(() => {
    let current = true;
    import("../../report/diagnosis/of_record.ts").then(({ diagnoseRecord }) => {
      if (current) found.value = diagnoseRecord(record);
    }, () => {});
    return () => {
      current = false;
    };
  }, [record]);
  if (found.value.length === 0) return null;
  return (
    <section class="card" aria-labelledby="doctor">
      <h2 id="doctor">Why it is as fast as it is</h2>
      {found.value.map(({ network, parts }) => (
        <details key={network}>
          <summary>{network}</summary>
          {parts.map(({ title, sentences }) => (
            <div key={title}>
              <h3>{title}</h3>
              <ul>{sentences.map((sentence) => <li key={sentence}>{solid(sentence)}</li>)}</ul>
            </div>
          ))}
        </details>
      ))}
    </section>
  );
}
