/** Choosing, running, and what came out. */
import { diagnosis, networks, progress, ready, record, run, runnable, running, shared, stopRun } from "../state/app.ts";
import { Choice } from "./choice.tsx";
import { NoGpu } from "./no_gpu.tsx";
import { PhoneWork } from "./phone_work.tsx";
import { Result } from "./result.tsx";
import { Tables } from "./tables.tsx";
import { Working } from "./working.tsx";

export function Time() {
  return (
    <>
      <NoGpu />
      {ready.value && !diagnosis.value && <PhoneWork />}
      {!running.value && (record.value
        ? (
          <details class="card fold">
            <summary>Choose what to time</summary>
            <Choice />
          </details>
        )
        : (
          <div class="card">
            <Choice />
          </div>
        ))}
      {record.value && <Result record={record.value} shared={shared.value} running={running.value} />}
      {!diagnosis.value && networks.value.length > 0 && !running.value && !shared.value && (
        <Tables tables={record.value?.tables ?? []} />
      )}
      <RunBar />
    </>
  );
}

function RunBar() {
  const now = progress.value;
  if (!now) {
    return (
      <div class="run-bar">
        <button
          type="button"
          class="primary"
          disabled={!runnable.value}
          onClick={() => {
            scrollTo({ top: 0 });
            void run();
          }}
        >
          {record.value && !shared.value ? "Run again" : "Run"}
        </button>
      </div>
    );
  }
  return (
    <div class="run-bar">
      <Working id="progress" {...now} done={now.done / Math.max(1, now.total)} />
      <button type="button" onClick={stopRun}>Stop</button>
    </div>
  );
}
