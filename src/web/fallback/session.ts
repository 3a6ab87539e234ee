/**
 * A timing session without WebGPU: the layers of each network, dense and pruned in turns. All numbers are of one backend:
 * where it can't go on, the next one measures everything again.
 */
import { UserError } from "../../errors.ts";
import { graphCost } from "../../graph/cost.ts";
import { atOnce } from "../../measure/session/at_once.ts";
import { pause } from "../../measure/session/pause.ts";
import { reasonOf } from "../../measure/session/reason.ts";
import type { SessionNetwork } from "../../measure/session/session.ts";
import type { Incident, LayerTime, Protocol, Row, SessionEvent } from "../../measure/session/types.ts";
import { HIDDEN, untilVisible, type Visibility } from "../../measure/session/visibility.ts";
import { driftOf, mad, median } from "../../measure/stats.ts";
import { type Backend, type BackendEvent, BackendLostError, type Candidate, type Prepared } from "./backend.ts";
import { type Opened, openProven, type Refusal } from "./choose.ts";
import { operandsOf, proveLayer } from "./proof.ts";
import { clockQuantum, timeInTurns } from "./timing.ts";
import { layersOf, type LayerWork } from "./work.ts";

export interface FallbackOptions {
  readonly networks: readonly SessionNetwork[];
  readonly protocol: Protocol;
  readonly visibility: Visibility;
  readonly signal: AbortSignal;
  readonly onEvent: (event: SessionEvent | BackendEvent) => void;
}

/** Shaders fail and results are zeros a moment before the browser tells that it has taken the GPU away. */
const LOSS_TOLD_MS = 500;
/** Of fewer rounds a number is shown, and doubted. */
const LEAST_ROUNDS = 5;
/** Of fewer rounds it can't be told whether the device became slower. */
const DRIFT_ROUNDS = 25;

/**
 * Layers with weights alone are timed: pooling, sums and activations are left out, on both sides.
 * @param candidates the first that computes right is used, and the one behind it where it fails while it measures
 * @throws UserError where none of them computes right
 */
export async function fallbackSession(
  candidates: readonly Candidate[],
  options: FallbackOptions,
): Promise<{ readonly complete: boolean }> {
  const started = performance.now();
  const incident = (kind: Incident["kind"], text: string) =>
    options.onEvent({ kind: "incident", incident: { atMs: Math.round(performance.now() - started), kind, text } });
  const refused: Refusal[] = [];
  for (const [i, candidate] of candidates.entries()) {
    const opened = await openProven(candidate);
    let reason: string;
    if ("reason" in opened) reason = opened.reason;
    else {
      options.onEvent({ kind: "backend", backend: candidate.name });
      for (const { backend, reason } of refused) {
        incident("backend changed", `${backend} can't be used (${reason}): ${candidate.name} computes instead`);
      }
      const ended = await sessionOn(candidate, opened, { ...options, incident, last: i === candidates.length - 1 });
      if ("complete" in ended) return ended;
      reason = ended.reason;
    }
    refused.push({ backend: candidate.name, reason });
  }
  const reasons = refused.map(({ backend, reason }) => `${backend}: ${reason}`).join("; ");
  throw new UserError(`nothing in this browser computes the layers right (${reasons}): try another browser`);
}

interface SessionOptions extends FallbackOptions {
  readonly incident: (kind: Incident["kind"], text: string) => void;
  /** No other backend could take over: rows that fail stay in the table. */
  readonly last: boolean;
}

/** @returns why the backend can't go on, where another one may take over */
async function sessionOn(
  candidate: Candidate,
  { backend: first, selfTest }: Exclude<Opened, { reason: string }>,
  options: SessionOptions,
): Promise<{ readonly complete: boolean } | { readonly reason: string }> {
  const { networks, protocol, visibility, signal, incident, last, onEvent } = options;
  let backend: Backend | undefined = first;
  const { description, software } = backend;
  const vendor = /^ANGLE \(([^,]+)/.exec(description)?.[1] ?? "";
  onEvent({
    kind: "device",
    device: { vendor, architecture: "", description, fallback: software, features: [], limits: {} },
  });
  onEvent({ kind: "self-test", selfTest });
  const unwatch = visibility.onChange((state) => incident(state, `the page is ${state}`));
  try {
    const context: Context = {
      ...options,
      quantumMs: clockQuantum(),
      async use() {
        if (backend) return backend;
        backend = await candidate.open();
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
        onEvent({ kind: "progress", done: done++, total, text: `${network}, ${atOnce(batch)}` });
        const entrants = await entrantsOf(variants, batch);
        const failure = await measure(entrants, context);
        if (failure === undefined) continue;
        if (failure.of === "backend" && !last) return { reason: failure.reason };
        fail(entrants, failure.reason, onEvent);
      }
    }
    if (signal.aborted) incident("stopped", "before everything was measured");
    return { complete: !signal.aborted };
  } finally {
    unwatch();
    backend?.dispose();
  }
}

interface Context extends SessionOptions {
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

/** Another backend would fail on the same network as well, or may not. */
interface Failure {
  readonly of: "network" | "backend";
  readonly reason: string;
}

/**
 * Once more where the page was hidden meanwhile, because browsers slow such pages down, and where the backend was lost.
 * Tells what was found; never throws.
 */
async function measure(entrants: readonly Entrant[], context: Context): Promise<Failure | undefined> {
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
      if (!hidden || signal.aborted || repeats++ > 0) return undefined;
    } catch (error) {
      // A layer of a kind that isn't timed here.
      if (error instanceof UserError) return { of: "network", reason: reasonOf(error) };
      if (!(error instanceof BackendLostError)) await pause(LOSS_TOLD_MS);
      const lost = error instanceof BackendLostError || context.lost();
      if (lost) context.lose(error instanceof BackendLostError ? error.message : "the browser took the GPU away");
      if (!lost || losses++ > 0) return { of: "backend", reason: reasonOf(error) };
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
