/** What reconstruction has to know of a network: moments of what the layers read that filters go from. */
import { segmentOf } from "../../graph/segment.ts";
import type { Model } from "../../graph/types.ts";
import { type EvidenceOptions, gatherEvidence } from "../../train/evidence/gather_evidence.ts";
import type { GatheredEvidence } from "../../train/evidence/evidence.ts";
import { readChannels } from "../criteria/read_channels.ts";
import type { Constraint } from "../structures/types.ts";
import { reconstructionRequest } from "./layer_reader.ts";
import { withPatchProbes } from "./patch_probes.ts";
import type { SettledValues } from "./settled_values.ts";

/** On which network and images, and of which filters. */
export interface ReadsOptions extends Omit<EvidenceOptions, "requests"> {
  readonly constraints: readonly Constraint[];
  /** Of this network and these images; default: all of the network is run. */
  readonly settled?: SettledValues;
}

/**
 * What `reconstructionRequest` asks for. Of patches that lie beside each other one is looked at (patch_probes.ts): they stand under
 * their layer's name all the same.
 *
 * @throws UserError as `gatherEvidence` does; Interrupted when the signal is aborted
 */
export async function gatherReads({ constraints, settled, ...options }: ReadsOptions): Promise<GatheredEvidence> {
  const { model } = options;
  const layers = constraints.flatMap((constraint) =>
    readChannels(constraint, model.graph).map(({ layer }) => layer.node.name)
  );
  const { model: probed, probes } = withPatchProbes(model, [...new Set(layers)]);
  const requests = constraints.map((constraint) => reconstructionRequest(constraint, model.graph)).map((request) => ({
    ...request,
    patches: request.patches.map((layer) => probes.get(layer)!.name),
  }));
  const evidence = await gatherEvidence({ ...options, ...behind(settled, probed), requests });
  const patches = new Map(
    [...probes].flatMap(([layer, { name }]) =>
      evidence.patches.has(name) ? [[layer, evidence.patches.get(name)!]] : []
    ),
  );
  return { ...evidence, patches };
}

/** What is left to be run of a network, and what it reads of each batch. */
function behind(settled: SettledValues | undefined, model: Model): Pick<EvidenceOptions, "model" | "given"> {
  if (!settled) return { model };
  const { graph, params } = model;
  const rest = segmentOf(graph, graph.nodes.findIndex(({ name }) => !settled.isBefore(name)), graph.nodes.length);
  return {
    model: { graph: rest, params },
    given(batch, images, tape) {
      const values = settled.of(batch, images, tape);
      return Object.fromEntries(rest.inputs.map(({ name }) => [name, values.get(name)!]));
    },
  };
}
