import { avoidedLine } from "../../gpu/known_faults.ts";
import type { SelfTest } from "../../measure/session/types.ts";

const MARK = { passed: "✓", failed: "✗", absent: "–" } as const;

export function SelfTestCard({ selfTest: { avoided = [], checks, trusted } }: { selfTest: SelfTest }) {
  return (
    <section class="card" aria-labelledby="self-test">
      <h2 id="self-test">Self-test</h2>
      {!trusted && (
        <p class="note warn">This device computes wrong numbers even on the safest path: nothing was timed.</p>
      )}
      {avoided.length > 0 && <p class="note">This device computes {avoidedLine(avoided)}.</p>}
      <ul class="checks">
        {checks.map(({ name, outcome, detail }) => (
          <li key={name} class={outcome}>
            <span aria-hidden="true">{MARK[outcome]}</span>
            <span>
              <strong>{name}</strong> {outcome}
              <small>{detail}</small>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
