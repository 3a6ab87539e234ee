/** The server has something to be timed: this device may work for it. */
import { useEffect } from "preact/hooks";
import { running } from "../state/app.ts";
import { lookForWork, offer, work, worked } from "../state/phone_work.ts";

export function PhoneWork() {
  useEffect(() => void lookForWork(), []);
  const now = offer.value;
  if (!now) return null;
  const { what, done, total, ended } = now;
  const own = worked.value?.counted ?? 0;
  return (
    <section class="card" aria-labelledby="work">
      <h2 id="work">Work for this sweep</h2>
      <p>
        The server asks for times on this very device: <strong>{what}</strong>.{" "}
        {total > 0 ? `${done} of ${total} are done.` : "Nothing is asked yet."}
      </p>
      {own > 0 && <p role="status">{own} of this device’s times count. Thank you!</p>}
      {ended ? <p class="muted">Everything is timed.</p> : (
        <p class="muted">
          Each is taken twice, and the device opened anew in between. Keep this page in sight: while it is hidden, its
          part goes to another.
        </p>
      )}
      {!ended && !running.value && <button type="button" onClick={() => void work()}>Work for this sweep</button>}
    </section>
  );
}
