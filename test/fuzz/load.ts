/** What a case must end in. */
import xz from "xz-decompress";
import { UserError } from "../../src/errors.ts";
import { formatComparison } from "../../src/cli/devices.ts";
import { formatInspection } from "../../src/cli/inspect.ts";
import { arrange, isImagePath } from "../../src/data/images/arrange.ts";
import { decodeImage } from "../../src/data/images/decode.ts";
import { readTar } from "../../src/data/tar.ts";
import { gunzipStream, unpack } from "../../src/data/unpack.ts";
import { loadWeights } from "../../src/formats/dialects/load.ts";
import { externalFiles } from "../../src/formats/onnx/external.ts";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { readPth } from "../../src/formats/pth/read.ts";
import { readSafetensors, type StoredTensor } from "../../src/formats/safetensors.ts";
import { validateModel } from "../../src/graph/validate.ts";
import { readPlans } from "../../src/measure/plans.ts";
import type { Graph } from "../../src/graph/types.ts";
import { loadRecipe } from "../../src/recipe/load.ts";
import { compareDevices } from "../../src/report/devices/compare.ts";
import { renderComparison } from "../../src/report/devices/page.ts";
import { readDeviceRecord } from "../../src/report/devices/schema.ts";
import { inspectNetwork, type NetworkInspection } from "../../src/report/inspection/network.ts";
import { renderInspection } from "../../src/report/inspection/page.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { visible, visibleLines } from "../../src/visible.ts";
import type { Case } from "./mutate.ts";
import { ADAPTER, beside, graph, type Kind, pngFiles } from "./seeds.ts";

const FILE = "net.bin";
const RECIPE = "net.yaml";
const MAX_MESSAGE = 2000;

type Bytes = Uint8Array<ArrayBuffer>;

/** How each kind is read: throws what the reader throws. */
const READERS: Readonly<Record<Kind, (bytes: Bytes) => unknown>> = {
  onnx: readNetwork,
  graph: readNetwork,
  safetensors: (bytes) => readTensors(readSafetensors(bytes, FILE).tensors),
  archive: (bytes) => readTensors(readPth(bytes, FILE)),
  legacy: (bytes) => readTensors(readPth(bytes, FILE)),
  tar: readArchive,
  image: readImage,
  recipe: readRecipe,
  record: readRecord,
  plans: readTuned,
};

/**
 * Loads a case as its kind.
 * @throws Error where it is neither a correct load nor a clear error of one line that names the file
 */
export async function load({ kind, bytes }: Case): Promise<"loaded" | "refused"> {
  try {
    await READERS[kind](bytes as Bytes);
    return "loaded";
  } catch (error) {
    requireClear(error);
    return "refused";
  }
}

function readNetwork(bytes: Bytes): void {
  const locations = [...externalFiles(bytes, FILE).keys()].filter((location) => location === beside.location);
  const model = loadOnnx(bytes, FILE, new Map(locations.map((location) => [location, beside.bytes])));
  validateModel(model);
  // Whatever is read can be looked at, whether or not it can be pruned.
  const found = inspected(model.graph);
  const text = formatInspection(found, 100);
  if (text !== visibleLines(text)) throw new Error("the inspection holds what a terminal obeys");
  renderInspection(found);
}

/** The inspection, or a refusal of what has too many channels: whoever inspects names the file. */
function inspected(graph: Graph): NetworkInspection {
  try {
    return inspectNetwork(graph);
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${FILE}: ${error.message}`) : error;
  }
}

function readTensors(tensors: ReadonlyMap<string, StoredTensor>): void {
  for (const [name, { shape, data }] of tensors) {
    const elements = shape.reduce((a, b) => a * b, 1);
    if (data.length !== elements) throw new Error(`${name} [${shape}] has ${data.length} numbers`);
  }
  // What is a state dict may all the same not be this network's; then that must be said as clearly.
  loadWeights(graph, tensors, FILE);
}

const xzStream = (packed: ReadableStream<Bytes>) => new xz.XzReadableStream(packed);

async function readArchive(bytes: Bytes): Promise<void> {
  const isXz = bytes[0] === 0xfd && bytes[1] === 0x37;
  const isPacked = isXz || bytes[0] === 0x1f && bytes[1] === 0x8b;
  const how = isXz ? { format: "xz", decompress: xzStream } : { format: "gzip", decompress: gunzipStream };
  const packed = { file: FILE, size: bytes.length, most: 2 ** 24, ...how };
  const stream = new Blob([bytes]).stream();
  const images: string[] = [];
  const folders: string[] = [];
  await readTar(isPacked ? unpack(stream, packed) : stream, FILE, {
    wants: (path) => isImagePath(path, FILE),
    file: (path) => void images.push(path),
    folder: (path) => void folders.push(path),
  });
  const { classes, parts } = arrange(images, folders, FILE);
  const samples = [...parts.values()].flat();
  if (samples.length !== images.length || classes.length < 2) throw new Error(`arranged ${samples.length} images`);
}

async function readImage(bytes: Bytes): Promise<void> {
  const refused = await decodeImage(bytes).then(({ height, width, planes }) => {
    if (planes.length !== 3 * height * width) throw new Error(`${height}×${width} has ${planes.length} samples`);
  }, (error: Error) => error);
  // A decoder that has met damage still has to decode what comes after it.
  const { height, width } = await decodeImage(pngFiles[0] as Bytes);
  if (height !== 13 || width !== 11) throw new Error(`then a good image had ${height}×${width}`);
  if (!refused) return;
  throw refused.message.startsWith("found ") ? new UserError(`${FILE}: ${refused.message}`) : refused;
}

async function readRecipe(bytes: Bytes): Promise<void> {
  const store = memoryStore();
  await store.write(RECIPE, bytes);
  await loadRecipe(RECIPE, store);
}

function readRecord(bytes: Bytes): void {
  const compared = compareDevices([readDeviceRecord(bytes, FILE)], "all");
  const text = formatComparison(compared);
  if (text !== visibleLines(text)) throw new Error("the comparison holds what a terminal obeys");
  renderComparison(compared);
}

/** Plans that can't be used are ignored with a line. */
async function readTuned(bytes: Bytes): Promise<void> {
  const store = memoryStore();
  await store.write(FILE, bytes);
  let ignored: string | undefined;
  await readPlans(store, FILE, ADAPTER, (line) => ignored = line);
  if (ignored !== undefined) throw new UserError(ignored.replace(/^ignored the tuned plans in /, ""));
}

function requireClear(error: unknown): void {
  if (!(error instanceof UserError)) throw error;
  const { message } = error;
  if (!message.startsWith(`${FILE}: `) && !message.startsWith(RECIPE)) {
    throw new Error(`the message doesn't name the file: ${message}`);
  }
  if (visible(message) !== message) throw new Error(`the message holds what a terminal obeys: ${message}`);
  if (message.length > MAX_MESSAGE) throw new Error(`the message has ${message.length} characters: ${message}`);
}
