/**
 * One network at a time, from its file to a smaller file: read, looked at, predicted, made, proved and judged. It runs in the
 * page's worker, and needs nothing of a browser but what it is given.
 */
import { pick } from "../../data/splits.ts";
import { proofInputs } from "../../data/proof_inputs.ts";
import { blobFiles, type NamedBlob } from "../../data/blob_files.ts";
import { readUnlabelled } from "../../data/images/unlabelled.ts";
import type { Picture } from "../../data/images/picture.ts";
import type { Dataset } from "../../data/types.ts";
import { UserError } from "../../errors.ts";
import { formatMetadata, type ModelMetadata } from "../../formats/metadata.ts";
import { onnxBytes } from "../../formats/onnx/export.ts";
import { onnxFile } from "../../formats/onnx/image_network.ts";
import { graphCost } from "../../graph/cost.ts";
import { assertEquivalent } from "../../graph/equivalence.ts";
import { inferShapes } from "../../graph/infer.ts";
import { peakBytes } from "../../graph/peak_bytes.ts";
import { concrete } from "../../graph/shapes.ts";
import type { Model } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import type { Device } from "../engine/device.ts";
import { depth } from "./depth.ts";
import { judge } from "./judge.ts";
import { pixelsFor, prepared } from "./pixels.ts";
import type { GivenImages, GivenNetwork, PixelName, Prediction, ShrunkNetwork, WayName } from "./types.ts";
import { costOf, type Looked, type Way } from "./way.ts";
import { width } from "./width.ts";

const WAYS: Readonly<Record<WayName, Way>> = { width, depth };

/** Images at most, and their bytes: more make fits hardly better, and a phone shall do it in seconds. */
const MOST_IMAGES = 600, MOST_IMAGE_BYTES = 2 ** 26;
const LEAST_IMAGES = 8;
/** One of so many images is kept for judging. */
const JUDGED = 5;
const MOST_JUDGED = 128;
/** Images that layers are compared by: they are only set against each other. */
const MOST_LOOKED = 48;
const MOST_BATCH = 64;
/** Of the activations of one pass. */
const MOST_ACTIVATIONS = 2 ** 28;

/** How a call goes on. */
export interface CallProgress {
  readonly signal: AbortSignal;
  readonly progress: (done: number, total: number) => void;
}

/** Answers the page's calls, in the order of the page's steps. Each throws UserError with one line that says what is wrong. */
export interface Shrinker {
  /** Lets go of the network before it, and of all that belonged to it. */
  network(name: string, bytes: Uint8Array<ArrayBuffer>): GivenNetwork;
  images(files: readonly NamedBlob[], going: CallProgress): Promise<GivenImages>;
  /** Gathers what predictions are made from. Gives the fraction of the multiply-adds that can go at most. */
  look(way: WayName, pixels: PixelName, going: CallProgress): Promise<{ readonly most: number }>;
  predict(way: WayName, removed: number): Prediction;
  make(way: WayName, removed: number, going: CallProgress): Promise<Omit<ShrunkNetwork, "id">>;
  /** The network given and the one made of it last. */
  models(): { readonly dense: Model; readonly pruned: Model };
  /** The made network's file. */
  file(): Uint8Array<ArrayBuffer>;
}

interface Read {
  readonly name: string;
  readonly model: Model;
  readonly metadata: ModelMetadata;
  readonly bytes: number;
}

/** What is known so far; each part goes when one that it was made of is given anew. */
interface Known {
  network?: Read;
  images?: { readonly fitted: Dataset; readonly judged: Dataset };
  looked?: { readonly way: WayName; readonly pixels: PixelName; readonly looked: Looked };
  made?: { readonly model: Model; readonly file: Uint8Array<ArrayBuffer> };
}

