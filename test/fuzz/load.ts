/** What a case must end in. */
import { UserError } from "../../src/errors.ts";
import { loadWeights } from "../../src/formats/dialects/load.ts";
import { externalFiles } from "../../src/formats/onnx/external.ts";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { readPth } from "../../src/formats/pth/read.ts";
import { readSafetensors, type StoredTensor } from "../../src/formats/safetensors.ts";
import { validateModel } from "../../src/graph/validate.ts";
import type { Case } from "./mutate.ts";
import { beside, graph } from "./seeds.ts";

const FILE = "net.bin";
const MAX_MESSAGE = 600;

/**
 * Loads a case as its format.
 * @throws Error where it is neither a correct load nor a clear error of one line that names the file
 */
export function load({ kind, bytes }: Case): "loaded" | "refused" {
  try {
    if (kind === "onnx") {
      const locations = [...externalFiles(bytes, FILE).keys()].filter((location) => location === beside.location);
      validateModel(loadOnnx(bytes, FILE, new Map(locations.map((location) => [location, beside.bytes]))));
    } else {
      const tensors = kind === "safetensors" ? readSafetensors(bytes, FILE).tensors : readPth(bytes, FILE);
      requireWhole(tensors);
      // What is a state dict may all the same not be this network's; then that must be said as clearly.
      loadWeights(graph, tensors, FILE);
    }
    return "loaded";
  } catch (error) {
    requireClear(error);
    return "refused";
  }
}

function requireWhole(tensors: ReadonlyMap<string, StoredTensor>): void {
  for (const [name, { shape, data }] of tensors) {
    const elements = shape.reduce((a, b) => a * b, 1);
    if (data.length !== elements) throw new Error(`${name} [${shape}] has ${data.length} numbers`);
  }
}

function requireClear(error: unknown): void {
  if (!(error instanceof UserError)) throw error;
  const { message } = error;
  if (!message.startsWith(`${FILE}: `)) throw new Error(`the message doesn't name the file: ${message}`);
  if (/[\n\r]/.test(message)) throw new Error(`the message has several lines: ${message}`);
  if (message.length > MAX_MESSAGE) throw new Error(`the message has ${message.length} characters: ${message}`);
}
