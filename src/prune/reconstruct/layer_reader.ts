/** From a layer of the network that reads prunable channels to what reconstruction computes with, and back. */
import { opOf } from "../../graph/ops/ops.ts";
import type { Graph, HostTensor, Model } from "../../graph/types.ts";
import type { EvidenceRequest, GatheredEvidence, SecondMoments } from "../../train/evidence/evidence.ts";
import { type ReadChannels, readChannels } from "../criteria/read_channels.ts";
import { coupledClasses } from "../groups/coupling.ts";
import type { Layer } from "../rules/layer_view.ts";
import { forEachElement } from "../structures/elements.ts";
import type { Constraint } from "../structures/types.ts";
import { type RefitKind, refitted } from "./affine_refit.ts";
import { type BiasPlace, biasPlaceOf, withBias } from "./bias_place.ts";
import { withPatchProbes } from "./patch_probes.ts";
import { momentsOf, type Reader, shrinkage, withRidge } from "./reader.ts";

/** λ relative to the mean variance, where images are many; fewer ask for more (shrinkage). */
const RIDGE = 1e-3;
/** Of a convolution's patches. Where a layer has more, its taps are taken to see the same channels, whose moments are small. */
const MOST_COLUMNS = 1500;
/** Channels that a layer reads at most: their moments have the square of it, and solving them takes the cube. */
const MOST_CHANNELS = 4096;

/** A layer that reads channels which may go, with what its moments say. */
export interface LayerReader {
  readonly layer: Layer;
  readonly reader: Reader;
  /** How its weight stands in the reader's. */
  readonly view: View;
  /** Where its bias goes; undefined where it has no place. */
  readonly place: BiasPlace | undefined;
  /** Images with which its moments would have a row for each column, counting patches that overlap once. */
  readonly wanted: number;
}

/** Columns of patches as the filters have them, or channels alone: then each tap of a filter is an output of its own. */
type View = "patches" | "channels";

/** Why these groups can't be taken out of the layers that read them by reconstruction; undefined where they can. */
export function reconstructionRefusal(constraint: Constraint, graph: Graph): string | undefined {
  if (constraint.kind !== "filter") return "reconstruction takes whole filters out of the layers that read them";
  if (constraint.norms) return "its layer norms would change, which no fit makes up for";
  const { producers, consumers, readers } = coupledClasses(graph).find(({ id }) => `${id}:filter` === constraint.name)!;
  const made = new Set(producers.map(({ node }) => node));
  const refitted = new Set(readers.map(({ node }) => node));
  const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
  const other = consumers.find((name) =>
    !made.has(name) && (!refitted.has(name) || opOf(nodes.get(name)!).inference.kind !== "layer")
  );
  if (other !== undefined) return `${nodes.get(other)!.op} "${other}" reads its channels, and can't be fitted anew`;
  const read = readChannels(constraint, graph);
  if (read.length === 0) return "no layer reads its channels";
  const shared = read.find(({ member }, i) => read.findIndex((one) => one.member === member) !== i);
  if (shared) return `several layers share "${shared.member.param}", which would have to fit all of them`;
  const wide = read.find(({ layer }) => layer.channels > MOST_CHANNELS);
  return wide && `"${wide.layer.node.name}" reads ${wide.layer.channels} channels, and ${MOST_CHANNELS} is the most`;
}

/** What has to be known of the network to take these groups out of it: patches of layers, or channels of values. */
export function reconstructionRequest(
  constraint: Constraint,
  graph: Graph,
): Required<Pick<EvidenceRequest, "patches" | "covariances">> {
  const read = readChannels(constraint, graph);
  return {
    patches: read.filter(({ layer }) => viewOf(layer) === "patches").map(({ layer }) => layer.node.name),
    covariances: read.filter(({ layer }) => viewOf(layer) === "channels").map(({ read }) => read),
  };
}

