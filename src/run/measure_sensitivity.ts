/** Measures what a network loses by each of its layers, from the files that somebody names to a file that a budget reads. */
import type { PartName } from "../data/images/arrange.ts";
import type { UnlabelledOptions } from "../data/images/unlabelled.ts";
import { adaptInput } from "../data/input.ts";
import { measureTraining, spread } from "../data/splits.ts";
import type { Dataset } from "../data/types.ts";
import { UserError } from "../errors.ts";
import { digest } from "../formats/checkpoint.ts";
import { sha256 } from "../formats/sha256.ts";
import { adapterName } from "../gpu/adapter.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { chosenGpu, type GpuChoice } from "../gpu/gpu_choice.ts";
import { graphCost } from "../graph/cost.ts";
import { inferShapes } from "../graph/infer.ts";
import type { Model } from "../graph/types.ts";
import { type Given, inputOptions, type NetworkOptions, readGiven, startModel, tellStart } from "../models/given.ts";
import { rankLayers, sensitivityOf, type SensitivityOptions } from "../prune/sensitivity/measure_sensitivity.ts";
import { SENSITIVITY_DEFAULTS } from "../prune/sensitivity/sensitivity_defaults.ts";
import { type LayersAsked, type PrunedLayer, prunedLayers } from "../prune/sensitivity/pruned_layers.ts";
import type { Tally } from "../prune/sensitivity/tally.ts";
import { tallyNetworks } from "../prune/sensitivity/tally_networks.ts";
import {
  otherMeasurement,
  readSensitivity,
  type SensitivityFile,
  type SensitivityIdentity,
} from "../report/sensitivity/sensitivity_file.ts";
import type { LoadPart } from "../train/evaluate_network.ts";
import type { Store } from "../store/types.ts";
import { Interrupted } from "../train/errors.ts";
import type { TrainData } from "../train/train.ts";
import type { StageUi, Ui } from "../ui.ts";

/** What is measured, on what, and where it is kept. */
export interface SensitivityRunOptions extends LayersAsked, GpuChoice {
  readonly network: NetworkOptions;
  /** Images at most, spread evenly over the part; default: all. */
  readonly limit?: number;
  /** Whether their labels are looked at. Without, only the outputs are compared. */
  readonly labels: "use" | "ignore";
  /** By which groups are ranked; default "l2". */
  readonly criterion?: string;
  /** Of what a criterion draws by lot; default 1. */
  readonly seed?: number;
  /** Images at once; default 250. */
  readonly batch?: number;
  /** The file: what it holds of the same measurement is gone on with. */
  readonly out: string;
  readonly store: Store;
  readonly ui: Ui;
  readonly signal?: AbortSignal;
  readonly loadPart: LoadPart;
  /** Images of which nobody says what they show, [C, H, W] each, at most so many: for a file's network whose labels aren't looked at. */
  readonly loadImages?: (wanted: Pick<UnlabelledOptions, "shape" | "most">, ui: Ui) => Promise<Dataset>;
  /** For the file: "secateur 0.1.0", its commit, the command line. */
  readonly tool: string;
  readonly commit: string;
  readonly command: string;
}

type Progress = NonNullable<SensitivityOptions["progress"]>;

/** Without labels, where nobody says how many. */
const MOST_IMAGES = 10_000;

/**
 * Writes the file after each batch, so that a measurement which is stopped goes on from there when it is asked for again; one
 * that is whole is given as it is.
 *
 * @throws UserError for everything that its user can mend: files, layers, a criterion that can't score them, a file of another
 * measurement; and where the signal is aborted, saying what is kept
 */
export async function runSensitivity(options: SensitivityRunOptions): Promise<SensitivityFile> {
  const { network, store, ui, out, labels, ratios, layers: named, exclude, signal } = options;
  const given = await readGiven(network, store);
  const { part, data: all } = await loadData(options, given);
  const data = spread(all, options.limit ?? all.count);
  const model = startModel(given, network, data, 0);
  const layers = prunedLayers(model.graph, { ratios, layers: named, exclude });
  const identity = await identityOf(options, { model, data, part, layers });
  const before = await keptMeasurement(store, out, identity);
  if (before && !before.tally) {
    ui.note(`${out} holds this measurement already`);
    return before;
  }
  tellStart(ui, network, given, data);
  using device = await chosenGpu(options);
  const { gpu } = device;
  let file = before;
  try {
    const seen = labels === "use" ? data : withoutLabels(data);
    const { criterion, seed } = identity;
    const ranked = await rankLayers({ gpu, model, data: seen, layers, criterion, seed, signal });
    const keep = async (tally: Tally) => {
      file = fileOf(options, { gpu, model, layers, identity, tally });
      await store.write(out, new TextEncoder().encode(JSON.stringify(file, null, 2) + "\n"));
    };
    await withBar(
      ui,
      (progress) =>
        tallyNetworks({
          gpu,
          model,
          data: seen,
          layers,
          ranked,
          batch: identity.batch,
          signal,
          keep,
          progress,
          from: before?.tally,
        }),
    );
  } catch (error) {
    if (error instanceof Interrupted) throw new UserError(interruption(file, identity.data.images, out));
    throw error;
  }
  return file!;
}

