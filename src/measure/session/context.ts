/** What all parts of a session share: the device, who is told, and what may end or disturb it. */
import { DeviceLostError } from "../../gpu/errors.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import { gpuOptions, type OpenGpu } from "./device.ts";
import { createPace, type Pace } from "./pace.ts";
import type { Incident, Protocol, SafePath, SessionEvent } from "./types.ts";
import type { Visibility } from "./visibility.ts";

export interface Context {
  readonly protocol: Protocol;
  readonly visibility: Visibility;
  readonly signal?: AbortSignal;
  tell(event: SessionEvent): void;
  incident(kind: Incident["kind"], text: string): void;
  /** A device on the safe path. Tries for a while: after a device was lost, there may be no adapter for a moment. */
  open(): Promise<Gpu>;
  readonly pace: Pace;
  stopped(): boolean;
}

/** What is known before the self-test has found the safe path. */
export interface Setting {
  readonly protocol: Protocol;
  readonly visibility: Visibility;
  readonly signal?: AbortSignal;
  readonly open: OpenGpu;
  readonly onEvent: (event: SessionEvent) => void;
}

const OPEN_TRIES = 3;
const OPEN_PAUSE_MS = 500;

export function createContext(setting: Setting, path: SafePath, startedMs: number): Context {
  const { protocol, visibility, signal, open, onEvent } = setting;
  const context: Context = {
    protocol,
    visibility,
    signal,
    tell: onEvent,
    incident: (kind, text) =>
      onEvent({ kind: "incident", incident: { atMs: Math.round(performance.now() - startedMs), kind, text } }),
    async open() {
      for (let tries = 1;; tries++) {
        try {
          return await open(gpuOptions(path));
        } catch (error) {
          if (tries === OPEN_TRIES || context.stopped()) throw error;
          await pause(OPEN_PAUSE_MS);
        }
      }
    },
    pace: createPace(),
    stopped: () => signal?.aborted ?? false,
  };
  return context;
}

/** Also lets messages in, such as the one that stops the session. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A compiler's line may be longer than a table has room for. */
const LONGEST_REASON = 160;

/** The first line, for a table; a lost device's advice is for runs that keep checkpoints. */
export function reasonOf(error: unknown): string {
  const [line] = (error instanceof Error ? error.message : String(error)).split("\n");
  const reason = error instanceof DeviceLostError ? line.split(": ")[0] : line;
  return reason.length > LONGEST_REASON ? `${reason.slice(0, LONGEST_REASON)}…` : reason;
}
