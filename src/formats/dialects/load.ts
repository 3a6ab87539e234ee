/** A file's tensors as a graph's parameters. */
import { show, UserError } from "../../errors.ts";
import { requireFinite } from "../../graph/finite.ts";
import { consumers } from "../../graph/names.ts";
import { hasFilterRows, isBatchNorm } from "../../graph/roles.ts";
import type { Graph, HostTensor, Params } from "../../graph/types.ts";
import { type Dtype, type StoredTensor, toFloat32 } from "../safetensors.ts";
import type { StateDict } from "../weights.ts";
import { type Dialect, DIALECTS, IGNORED, PREFIXES } from "./dialects.ts";

const FLOATS: readonly Dtype[] = ["F64", "F32", "F16", "BF16"];

/** How many names of a kind an error lists. */
const LISTED = 4;

/**
 * The parameters of a graph from a state dict: each filled exactly once, in its shape, from float numbers of any width
 * (rounded once to float32), and no tensor left over. Names may be those of a known dialect (`DIALECTS`) and bear
 * DataParallel's prefix; `num_batches_tracked` is dropped. The bias of a convolution that has none in the graph and
 * feeds a batch norm is subtracted from the norm's running mean, which computes the same.
 *
 * @param file names the file in errors
 * @throws UserError listing what is missing, what is left over and what has another shape, or naming a parameter that isn't
 * finite
 */
export function loadWeights(graph: Graph, tensors: StateDict, file: string): Params {
  const named = withoutPrefixes(new Map([...tensors].filter(([name]) => !IGNORED.test(name))));
  const spoken = DIALECTS.filter(({ marks }) =>
    marks.every((mark) => [...named.keys()].some((name) => mark.test(name)))
  );
  const fits = spoken.map((dialect) => fit(graph, named, dialect));
  const best = fits.reduce((a, b) => (b.problems < a.problems ? b : a));
  if (best.problems > 0) throw new UserError(`${file}: ${complaint(graph, best)}`);
  const params = new Map(best.matched.map(([name, tensor]) => [name, float32(name, tensor, file)]));
  for (const { bias, mean } of best.absorbed) {
    const { shape, data } = params.get(mean)!;
    const shift = float32(bias.name, bias.tensor, file).data;
    params.set(mean, { shape, data: data.map((value, channel) => value - shift[channel]) });
  }
  const loaded = new Map(Object.keys(graph.params).map((name) => [name, params.get(name)!]));
  requireFinite({ graph, params: loaded }, file);
  return loaded;
}

interface Fit {
  readonly dialect: Dialect;
  readonly problems: number;
  readonly matched: readonly (readonly [name: string, tensor: StoredTensor])[];
  /** Biases of convolutions that go into a running mean. */
  readonly absorbed: readonly { readonly bias: { name: string; tensor: StoredTensor }; readonly mean: string }[];
  readonly missing: readonly string[];
  /** By their names in the file. */
  readonly leftOver: readonly (readonly [name: string, tensor: StoredTensor])[];
  readonly misshapen: readonly (readonly [name: string, tensor: StoredTensor])[];
}

/** What a file's tensors are to a graph, if they speak the dialect. */
function fit(graph: Graph, tensors: StateDict, dialect: Dialect): Fit {
  const means = meansBehind(graph);
  const taken = new Map<string, StoredTensor>();
  const absorbed: Fit["absorbed"][number][] = [];
  const leftOver: [string, StoredTensor][] = [];
  for (const [original, tensor] of tensors) {
    const name = rewrite(original, dialect);
    const mean = means.get(name);
    if (Object.hasOwn(graph.params, name) && !taken.has(name)) taken.set(name, tensor);
    else if (mean !== undefined && sameShape(tensor, graph.params[mean])) {
      absorbed.push({ bias: { name: original, tensor }, mean });
    } else leftOver.push([original, tensor]);
  }
  const missing = Object.keys(graph.params).filter((name) => !taken.has(name));
  const misshapen = [...taken].filter(([name, tensor]) => !sameShape(tensor, graph.params[name]));
  const problems = missing.length + leftOver.length + misshapen.length;
  return { dialect, problems, matched: [...taken], absorbed, missing, leftOver, misshapen };
}

function rewrite(name: string, { rules }: Dialect): string {
  return rules.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), name);
}

/** The name that a layer's bias would have, if it has none and only a batch norm reads it -> the running mean. */
function meansBehind(graph: Graph): ReadonlyMap<string, string> {
  const readers = consumers(graph);
  const means = new Map<string, string>();
  for (const node of graph.nodes) {
    const { inputs, outputs } = node;
    if (!hasFilterRows(node) || inputs.length > 2 || graph.outputs.includes(outputs[0])) continue;
    const [norm, ...others] = readers.get(outputs[0]) ?? [];
    if (!norm || !isBatchNorm(norm) || others.length > 0) continue;
    means.set(inputs[1].replace(/weight$/, "bias"), norm.inputs[3]);
  }
  return means;
}

/** Names without what stands before all of them. */
function withoutPrefixes(tensors: StateDict): StateDict {
  const names = [...tensors.keys()];
  const prefix = PREFIXES.find((prefix) => names.length > 0 && names.every((name) => name.startsWith(prefix)));
  if (!prefix) return tensors;
  return withoutPrefixes(new Map([...tensors].map(([name, tensor]) => [name.slice(prefix.length), tensor])));
}

function sameShape(a: { readonly shape: readonly number[] }, b: { readonly shape: readonly number[] }): boolean {
  return a.shape.length === b.shape.length && a.shape.every((size, axis) => size === b.shape[axis]);
}

function float32(name: string, tensor: StoredTensor, file: string): HostTensor {
  if (!FLOATS.includes(tensor.dtype)) {
    throw new UserError(`${file}: tensor ${show(name)} is ${tensor.dtype}, one of ${FLOATS.join(", ")} expected`);
  }
  return { shape: tensor.shape, data: toFloat32(tensor) };
}

function complaint(graph: Graph, { dialect, missing, leftOver, misshapen }: Fit): string {
  const parts = [
    listed("missing", missing.map((name) => entry(name, graph.params[name]))),
    listed("left over", leftOver.map(([name, tensor]) => entry(name, tensor))),
    listed(
      "of another shape",
      misshapen.map(([name, tensor]) => `${entry(name, tensor)}, expected ${show(graph.params[name].shape)}`),
    ),
  ].filter((part) => part !== undefined);
  const read = dialect.rules.length > 0 ? ` (names read as ${dialect.name})` : "";
  return `its weights don't fit the network "${graph.name}"${read}: ${parts.join("; ")}`;
}

/** Names and shapes of a damaged file may be of any length. */
function entry(name: string, { shape }: { readonly shape: readonly number[] }): string {
  return `${name.length > 80 ? `${name.slice(0, 79)}…` : name} ${show(shape)}`;
}

function listed(what: string, items: readonly string[]): string | undefined {
  if (items.length === 0) return undefined;
  const more = items.length - LISTED;
  return `${items.length} ${what}: ${items.slice(0, LISTED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
