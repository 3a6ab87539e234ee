/** What is being done, how far it is, and how long it still takes. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { type Left, leftWords } from "../time_left.ts";

export interface WorkingProps {
  readonly id: string;
  readonly text: string;
  /** 0…1. */
  readonly done: number;
  readonly left: Left | undefined;
  readonly children?: ComponentChildren;
}

export function Working({ id, text, done, left, children }: WorkingProps) {
  const percent = Math.round(100 * done);
  return (
    <div class="running">
      <label for={id}>
        <span role="status">{text}</span>
        <TimeLeft left={left} />
      </label>
      <progress id={id} max={100} value={percent}>{percent} %</progress>
      {children}
    </div>
  );
}

/** Counts down by itself: the worker may tell nothing for a while. */
function TimeLeft({ left }: { left: Left | undefined }) {
  const nowMs = useSignal(performance.now());
  useEffect(() => {
    const timer = setInterval(() => nowMs.value = performance.now(), 1000);
    return () => clearInterval(timer);
  }, []);
  return <span class="left">{leftWords(left, Math.max(nowMs.value, left?.atMs ?? 0))}</span>;
}
