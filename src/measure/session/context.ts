/** This is what all parts of a session share: the device, who is told, and what may end or disturb it. */
import type { Gpu, OpenGpu } from "../../gpu/gpu.ts";
import { openPatiently } from "./device.ts";
import { createPace, type Pace } from "./pace.ts";
import type { Incident, Protocol, SafePath, SessionEvent } from "./types.ts";
import type { Visibility } from "./visibility.ts";

export interface Context {
  readonly protocol: Protocol;
  /** As the self-test found it. */
  readonly path: SafePath;
  readonly visibility: Visibility;
  readonly signal?: AbortSignal;
  tell(event: SessionEvent): void;
  incident(kind: Incident["kind"], text: string): void;
  /**
   * Opens a device on the safe path. Tries for a while: after a device was lost, there may be no adapter for a moment.
   */
  open(): Promise<Gpu>;
  readonly pace: Pace;
  stopped(): boolean;
}

/** This is what is known before the self-test has found the safe path. */
export interface Setting {
  readonly protocol: Protocol;
  readonly visibility: Visibility;
  readonly signal?: AbortSignal;
  readonly open: OpenGpu;
  readonly onEvent: (event: SessionEvent) => void;
}

export function createContext(setting: Setting, path: SafePath, startedMs: number): Context {
  const { protocol, visibility, signal, open, onEvent } = setting;
  const context: Context = {
    protocol,
    path,
    visibility,
    signal,
    tell: onEvent,
    incident: (kind, text) =>
      onEvent({ kind: "incident", incident: { atMs: Math.round(performance.now() - startedMs), kind, text } }),
    open: () => openPatiently(open, path, () => context.stopped()),
    pace: createPace(),
    stopped: () => signal?.aborted ?? false,
  };
  return context;
}
