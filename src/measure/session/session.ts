/**
 * Runs a timing session: the device and its self-test come first, then each network at each batch size, its variants in
 * turns. It runs in Deno and in a worker alike, tells everything as it happens, and survives what happens to phones: a
 * lost device, too little memory, a hidden page. Kernels are the planners' own choices: nothing is tuned.
 */
import { WITHOUT_HALVES } from "../../graph/plan_storage.ts";
import type { Model } from "../../graph/types.ts";
import { type Context, createContext, type Setting } from "./context.ts";
import { reasonOf } from "./reason.ts";
import { type OpenGpu, openGpu } from "../../gpu/gpu.ts";
import { deviceInfo } from "./device.ts";
import { measureHardware, measureTimelines } from "./detail.ts";
import { type Entrant, failedRow, measureRows } from "./rows.ts";
import { atOnce } from "./at_once.ts";
import { secondsLeft, type StepKind } from "./time_left.ts";
import { selfTest } from "./selftest.ts";
import type { Protocol, Row, SafePath, SelfTest, SessionEvent, Variant } from "./types.ts";
import { createVisibility, type Visibility } from "./visibility.ts";

/** This is a network to be timed. */
export interface SessionNetwork {
  /** Its rows call it by this; variants of one network have the same name, and are timed against each other. */
  readonly network: string;
  /** Dense and pruned of one name are timed in turns. */
  readonly variant: Variant;
  /** It gets this share of its test images right, in 0…1, where that is known: its rows tell it. */
  readonly accuracy?: number;
  /** Makes the model when its turn comes, for its rows and again for its layers; it is dropped after each. */
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

const EVERYTHING: SafePath = { dynamicOffsets: true, workgroupMemory: true, f16: true, subgroups: true };

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
    const full = detail === "full";
    const steps = progressOf(early, stepsOf(groups.length * protocol.batches.length, full));
    steps("self-test");
    const found = await selfTest(open, protocol);
    onEvent({ kind: "self-test", selfTest: found });
    const context = createContext(setting, found.path, started);
    if (protocol.storage === "f16" && !found.path.f16) {
      const why = found.avoided?.find(({ part }) => part === "f16")?.why;
      context.incident("left out", `f16: ${why ?? WITHOUT_HALVES}`);
    }
    const measured: Measured[] = [];
    for (const group of groups) measured.push(...await measureNetwork(context, found, group, steps));
    // What somebody waits for comes first; what explains it takes longer.
    if (full) await measureDetail(context, found, measured, steps);
    if (context.stopped()) context.incident("stopped", "before everything was measured");
    else steps("done");
    return { complete: !context.stopped() };
  } finally {
    unwatch();
  }
}

/** Tells what is measured next. */
type Steps = (text: string) => void;

function stepsOf(rows: number, full: boolean): StepKind[] {
  const each = (kind: StepKind) => Array<StepKind>(rows).fill(kind);
  return ["self-test", ...each("rows"), ...full ? [...each("layers"), "roofs" as const] : []];
}

function progressOf({ tell, protocol }: Context, kinds: readonly StepKind[]): Steps {
  const total = kinds.length, took: number[] = [];
  let since: number | undefined;
  return (text) => {
    const now = performance.now();
    if (since !== undefined && took.length < total) took.push((now - since) / 1000);
    since = now;
    const left = Math.round(secondsLeft(kinds, took, protocol) * 10) / 10;
    tell({ kind: "progress", done: took.length, total, text, secondsLeft: left });
  };
}

/** These variants of a network have rows at this batch size. */
interface Measured {
  readonly network: string;
  readonly variants: readonly SessionNetwork[];
  readonly batch: number;
}

async function measureNetwork(
  context: Context,
  { trusted, checks }: SelfTest,
  group: readonly SessionNetwork[],
  steps: Steps,
): Promise<Measured[]> {
  const entrants = await entrantsOf(context, group, (network, error) => {
    for (const batch of context.protocol.batches) context.tell({ kind: "row", row: unmadeRow(network, batch, error) });
  });
  const [{ network }] = group;
  const measured: Measured[] = [];
  for (const batch of context.protocol.batches) {
    if (context.stopped()) break;
    steps(`${network}, ${atOnce(batch)}`);
    if (!trusted) refuse(context, checks, entrants, batch);
    const timed = trusted ? await measureRows(context, entrants, batch) : [];
    const variants = group.filter(({ variant }) => timed.some((entrant) => entrant.variant === variant));
    measured.push({ network, variants, batch });
  }
  return measured;
}

/** Measures the layers of all networks, and then the roofs and kernels. */
async function measureDetail(
  context: Context,
  { trusted }: SelfTest,
  measured: readonly Measured[],
  steps: Steps,
): Promise<void> {
  for (const { network, variants, batch } of measured) {
    if (context.stopped()) return;
    steps(`layers of ${network}, ${atOnce(batch)}`);
    await measureTimelines(context, await entrantsOf(context, variants, () => {}), batch);
  }
  if (context.stopped()) return;
  steps("roofs and kernels");
  if (trusted) await measureHardware(context);
}

/** Makes the networks' models; `failed` is told of those that can't be made. */
async function entrantsOf(
  context: Context,
  networks: readonly SessionNetwork[],
  failed: (network: SessionNetwork, error: unknown) => void,
): Promise<Entrant[]> {
  const entrants: Entrant[] = [];
  for (const one of networks) {
    if (context.stopped()) break;
    try {
      const { network, variant, accuracy } = one;
      entrants.push({ network, variant, accuracy, model: await one.model() });
    } catch (error) {
      failed(one, error);
    }
  }
  return entrants;
}

function unmadeRow({ network, variant }: SessionNetwork, batch: number, error: unknown): Row {
  return { network, variant, batch, params: 0, macs: 0, status: "failed", reason: reasonOf(error) };
}

/** Numbers of a device that computes wrong ones aren't taken. */
function refuse(context: Context, checks: SelfTest["checks"], entrants: readonly Entrant[], batch: number): void {
  const wrong = checks.filter(({ outcome }) => outcome === "failed").map(({ name }) => name).join(", ");
  const reason = new Error(`the device computes wrong numbers (self-test: ${wrong})`);
  for (const entrant of entrants) context.tell({ kind: "row", row: failedRow(entrant, batch, reason) });
}