/** With labels, or of a network whose input only the data tell, a part of a data set; else any images. */
async function loadData(
  { network, labels, limit = MOST_IMAGES, loadPart, loadImages, ui }: SensitivityRunOptions,
  given: Given,
): Promise<{ readonly part: PartName | "all"; readonly data: Dataset }> {
  const input = inputOptions(network, given);
  const graph = given.model?.graph;
  if (!graph || !loadImages || labels === "use") return await loadPart(input, ui);
  const [, ...shape] = graph.inputs[0].shape as [unknown, number, number, number];
  const [, classes] = inferShapes(graph).get(graph.outputs[0])!;
  const images = await loadImages({ shape, most: limit }, ui);
  const normalization = measureTraining({ train: images }, 0);
  // Nobody looks at a class, but the network must have as many outputs as there are.
  return { part: "all", data: adaptInput({ ...images, normalization, classes: classes as number }, input) };
}

function interruption(file: SensitivityFile | undefined, images: number, out: string): string {
  if (!file) return "interrupted before the first batch of images was done: nothing is kept";
  return `interrupted; ${file.images} of ${images} images are kept in ${out}: the same command goes on from there`;
}

async function withBar<T>(ui: Ui, measure: (progress: Progress) => Promise<T>): Promise<T> {
  let bar: StageUi | undefined;
  try {
    // How much there is to do is told with the first network that is done.
    const result = await measure((done, total, network) => {
      bar ??= ui.stage("sensitivity", total);
      bar.update(done, { text: network });
    });
    bar?.done("");
    return result;
  } catch (error) {
    bar?.abandon();
    throw error;
  }
}

interface Found {
  readonly gpu: Gpu;
  readonly model: Model;
  readonly layers: readonly PrunedLayer[];
  readonly identity: SensitivityIdentity;
  readonly tally: Tally;
}

function fileOf(
  { tool, commit, command, labels }: SensitivityRunOptions,
  { gpu, model, layers, identity, tally }: Found,
): SensitivityFile {
  const { params, macs } = graphCost(model.graph);
  return {
    kind: "sensitivity",
    version: 1,
    tool,
    commit,
    command,
    adapter: adapterName(gpu.info),
    identity,
    params,
    macs,
    images: tally.images,
    ...sensitivityOf(model.graph, layers, tally, labels === "use" ? "present" : "absent"),
    ...tally.images < identity.data.images && { tally },
  };
}

async function identityOf(
  { network, labels, ratios, ...given }: SensitivityRunOptions,
  { model: { graph, params }, data, part, layers }: {
    readonly model: Model;
    readonly data: Dataset;
    readonly part: string;
    readonly layers: readonly PrunedLayer[];
  },
): Promise<SensitivityIdentity> {
  const { criterion = SENSITIVITY_DEFAULTS.criterion, seed = SENSITIVITY_DEFAULTS.seed } = given;
  const { batch = SENSITIVITY_DEFAULTS.batch } = given;
  const tensors = Array.from(params, ([name, { shape, data }]) => [name, { dtype: "F32", shape, data }] as const);
  const { shape, normalization, images } = data;
  const about = [
    shape,
    normalization,
    await sha256(images),
    labels === "use" ? await sha256(data.labels) : "unlabelled",
  ];
  return {
    network: { name: network.model.name, sha256: await digest(JSON.stringify(graph), new Map(tensors)) },
    data: {
      name: data.name,
      part,
      images: data.count,
      labels: labels === "use",
      sha256: await sha256(new TextEncoder().encode(JSON.stringify(about))),
    },
    criterion,
    seed,
    ratios: ratios.toSorted((a, b) => a - b),
    batch,
    layers: layers.map(({ constraint, keeps }) => ({ name: constraint.name, keeps })),
  };
}

/** What the file holds of this measurement. @throws UserError where it holds another one */
async function keptMeasurement(
  store: Store,
  out: string,
  identity: SensitivityIdentity,
): Promise<SensitivityFile | undefined> {
  const bytes = await store.read(out);
  if (!bytes) return undefined;
  const file = readSensitivity(bytes, out);
  const other = otherMeasurement(file.identity, identity);
  if (other === undefined) return file;
  throw new UserError(`${out} holds another measurement: ${other}; choose another --out, or remove the file`);
}

function withoutLabels({ labels: _, ...data }: Dataset): TrainData {
  return data;
}
