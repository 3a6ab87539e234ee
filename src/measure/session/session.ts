/**
 * Runs a timing session: the device and its self-test come first, then each network at each batch size, its variants in
 * turns. It runs in Deno and in a worker alike, tells everything as it happens, and survives what happens to phones: a
 * lost device, too little memory, a hidden page. Kernels are the planners' own choices: nothing is tuned.
 */
import type { Model } from "../../graph/types.ts";
import { type Context, createContext, type Setting } from "./context.ts";
import { reasonOf } from "./reason.ts";
import { type OpenGpu, openGpu } from "../../gpu/gpu.ts";
import { deviceInfo } from "./device.ts";
import { measureHardware, measureTimelines } from "./detail.ts";
import { type Entrant, failedRow, measureRows } from "./rows.ts";
import { selfTest } from "./selftest.ts";
import type { Protocol, SafePath, SelfTest, SessionEvent, Variant } from "./types.ts";
import { createVisibility, type Visibility } from "./visibility.ts";

/** This is a network to be timed. */
export interface SessionNetwork {
  /** Its rows call it by this; variants of one network have the same name, and are timed against each other. */
  readonly network: string;
  /** Dense and pruned of one name are timed in turns. */
  readonly variant: Variant;
  /** Makes the model when its turn comes; it is dropped after that. */
  readonly model: () => Model | Promise<Model>;
}

/** Says what is timed, and how. */
export interface SessionOptions {
  /** They are in the order in which they are timed. */
  readonly networks: readonly SessionNetwork[];
  /** It has the batch sizes, and how hard the device is pressed. */
  readonly protocol: Protocol;
  /** "full" also measures the kernels against the roofline, and each layer. It is "rows" by default. */
  readonly detail?: "rows" | "full";
  /** It is told all that is found, as it is found. */
  readonly onEvent: (event: SessionEvent) => void;
  /** Ends the session after the current sample; what was found until then has been told. */
  readonly signal?: AbortSignal;
  /** By default the page is always visible. */
  readonly visibility?: Visibility;
  /** It is `Gpu.open` by default. */
  readonly open?: OpenGpu;
}

const EVERYTHING: SafePath = { dynamicOffsets: true, f16: true, subgroups: true };

/**
 * Runs the session to its end. A row that can't be measured is told as "failed" with the reason, so the table is
 * complete whenever `complete` is true; it is false where the session was stopped.
 *
 * @throws NoAdapterError where there is no WebGPU at all
 */
export async function measureSession(options: SessionOptions): Promise<{ readonly complete: boolean }> {
  const { networks, protocol, detail = "rows", onEvent, signal, visibility = createVisibility(), open = openGpu } =
    options;
  const started = performance.now();
  const setting: Setting = { protocol, visibility, signal, open, onEvent };
  const early = createContext(setting, EVERYTHING, started);
  const unwatch = visibility.onChange((state) => early.incident(state, `the page is ${state}`));
  try {
    {
      using gpu = await open({});
      onEvent({ kind: "device", device: deviceInfo(gpu) });
    }
    const groups = [...Map.groupBy(networks, ({ network }) => network).values()];
    const full = detail === "full" ? 1 : 0;
    const steps = progressOf(early, 1 + full + (1 + full) * groups.length * protocol.batches.length);
    steps("self-test");
    const found = await selfTest(open);
    onEvent({ kind: "self-test", selfTest: found });
    const context = createContext(setting, found.path, started);
    if (full) {
      steps("roofs and kernels");
      if (found.trusted) await measureHardware(context);
    }
    for (const group of groups) await measureNetwork(context, found, group, detail, steps);
    if (context.stopped()) context.incident("stopped", "before everything was measured");
    else steps("done");
    return { complete: !context.stopped() };
  } finally {
    unwatch();
  }
}

/** Tells what is measured next. */
type Steps = (text: string) => void;

function progressOf({ tell }: Context, total: number): Steps {
  let done = 0;
  return (text) => tell({ kind: "progress", done: Math.min(done++, total), total, text });
}

async function measureNetwork(
  context: Context,
  { trusted, checks }: SelfTest,
  group: readonly SessionNetwork[],
  detail: "rows" | "full",
  steps: Steps,
): Promise<void> {
  const entrants: Entrant[] = [];
  const { batches } = context.protocol;
  for (const { network, variant, model } of group) {
    if (context.stopped()) return;
    try {
      entrants.push({ network, variant, model: await model() });
    } catch (error) {
      for (const batch of batches) {
        const row = { network, variant, batch, params: 0, macs: 0, status: "failed", reason: reasonOf(error) } as const;
        context.tell({ kind: "row", row });
      }
    }
  }
  const { network } = group[0];
  for (const batch of batches) {
    if (context.stopped()) return;
    steps(`${network}, batch ${batch}`);
    const measured = trusted ? await measureRows(context, entrants, batch) : [];
    if (!trusted) refuse(context, checks, entrants, batch);
    if (detail === "full") {
      steps(`layers of ${network}, batch ${batch}`);
      await measureTimelines(context, measured, batch);
    }
  }
}

/** Numbers of a device that computes wrong ones aren't taken. */
function refuse(context: Context, checks: SelfTest["checks"], entrants: readonly Entrant[], batch: number): void {
  const wrong = checks.filter(({ outcome }) => outcome === "failed").map(({ name }) => name).join(", ");
  const reason = new Error(`the device computes wrong numbers (self-test: ${wrong})`);
  for (const entrant of entrants) context.tell({ kind: "row", row: failedRow(entrant, batch, reason) });
}