/** @param decode see `readUnlabelled` */
export function createShrinker(
  device: Pick<Device, "use" | "close">,
  decode: (bytes: Uint8Array<ArrayBuffer>) => Promise<Picture>,
): Shrinker {
  let known: Known = {};
  const need = <K extends keyof Known>(part: K): NonNullable<Known[K]> => {
    const found = known[part];
    if (!found) throw new UserError(`there is no ${part} yet: the page was loaded anew, or its steps are out of order`);
    return found;
  };
  return {
    network(name, bytes) {
      known = {};
      // Its buffers, and kernels that nobody will need again.
      device.close();
      const { model, metadata, layout } = onnxFile(name, bytes);
      known.network = { name, model, metadata, bytes: bytes.length };
      return givenNetwork(known.network, layout);
    },
    async images(files, { signal, progress }) {
      const network = need("network");
      known = { network };
      const shape = network.model.graph.inputs[0].shape.slice(1) as unknown as Dataset["shape"];
      const most = Math.min(MOST_IMAGES, Math.floor(MOST_IMAGE_BYTES / elements(shape)));
      const options = { shape, most, least: LEAST_IMAGES, decode, signal, onImages: progress };
      const { data, notes } = await readUnlabelled(blobFiles(files), options);
      known.images = parted(data);
      return { fitted: known.images.fitted.count, judged: known.images.judged.count, notes };
    },
    async look(way, pixels, { signal, progress }) {
      const { model, metadata } = need("network");
      const images = prepared(need("images").fitted, pixels, metadata);
      known = { network: known.network, images: known.images };
      const material = { model, images, ...amounts(model) };
      const looked = await device.use((gpu) => WAYS[way].look(material, { gpu, signal, progress }));
      known.looked = { way, pixels, looked };
      return { most: looked.most };
    },
    predict: (way, removed) => lookedIn(way).looked.predict(removed),
    async make(way, removed, { signal, progress }) {
      const started = performance.now();
      const [network, images] = [need("network"), need("images")];
      const { looked, pixels } = lookedIn(way);
      known = { ...known, made: undefined };
      const { normalization, shape: [, height, width] } = prepared(images.fitted, pixels, network.metadata);
      const judged = firstOf({ ...images.judged, normalization }, amounts(network.model).looked);
      const { made, proof, found } = await device.use(async (gpu) => {
        const made = await looked.make({ gpu, signal, progress }, removed);
        const { inputs, batch } = proofInputs(judged, 1);
        const proof = await assertEquivalent(gpu, made.fitted, made.small, inputs, batch);
        return { made, proof, found: await judge(gpu, network.model, made.small, judged) };
      });
      const { mean, std } = normalization;
      const { classes } = network.metadata;
      const file = onnxBytes(made.small, formatMetadata({ mean, std, size: [height, width], classes }));
      known.made = { model: made.small, file };
      return {
        before: costOf(graphCost(network.model.graph)),
        after: costOf(graphCost(made.small.graph)),
        fileBytes: { before: network.bytes, after: file.length },
        proof: { maxRel: proof.maxRel, inputs: proof.inputs },
        judged: found,
        notes: made.notes,
        seconds: (performance.now() - started) / 1000,
      };
    },
    models: () => ({ dense: need("network").model, pruned: need("made").model }),
    file: () => need("made").file.slice(),
  };

  function lookedIn(way: WayName) {
    const looked = need("looked");
    if (looked.way !== way) throw new UserError(`the network wasn't looked at for ${way} last: choose it again`);
    return looked;
  }
}

function givenNetwork({ name, model, metadata }: Read, layout: "nchw" | "nhwc"): GivenNetwork {
  const { graph } = model;
  const input = graph.inputs[0].shape.slice(1) as unknown as GivenNetwork["input"];
  return {
    title: name,
    input,
    cost: costOf(graphCost(graph)),
    ways: { width: partsOf(width, model), depth: partsOf(depth, model) },
    pixels: pixelsFor(metadata, input[0]),
    notes: layout === "nhwc"
      ? ["It takes images as [N, H, W, C]; the smaller network will take them as [N, C, H, W]."]
      : [],
  };
}

function partsOf(way: Way, model: Model): GivenNetwork["ways"][WayName] {
  try {
    return { parts: way.parts(model) };
  } catch (error) {
    if (error instanceof UserError) return { refused: error.message };
    throw error;
  }
}

/** Every fifth image is kept for judging. */
function parted(data: Dataset): { readonly fitted: Dataset; readonly judged: Dataset } {
  const all = Array.from({ length: data.count }, (_, i) => i);
  const judged = all.filter((i) => i % JUDGED === JUDGED - 1);
  return {
    fitted: pick(data, Uint32Array.from(all.filter((i) => i % JUDGED !== JUDGED - 1))),
    judged: firstOf(pick(data, Uint32Array.from(judged)), MOST_JUDGED),
  };
}

/** How many images a pass, and a comparison of outputs, may have for the memory that they take. */
function amounts({ graph }: Model): { readonly batch: number; readonly looked: number } {
  const all = [...inferShapes(graph).values()].reduce((sum, shape) => sum + 4 * elements(concrete(shape, 1)), 0);
  const fitting = (bytes: number, most: number) => Math.max(1, Math.min(most, Math.floor(MOST_ACTIVATIONS / bytes)));
  return { batch: fitting(all, MOST_BATCH), looked: Math.max(LEAST_IMAGES, fitting(peakBytes(graph), MOST_LOOKED)) };
}

function firstOf(data: Dataset, most: number): Dataset {
  return pick(data, Uint32Array.from({ length: Math.min(most, data.count) }, (_, i) => i));
}
