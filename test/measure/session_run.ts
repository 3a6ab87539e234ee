/** Short timing sessions on the real device, for the tests of what they tell and of what they survive. */
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { Model } from "../../src/graph/types.ts";
import { type Findings, NO_FINDINGS, withEvent } from "../../src/measure/session/findings.ts";
import { measureSession, type SessionNetwork, type SessionOptions } from "../../src/measure/session/session.ts";
import type { Row, SessionEvent } from "../../src/measure/session/types.ts";
import { assertKeepable } from "./session_faults.ts";

prepareEnvironment();

const WIDTH = 80;
/** Of the weights of a dense network's first layer, which nothing else takes as many of. */
export const DENSE_BYTES = 4 * WIDTH * 64;

/** Two linear layers: a device compiles their kernels in no time, and sessions open many devices. */
function linearModel(width = WIDTH): Model {
  const b = builder("linear", ["N", 1, 8, 8]);
  b.gemm(b.relu(b.gemm(b.flatten(b.input), { name: "fc1", out: width })), { name: "fc2", out: 10 });
  const graph = b.graph();
  return { graph, params: initialise(graph, 1) };
}

const NETWORKS: readonly SessionNetwork[] = ["first", "second"].flatMap((network) => [
  { network, variant: "dense", model: () => linearModel() },
  { network, variant: "pruned", model: () => linearModel(WIDTH / 2) },
]);
export const FIRST = NETWORKS.slice(0, 2);
export const PROTOCOL = { mode: "burst", seconds: 0.05, batches: [8] } as const;

/** Runs a session and keeps all that it tells. `on` sees each event as it is told. */
export async function session(
  options: Partial<SessionOptions>,
  on: (event: SessionEvent) => void = () => {},
): Promise<{ events: SessionEvent[]; found: Findings; complete: boolean }> {
  const events: SessionEvent[] = [];
  const { complete } = await measureSession({
    networks: NETWORKS,
    protocol: PROTOCOL,
    ...options,
    onEvent: (event) => {
      events.push(event);
      on(event);
    },
  });
  const found = events.reduce(withEvent, NO_FINDINGS);
  assertKeepable(found);
  return { events, found, complete };
}

export const name = ({ network, variant, batch }: Row) => `${network} ${variant} ${batch}`;
export const rowNames = (batches: readonly number[]) =>
  ["first", "second"].flatMap((network) =>
    batches.flatMap((batch) => ["dense", "pruned"].map((variant) => `${network} ${variant} ${batch}`))
  );
export const ALL = rowNames(PROTOCOL.batches);
/** A machine that others use as well gets slower now and then. */
export const incidents = (found: Findings) =>
  found.incidents.map(({ kind }) => kind).filter((kind) => kind !== "slower");
