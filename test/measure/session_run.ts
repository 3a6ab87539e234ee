/** Short timing sessions on the real device, for the tests of what they tell and of what they survive. */
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { Model } from "../../src/graph/types.ts";
import { type Findings, NO_FINDINGS, withEvent } from "../../src/measure/session/findings.ts";
import { measureSession, type SessionNetwork, type SessionOptions } from "../../src/measure/session/session.ts";
import type { Row, SessionEvent } from "../../src/measure/session/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { assertKeepable } from "./session_faults.ts";

prepareEnvironment();

function model(name: string, width = 1): Model {
  const graph = createModel(name, { width });
  return { graph, params: initialise(graph, 1) };
}

const NETWORKS: readonly SessionNetwork[] = ["digits", "lenet5"].flatMap((network) => [
  { network, variant: "dense", model: () => model(network) },
  { network, variant: "pruned", model: () => model(network, 0.5) },
]);
export const DIGITS = NETWORKS.slice(0, 2);
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
  ["digits", "lenet5"].flatMap((network) =>
    batches.flatMap((batch) => ["dense", "pruned"].map((variant) => `${network} ${variant} ${batch}`))
  );
export const ALL = rowNames(PROTOCOL.batches);
/** A machine that others use as well gets slower now and then. */
export const incidents = (found: Findings) =>
  found.incidents.map(({ kind }) => kind).filter((kind) => kind !== "slower");
