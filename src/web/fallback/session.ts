/** A timing session without WebGPU: the layers of each network, dense and pruned in turns, on one backend. */
import { graphCost } from "../../graph/cost.ts";
import { pause } from "../../measure/session/pause.ts";
import { reasonOf } from "../../measure/session/reason.ts";
import type { SessionNetwork } from "../../measure/session/session.ts";
import type { Incident, LayerTime, Protocol, Row, SessionEvent } from "../../measure/session/types.ts";
import { HIDDEN, untilVisible, type Visibility } from "../../measure/session/visibility.ts";
import { driftOf, mad, median } from "../../measure/stats.ts";
import { type Backend, BackendLostError, type Prepared } from "./backend.ts";
import { operandsOf, proveBackend, proveLayer } from "./proof.ts";
import { clockQuantum, timeInTurns } from "./timing.ts";
import { layersOf, type LayerWork } from "./work.ts";

export interface FallbackOptions {
  readonly networks: readonly SessionNetwork[];
  readonly protocol: Protocol;
  readonly visibility: Visibility;
  readonly signal: AbortSignal;
  readonly onEvent: (event: SessionEvent) => void;
}

/** Shaders fail and results are zeros a moment before the browser tells that it has taken the GPU away. */
const LOSS_TOLD_MS = 500;
/** Of fewer rounds a number is shown, and doubted. */
const LEAST_ROUNDS = 5;
/** Of fewer rounds it can't be told whether the device became slower. */
const DRIFT_ROUNDS = 25;