/** The layers that read the channels of a constraint, from what `gatherReads` has gathered. */
export function layerReaders(constraint: Constraint, model: Model, evidence: GatheredEvidence): LayerReader[] {
  const reads = readChannels(constraint, model.graph);
  const { probes } = withPatchProbes(model, reads.map(({ layer }) => layer.node.name));
  return reads.map((read): LayerReader => {
    const { layer, read: { value } } = read;
    const view = viewOf(layer);
    const place = biasPlaceOf(model.graph, layer.node, layer.filters);
    const { name } = layer.node;
    const sums = view === "patches" ? evidence.patches.get(name)![0] : evidence.covariances.get(value)!;
    const moments = momentsOf(sums, place ? "intercept" : "none");
    const rows = rowsPerImage(sums, evidence.samples, view === "patches" ? layer.size / probes.get(name)!.of : 1);
    const ridge = Math.min(MOST_RIDGE, Math.max(RIDGE, shrinkage(moments, rows * evidence.samples)));
    return {
      layer,
      view,
      place,
      wanted: Math.ceil(moments.mean.length / rows),
      reader: {
        ...sizesOf(layer, view),
        weight: weightOf(layer, view, model.params.get(layer.weight)!),
        moments: withRidge(moments, ridge),
        groups: columnsOf(read, constraint.groups, view),
      },
    };
  });
}

/** Where images tell nothing, means are all that is made up for. */
const MOST_RIDGE = 1e3;

/** The model whose layer does without some of its groups. */
export function withoutGroups(
  model: Model,
  { layer, reader, view, place }: LayerReader,
  groups: readonly number[],
  how: RefitKind,
): Model {
  const removed = groups.flatMap((group) => reader.groups[group]);
  const { weight, bias } = refitted(reader, removed, how);
  const { shape } = model.params.get(layer.weight)!;
  const fitted = { shape, data: placedWeight(layer, view, weight) };
  const changed: Model = { graph: model.graph, params: new Map([...model.params, [layer.weight, fitted]]) };
  if (!place) return changed;
  // In the view of channels each tap is an output, and a filter's bias takes what all of them have lost.
  const taps = bias.length / layer.filters;
  const gain = new Float64Array(layer.filters);
  bias.forEach((value, i) => gain[Math.floor(i / taps)] += value);
  return withBias(changed, place, gain);
}

function viewOf({ channels, size }: Layer): View {
  return size > 1 && channels * size > MOST_COLUMNS ? "channels" : "patches";
}

function sizesOf({ channels, filters, size }: Layer, view: View): Pick<Reader, "inputs" | "outputs"> {
  return view === "patches"
    ? { inputs: channels * size, outputs: filters }
    : { inputs: channels, outputs: filters * size };
}

/** @param shared patches that see the same number: of those that overlap so much, one counts */
function rowsPerImage({ n, sums }: SecondMoments, images: number, shared: number): number {
  return Math.max(1, sums[n * n - 1] / images / Math.max(1, shared));
}

function columnsOf({ member, layer }: ReadChannels, groups: number, view: View): number[][] {
  const columns = Array.from({ length: groups }, () => new Set<number>());
  const taps = view === "patches" ? 1 : layer.size;
  forEachElement(member, groups, (group, element) => {
    const column = layer.axes.filter === 1 ? Math.floor(element / layer.filters) : element % layer.rowLength;
    columns[group].add(Math.floor(column / taps));
  });
  return columns.map((own) => [...own].sort((a, b) => a - b));
}

/** Place in the layer's weight of each number of the reader's [outputs, inputs]. */
function places(layer: Layer, view: View): (o: number, i: number) => number {
  const { axes, filters, rowLength, size } = layer;
  if (axes.filter === 1) return (o, i) => i * filters + o;
  if (view === "patches") return (o, i) => o * rowLength + i;
  return (o, i) => Math.floor(o / size) * rowLength + i * size + o % size;
}

function weightOf(layer: Layer, view: View, { data }: HostTensor): Float64Array {
  const { inputs } = sizesOf(layer, view);
  const at = places(layer, view);
  return Float64Array.from(data, (_, k) => data[at(Math.floor(k / inputs), k % inputs)]);
}

function placedWeight(layer: Layer, view: View, weight: Float64Array): Float32Array<ArrayBuffer> {
  const { inputs } = sizesOf(layer, view);
  const at = places(layer, view);
  const data = new Float32Array(weight.length);
  weight.forEach((value, k) => data[at(Math.floor(k / inputs), k % inputs)] = value);
  return data;
}
