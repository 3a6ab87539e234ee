/** Runs in Deno and in the page: pairs of networks, their outputs and a short timing session over them. */
import { random } from "../../kernels/random/philox.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { runPlan } from "../../src/graph/equivalence.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { measureSession } from "../../src/measure/session/session.ts";
import type { SessionEvent, Variant } from "../../src/measure/session/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { type Pair, pruneFilters } from "../../src/prune/methods/uniform.ts";

const BATCH = 3;
/** SwiftShader compiles the kernels of narrow networks in a third of the time. */
const WIDTH = 0.25;
const VARIANTS: readonly Variant[] = ["dense", "pruned"];

export interface Told {
  /** What `outputsOf` gives. */
  readonly outputs: readonly (readonly number[])[];
  readonly events: readonly SessionEvent[];
  /** The wall clock's grain, ms, on a device without timestamps. */
  readonly wallQuantumMs: number;
}

export default async function session(names: readonly string[]): Promise<Told> {
  const pairs = pairsOf(names);
  const outputs = await outputsOf(pairs);
  const events: SessionEvent[] = [];
  await measureSession({
    networks: names.flatMap((network) =>
      VARIANTS.map((variant) => ({ network, variant, model: () => pairs.get(network)![variant] }))
    ),
    protocol: { mode: "burst", seconds: 0.2, batches: [BATCH] },
    onEvent: (event) => events.push(event),
  });
  return { outputs, events, wallQuantumMs: await wallQuantumMs() };
}

export function pairsOf(names: readonly string[]): ReadonlyMap<string, Pair> {
  return new Map(names.map((name) => {
    const graph = createModel(name, { width: WIDTH });
    const dense = { graph, params: initialise(graph, 1) };
    return [name, { dense, pruned: pruneFilters(dense) }];
  }));
}

/** Logits [BATCH, classes] of each network's dense and pruned form, in turn. */
export async function outputsOf(pairs: ReadonlyMap<string, Pair>): Promise<number[][]> {
  const outputs: number[][] = [];
  using gpu = await Gpu.open();
  for (const pair of pairs.values()) {
    for (const variant of VARIANTS) {
      const model = pair[variant];
      const size = model.graph.inputs[0].shape.slice(1).reduce<number>((a, b) => a * (b as number), BATCH);
      const images = random(3, "images").fillNormal(new Float32Array(size), 0);
      outputs.push([...await runPlan(gpu, model, images, BATCH)]);
    }
  }
  return outputs;
}

async function wallQuantumMs(): Promise<number> {
  using gpu = await Gpu.open({ without: ["timestamp-query"] });
  return (await gpu.time(() => {})).quantumMs;
}