/** Layers with weights alone are timed: pooling, sums and activations are left out, on both sides. */
export async function fallbackSession(
  open: () => Promise<Backend>,
  options: FallbackOptions,
): Promise<{ readonly complete: boolean }> {
  const { networks, protocol, visibility, signal, onEvent } = options;
  let backend: Backend | undefined = await open();
  const { description, software } = backend;
  const vendor = /^ANGLE \(([^,]+)/.exec(description)?.[1] ?? "";
  onEvent({
    kind: "device",
    device: { vendor, architecture: "", description, fallback: software, features: [], limits: {} },
  });
  const started = performance.now();
  const incident = (kind: Incident["kind"], text: string) =>
    onEvent({ kind: "incident", incident: { atMs: Math.round(performance.now() - started), kind, text } });
  const unwatch = visibility.onChange((state) => incident(state, `the page is ${state}`));
  try {
    const selfTest = proveBackend(backend);
    onEvent({ kind: "self-test", selfTest });
    const context: Context = {
      ...options,
      quantumMs: clockQuantum(),
      async use() {
        if (backend) return backend;
        backend = await open();
        incident("device reopened", backend.description);
        return backend;
      },
      lost: () => backend?.lost() ?? false,
      lose(reason) {
        incident("device lost", reason);
        backend?.dispose();
        backend = undefined;
      },
    };
    const groups = [...Map.groupBy(networks, ({ network }) => network)];
    const total = groups.length * protocol.batches.length;
    let done = 0;
    for (const [network, variants] of groups) {
      for (const batch of protocol.batches) {
        await pause(0);
        await untilVisible(visibility, signal);
        if (signal.aborted) break;
        onEvent({ kind: "progress", done: done++, total, text: `${network}, batch ${batch}` });
        const entrants = await entrantsOf(variants, batch);
        if (selfTest.trusted) await measure(entrants, context);
        else fail(entrants, `its results are wrong here: ${selfTest.checks[0].detail}`, onEvent);
      }
    }
    if (signal.aborted) incident("stopped", "before everything was measured");
    return { complete: !signal.aborted };
  } finally {
    unwatch();
    backend?.dispose();
  }
}

interface Context extends FallbackOptions {
  readonly quantumMs: number;
  /** Another one after a loss. */
  use(): Promise<Backend>;
  /** Whether the browser has told that the one in use is lost. */
  lost(): boolean;
  lose(reason: string): void;
}

interface Entrant {
  readonly about: Pick<Row, "network" | "variant" | "batch" | "params" | "macs">;
  readonly layers: () => readonly LayerWork[];
}

async function entrantsOf(variants: readonly SessionNetwork[], batch: number): Promise<Entrant[]> {
  return await Promise.all(variants.map(async ({ network, variant, model }) => {
    const { graph } = await model();
    const { params, macs } = graphCost(graph);
    return { about: { network, variant, batch, params, macs }, layers: () => layersOf(graph, batch) };
  }));
}

/**
 * Once more where the page was hidden meanwhile, because browsers slow such pages down, and where the backend was lost.
 * Tells what was found; never throws.
 */
async function measure(entrants: readonly Entrant[], context: Context): Promise<void> {
  const { visibility, signal, onEvent } = context;
  let losses = 0, repeats = 0;
  for (;;) {
    await untilVisible(visibility, signal);
    let hidden = false;
    const unwatch = visibility.onChange((state) => hidden ||= state === "hidden");
    try {
      for (const event of await timeEntrants(await context.use(), entrants, context)) {
        if (event.kind !== "row") onEvent(event);
        else {
          const status = losses > 0 ? "retried" : event.row.status;
          onEvent({ kind: "row", row: { ...event.row, status, ...hidden ? { doubt: HIDDEN } : {} } });
        }
      }
      if (!hidden || signal.aborted || repeats++ > 0) return;
    } catch (error) {
      if (!(error instanceof BackendLostError)) await pause(LOSS_TOLD_MS);
      const lost = error instanceof BackendLostError || context.lost();
      if (lost) context.lose(error instanceof BackendLostError ? error.message : "the browser took the GPU away");
      if (!lost || losses++ > 0) return fail(entrants, reasonOf(error), onEvent);
    } finally {
      unwatch();
    }
  }
}

function fail(entrants: readonly Entrant[], reason: string, onEvent: FallbackOptions["onEvent"]): void {
  for (const { about } of entrants) onEvent({ kind: "row", row: { ...about, status: "failed", reason } });
}

/** Each layer of one variant beside the other's in turns; a round's time of a network is the sum of its layers'. */
async function timeEntrants(
  backend: Backend,
  entrants: readonly Entrant[],
  { protocol: { mode, seconds }, quantumMs, signal }: Context,
): Promise<SessionEvent[]> {
  const networks = entrants.map(({ layers }) => layers());
  const most = Math.max(0, ...networks.map(({ length }) => length));
  const order = Array.from({ length: most }, (_, i) => i).flatMap((i) =>
    networks.flatMap((layers, entrant) => i < layers.length ? [{ entrant, work: layers[i] }] : [])
  );
  const prepared: Prepared[] = [];
  try {
    for (const { work } of order) {
      const { x, w } = operandsOf(work);
      const layer = backend.prepare(work, x, w);
      prepared.push(layer);
      layer.run(1);
      proveLayer(work, x, w, layer.result(), backend.tolerance);
      await pause(0);
      if (signal.aborted) return [];
    }
    const rounds = await timeInTurns(prepared.map(({ run }) => run), {
      mode,
      quantumMs,
      seconds,
      pause: async () => {
        await pause(0);
        return !signal.aborted;
      },
    });
    if (rounds.every(({ length }) => length === 0)) return [];
    const timed = order.map((place, i) => ({ ...place, ms: rounds[i] }));
    return entrants.flatMap(({ about }, e) => eventsOf(about, timed.filter(({ entrant }) => entrant === e), quantumMs));
  } finally {
    for (const { dispose } of prepared) dispose();
  }
}

/** @param layers with the time of each in every round */
function eventsOf(
  about: Entrant["about"],
  layers: readonly { readonly work: LayerWork; readonly ms: readonly number[] }[],
  quantumMs: number,
): SessionEvent[] {
  const { network, variant, batch } = about;
  const rounds = layers[0].ms.map((_, round) => layers.reduce((sum, { ms }) => sum + ms[round], 0));
  const medianMs = median(rounds);
  const row: Row = {
    ...about,
    status: "measured",
    medianMs,
    madMs: mad(rounds),
    samples: rounds.length,
    clock: "wall clock",
    quantumMs,
    ...rounds.length >= DRIFT_ROUNDS ? { drift: driftOf(rounds) } : {},
    ...rounds.length < LEAST_ROUNDS ? { doubt: `stopped after ${rounds.length} samples` } : {},
  };
  return [{ kind: "row", row }, {
    kind: "layers",
    layers: layers.map(({ work: { layer, op, macs }, ms }): LayerTime => ({
      network,
      variant,
      batch,
      layer,
      op,
      macs,
      medianMs: median(ms),
      ofWhole: median(ms) / medianMs,
    })),
  }];
}
