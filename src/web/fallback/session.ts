/** A timing session without WebGPU: the layers of each network, dense and pruned in turns, on one backend. */
import { graphCost } from "../../graph/cost.ts";
import type { Model } from "../../graph/types.ts";
import type { LayerTime, Protocol, Row, SessionEvent, Variant } from "../../measure/session/types.ts";
import type { Backend, Prepared } from "./backend.ts";
import { operandsOf, proveBackend } from "./proof.ts";
import { clockQuantum, type Timed, timeInTurns } from "./timing.ts";
import { layersOf, type LayerWork } from "./work.ts";

export interface FallbackNetwork {
  readonly network: string;
  readonly models: readonly { readonly variant: Variant; readonly model: () => Promise<Model> }[];
}

export interface FallbackOptions {
  readonly networks: readonly FallbackNetwork[];
  readonly protocol: Protocol;
  readonly signal: AbortSignal;
  readonly onEvent: (event: SessionEvent) => void;
}

/** Layers with weights alone are timed: pooling, sums and activations are left out, on both sides. */
export async function fallbackSession(
  backend: Backend,
  { networks, protocol, signal, onEvent }: FallbackOptions,
): Promise<{ readonly complete: boolean }> {
  const [vendor] = backend.description.split(",");
  onEvent({
    kind: "device",
    device: { vendor, architecture: "", description: backend.description, fallback: true, features: [], limits: {} },
  });
  const selfTest = proveBackend(backend);
  onEvent({ kind: "self-test", selfTest });
  const started = performance.now();
  const quantumMs = clockQuantum();
  const total = networks.length * protocol.batches.length;
  let done = 0;
  for (const { network, models } of networks) {
    for (const batch of protocol.batches) {
      onEvent({ kind: "progress", done: done++, total, text: `${network}, batch ${batch}` });
      await breathe();
      if (signal.aborted) break;
      const entrants: Entrant[] = [];
      for (const { variant, model } of models) {
        const { graph } = await model();
        const { params, macs } = graphCost(graph);
        const about = { network, variant, batch, params, macs };
        try {
          if (!selfTest.trusted) throw new Error(`its results are wrong here: ${selfTest.checks[0].detail}`);
          entrants.push({ about, layers: layersOf(graph, batch) });
        } catch (error) {
          onEvent({ kind: "row", row: { ...about, status: "failed", reason: reasonOf(error) } });
        }
      }
      try {
        for (const event of await timeEntrants(backend, entrants, protocol, quantumMs, signal)) onEvent(event);
      } catch (error) {
        const reason = reasonOf(error);
        for (const { about } of entrants) onEvent({ kind: "row", row: { ...about, status: "failed", reason } });
      }
    }
  }
  if (signal.aborted) {
    const atMs = Math.round(performance.now() - started);
    onEvent({ kind: "incident", incident: { atMs, kind: "stopped", text: "before everything was measured" } });
  }
  return { complete: !signal.aborted };
}

interface Entrant {
  readonly about: Pick<Row, "network" | "variant" | "batch" | "params" | "macs">;
  readonly layers: readonly LayerWork[];
}

/** The same layer of each variant in turns; a network's time is the sum of its layers'. */
async function timeEntrants(
  backend: Backend,
  entrants: readonly Entrant[],
  { mode, seconds }: Protocol,
  quantumMs: number,
  signal: AbortSignal,
): Promise<SessionEvent[]> {
  const most = Math.max(0, ...entrants.map(({ layers }) => layers.length));
  const timed = entrants.map(() => [] as (Timed & { readonly work: LayerWork })[]);
  for (let i = 0; i < most; i++) {
    const turn = entrants.flatMap(({ layers }, e) => i < layers.length ? [{ e, work: layers[i] }] : []);
    const prepared: Prepared[] = [];
    try {
      for (const { work } of turn) {
        const { x, w } = operandsOf(work);
        prepared.push(backend.prepare(work, x, w));
      }
      const found = await timeInTurns(prepared.map(({ run }) => run), {
        ...{ mode, quantumMs, seconds: seconds / most },
        pause: async () => {
          await breathe();
          return !signal.aborted;
        },
      });
      turn.forEach(({ e, work }, k) => timed[e].push({ ...found[k], work }));
    } finally {
      for (const { dispose } of prepared) dispose();
    }
    if (signal.aborted) return [];
  }
  return entrants.flatMap(({ about }, e): SessionEvent[] => {
    const sum = (of: (time: Timed) => number) => timed[e].reduce((total, time) => total + of(time), 0);
    const medianMs = sum((time) => time.medianMs);
    const row: Row = {
      ...about,
      ...{ status: "measured", medianMs, madMs: sum((time) => time.madMs), clock: "wall clock", quantumMs },
      samples: Math.min(...timed[e].map(({ samples }) => samples)),
    };
    const layers = timed[e].map(({ work, ...time }): LayerTime => ({
      ...{ network: about.network, variant: about.variant, batch: about.batch, layer: work.layer, op: work.op },
      ...{ macs: work.macs, medianMs: time.medianMs, ofWhole: time.medianMs / medianMs },
    }));
    return [{ kind: "row", row }, { kind: "layers", layers }];
  });
}

/** Lets messages in, such as the one that stops the session. */
function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0].slice(0, 300);
}
