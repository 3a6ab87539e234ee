/** One bar for a whole run: its stages are parts of it, and what each of them came to is a line of its own. */
import { duration } from "../report/format.ts";
import type { StageInfo, StageUi, Ui } from "../ui.ts";
import type { RunProgress } from "./run_progress.ts";

const STEPS = 1000;

export interface RunUi extends Ui {
  /** The run is at this stage. */
  enter(stage: number): void;
  /** It has come to its end. */
  finish(): void;
  /** It has ended early. */
  abandon(): void;
}

/** @param name of the run */
export function runUi(
  ui: Ui,
  name: string,
  progress: RunProgress,
  now: () => number = () => performance.now(),
): RunUi {
  let bar: StageUi | undefined;
  return {
    stage(label, totalSteps, from = 0) {
      const share = (step: number) => totalSteps > 0 ? step / totalSteps : 0;
      const part = progress.begin(label, share(from));
      const start = now();
      return {
        update(step, { text, ...info }) {
          part.at(share(step));
          bar ??= ui.stage(name, STEPS);
          const all: StageInfo = {
            ...info,
            stage: label,
            text: [label, text].filter(Boolean).join("  "),
            left: progress.left() ?? "unknown",
          };
          bar.update(Math.round(STEPS * progress.fraction()), all);
        },
        done(summary) {
          part.at(1);
          part.end();
          ui.note([`${label}: ${duration((now() - start) / 1000)}`, summary].filter(Boolean).join(", "));
        },
        abandon: () => part.end(),
      };
    },
    note: ui.note,
    warn: ui.warn,
    enter: progress.enter,
    finish: () => bar?.done(""),
    abandon: () => bar?.abandon(),
  };
}
