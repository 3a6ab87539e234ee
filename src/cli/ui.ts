/** Progress of a run on stderr: a bar per stage in a terminal, else a line now and then. */
import { SingleBar } from "cli-progress";
import { duration, percent } from "../report/format.ts";
import type { StageInfo, StageUi, Ui } from "../ui.ts";
import { visible } from "../visible.ts";

/** The part of a Node stream that is needed. */
export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Between two lines where there is no terminal. */
const LINE_MS = 5000;

export interface TerminalUi extends Ui {
  /** Ends an open bar, so that what is written next begins a line. */
  close(): void;
}

/** @param now milliseconds, monotonic */
export function createUi(stream: Terminal, now: () => number = () => performance.now()): TerminalUi {
  let close = () => {};
  const say = (text: string) => stream.write(`${stream.isTTY ? "\r\x1b[K" : ""}${visible(text)}\n`);
  return {
    stage(named, totalSteps) {
      close();
      const name = visible(named);
      const stage = stream.isTTY ? barStage(stream, name, totalSteps, now) : lineStage(stream, name, totalSteps, now);
      close = stage.abandon;
      return stage;
    },
    note: say,
    warn: (text) => say(`warning: ${text}`),
    close: () => close(),
  };
}

function barStage(stream: Terminal, name: string, total: number, now: () => number): StageUi {
  const clock = stageClock(total, now);
  const bar = new SingleBar({
    stream: stream as NodeJS.WritableStream,
    format: "{name} {bar} {percentage}%  {info}  {time}",
    barsize: Math.max(8, Math.min(28, (stream.columns || 80) - 64)),
    barCompleteChar: "█",
    barIncompleteChar: "░",
    hideCursor: true,
    fps: 8,
    linewrap: false,
    gracefulExit: false,
  });
  let open = true;
  const stop = (info?: string) => {
    if (!open) return;
    open = false;
    bar.update(info === undefined ? { time: clock.elapsed() } : { info: visible(info), time: clock.elapsed() });
    bar.stop();
  };
  bar.start(Math.max(1, total), 0, { name: name.padEnd(10), info: "", time: "" });
  return {
    update(step, info) {
      if (open) bar.update(step, { info: describe(info), time: timeLeft(info, clock, step) });
    },
    done(summary) {
      if (open) bar.update(Math.max(1, total));
      stop(summary);
    },
    abandon: () => stop(),
  };
}

function lineStage(stream: Terminal, name: string, total: number, now: () => number): StageUi {
  const clock = stageClock(total, now);
  let written = now();
  let last = "";
  let open = true;
  return {
    update(step, info) {
      last = describe(info);
      const left = timeLeft(info, clock, step);
      if (now() - written < LINE_MS) return;
      written = now();
      const share = `${Math.floor(100 * step / Math.max(1, total))} %`;
      stream.write([`${name}: ${share}`, last, left].filter((part) => part !== "").join("  ") + "\n");
    },
    done(summary) {
      if (!open) return;
      open = false;
      stream.write(
        [`${name}: done in ${clock.elapsed()}`, visible(summary ?? last)].filter((part) => part !== "").join("  ") +
          "\n",
      );
    },
    abandon() {
      open = false;
    },
  };
}

function describe({ loss, accuracy, text }: StageInfo): string {
  const parts = [];
  if (loss !== undefined) parts.push(`loss ${loss.toFixed(4)}`);
  if (accuracy !== undefined) parts.push(`accuracy ${percent(accuracy)}`);
  if (text) parts.push(visible(text));
  return parts.join("  ");
}

function timeLeft({ left }: StageInfo, clock: ReturnType<typeof stageClock>, step: number): string {
  if (left === undefined) return clock.left(step);
  return left === "unknown" ? "" : `${duration(left)} left`;
}

/** Time left, from the steps made since the first update: a resumed stage starts in its middle. */
function stageClock(total: number, now: () => number) {
  const start = now();
  let first: { step: number; at: number } | undefined;
  return {
    elapsed: () => duration((now() - start) / 1000),
    left(step: number): string {
      first ??= step <= 1 ? { step: 0, at: start } : { step, at: now() };
      if (step <= first.step || step >= total) return "";
      return `${duration((now() - first.at) / 1000 / (step - first.step) * (total - step))} left`;
    },
  };
}
