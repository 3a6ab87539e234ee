/** The network that somebody names: one of the zoo, or one of their own, read from files. */
import type { InputOptions } from "../data/input.ts";
import type { Dataset, Splits } from "../data/types.ts";
import { UserError } from "../errors.ts";
import { loadWeights } from "../formats/dialects/load.ts";
import { type ModelMetadata, parseMetadata } from "../formats/metadata.ts";
import { holdsGraph, parseModel } from "../formats/model_file.ts";
import { readExternal } from "../formats/onnx/external.ts";
import { type NpyArray, readNpy } from "../formats/npy.ts";
import { loadOnnx, type OnnxPart } from "../formats/onnx/import.ts";
import { readOnnx } from "../formats/onnx/read.ts";
import { isArchive, isPickle } from "../formats/pth/read.ts";
import { isSafetensors, readSafetensors } from "../formats/safetensors.ts";
import { isOnnx, readWeights, type StateDict } from "../formats/weights.ts";
import { channelsFirst, imagesLast } from "../graph/rewrite/channels_first.ts";
import { inferShapes } from "../graph/infer.ts";
import { initialise } from "../graph/initialise.ts";
import { lastSoftmax } from "../graph/ops/last_softmax.ts";
import type { Graph, Model } from "../graph/types.ts";
import type { Store } from "../store/types.ts";
import type { Ui } from "../ui.ts";
import { createModel, modelOptions } from "./zoo.ts";

/** How a network is named: by recipes, and on the command line. */
export interface NetworkOptions {
  readonly model: ModelChoice;
  /** File of its weights. */
  readonly weights?: string;
  /** What it expects of its input; what is left out is asked of the model's file, then of the data. */
  readonly preprocess?: {
    readonly mean?: readonly number[];
    readonly std?: readonly number[];
    readonly size?: number;
  };
}

/** A file, or a network of the zoo with its options; options that it doesn't have are refused. */
export interface ModelChoice {
  readonly name: string;
  readonly shortcut?: "A" | "projection";
  readonly width?: number;
  readonly classes?: number;
  /** Of a file: the output that is the network's, where there are several. */
  readonly output?: string;
  /** Of a file: inputs that are the same for all samples -> .npy files of their numbers. */
  readonly inputs?: Readonly<Record<string, string>>;
}

/** How a network takes images: [N,C,H,W], or [N,H,W,C]. */
export type ImageLayout = "nchw" | "nhwc";

/** What the files of a recipe hold; nothing where the network is of the zoo and untrained. */
export interface Given {
  /** `model`, where it is a file: for images [N,C,H,W], whatever the file's layout. */
  readonly model?: Model;
  /** How the model's file has its images. */
  readonly layout?: ImageLayout;
  /** The graph as it stands in the model's file: what weights from another file are for. */
  readonly fileGraph?: Graph;
  readonly weights?: StateDict;
  /** What they say of inputs and outputs; the weights' word counts before the model's. */
  readonly metadata: ModelMetadata;
  /** The file that was named last, for messages. */
  readonly file?: string;
}

/** Whether a model's name is that of a file and not of the zoo. */
export function isModelPath(name: string): boolean {
  return /[/\\]|\.(onnx|safetensors|pth?|th)$/i.test(name);
}

/** Whether a recipe's network comes with weights: then it needs no training before it is a baseline. */
export function isTrained({ model, weights }: Pick<NetworkOptions, "model" | "weights">): boolean {
  return weights !== undefined || isModelPath(model.name);
}

/** Throws UserError where a file is missing, damaged, or of a kind that isn't read. */
export async function readGiven(
  { model: { name, ...options }, weights }: NetworkOptions,
  store: Store,
): Promise<Given> {
  const { output, inputs, ...ofZoo } = options;
  let given: Given = { metadata: {} };
  if (isModelPath(name)) {
    const option = Object.keys(ofZoo).find((key) => ofZoo[key as keyof typeof ofZoo] !== undefined);
    if (option) throw new UserError(`model.${option} is for networks of the zoo, ${name} is as it is: leave it out`);
    given = await readModelFile(await bytesOf(name, store), name, store, { output, inputs });
  } else if (output !== undefined || inputs !== undefined) {
    throw new UserError(
      `model.${
        output === undefined ? "inputs" : "output"
      } is for networks from files, ${name} is one of the zoo: leave it out`,
    );
  }
  if (weights === undefined) return given;
  const bytes = await bytesOf(weights, store);
  const external = isOnnx(bytes) ? await readExternal(bytes, weights, store) : undefined;
  const { tensors, metadata } = readWeights(bytes, weights, external);
  return { ...given, weights: tensors, metadata: { ...given.metadata, ...defined(metadata) }, file: weights };
}

/** What data must be made into for the network: the recipe's word counts before the files'. */
export function inputOptions({ preprocess }: NetworkOptions, { model, metadata }: Given): InputOptions {
  const shape = model?.graph.inputs[0].shape;
  const [height, width] = shape?.length === 4 ? shape.slice(2) as number[] : metadata.size ?? [];
  return {
    mean: preprocess?.mean ?? metadata.mean,
    std: preprocess?.std ?? metadata.std,
    size: preprocess?.size ?? (height === width ? height : undefined),
    ...preprocess?.size === undefined && { sizeFrom: "network" },
    ...shape?.length === 4 ? { channels: shape[1] as number } : {},
  };
}

/**
 * The network, made to fit `data`. Untrained ones are initialised with `seed`.
 * @throws UserError where network and data don't fit: image size, channels, number or order of classes, weights
 */
export function startModel(
  given: Given,
  { model: { name, ...options } }: NetworkOptions,
  data: Data,
  seed: number,
): Model {
  requireSameOrder(given, data);
  if (given.model && !given.weights) return requireFit(given.model, name, data);
  const { graph } = given.model ? requireFit(given.model, name, data) : { graph: zooGraph(name, options, data) };
  if (!given.weights) return { graph, params: initialise(graph, seed) };
  requireOutputs(graph, given, data);
  const own = given.fileGraph ?? graph;
  return channelsFirst({ graph: own, params: loadWeights(own, given.weights, given.file!) }).model;
}

/**
 * Images without labels as data of as many classes as the network has outputs, called as the network's files call them: nobody looks
 * at a class.
 *
 * @throws UserError where nothing tells how many outputs it has
 */
export function withOutputsOf(given: Given, { model: { name, ...options } }: NetworkOptions, data: Splits): Splits {
  const classes = given.model ? outputsOf(given.model.graph) : options.classes ?? zooOutputs(given, name, data);
  if (classes === undefined) {
    throw new UserError(
      `model "${name}": images without labels don't tell how many outputs it has, and its weights don't say it: give ` +
        "model.classes",
    );
  }
  const { metadata: { classes: names } } = given;
  const known = { classes, classNames: names?.length === classes ? names : undefined };
  const [train, validation, test] = [data.train, data.validation, data.test].map((part) => ({ ...part, ...known }));
  return { ...data, ...known, train, validation, test };
}

function outputsOf(graph: Graph): number {
  const [, ...rest] = inferShapes(graph).get(graph.outputs[0])!;
  // Whatever else it is, `startModel` says what was expected.
  return rest.length === 1 ? rest[0] as number : 1;
}

/** By the weights of the zoo's network: as many rows as its last layer has. */
function zooOutputs({ weights }: Given, name: string, { shape: [inChannels, size] }: Splits): number | undefined {
  const sized = modelOptions(name).includes("size") ? { size } : {};
  const { nodes, outputs: [output] } = createModel(name, { classes: 2, inChannels, ...sized });
  const last = nodes.find((node) => node.outputs[0] === output)!;
  return weights?.get(last.inputs[1])?.shape[0];
}

/** What a network's files shall say of its input and its outputs. */
export function metadataOf({ train: { normalization: { mean, std } }, shape, classNames }: Splits): ModelMetadata {
  const [, height, width] = shape;
  return { mean, std, size: [height, width], classes: classNames };
}

/** Says how inputs are prepared and what the outputs mean, since neither shows when it is wrong. */
export function tellStart(ui: Ui, { model: { name }, preprocess }: NetworkOptions, given: Given, data: Dataset): void {
  const { model, metadata, file } = given;
  const softmax = model && lastSoftmax(model.graph);
  if (softmax !== undefined) {
    ui.warn(
      `${name} ends in a Softmax ("${softmax}"), where the loss takes logits: accuracy is right, but the loss isn't its ` +
        "cross-entropy, and it trains badly; export it without its last Softmax",
    );
  }
  const { normalization: { mean, std }, classNames } = data;
  const numbers = (values: readonly number[]) => values.map((value) => Number(value.toFixed(4))).join(", ");
  const inputs = `mean ${numbers(mean)}, std ${numbers(std)} of pixels in 0…1`;
  if ((preprocess?.mean ?? metadata.mean) && (preprocess?.std ?? metadata.std)) ui.note(`inputs: ${inputs}`);
  else {ui.warn(
      `nothing says how the inputs of ${file} were normalised: the data's own ${inputs} are taken; give its mean and std`,
    );}
  if (classNames && !metadata.classes) {
    ui.note(`${file} doesn't name its classes: output 0 is taken for ${classNames[0]}, and so on${named(data)}`);
  }
}

type Data = Pick<Dataset, "name" | "classes" | "classNames" | "shape">;

async function bytesOf(file: string, store: Store): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await store.read(file);
  if (!bytes) throw new UserError(`${file}: no such file: paths in a recipe are relative to its own folder`);
  return bytes;
}

async function readModelFile(
  bytes: Uint8Array<ArrayBuffer>,
  file: string,
  store: Store,
  part: Pick<ModelChoice, "output" | "inputs">,
): Promise<Given> {
  const bare = () =>
    new UserError(
      `${file}: holds weights and no graph: name its network as model (resnet20 …), and the file as weights`,
    );
  if (isArchive(bytes) || isPickle(bytes)) throw bare();
  if (!isSafetensors(bytes)) {
    const texts = Object.fromEntries(readOnnx(bytes, file).properties.map(({ key, value }) => [key, value]));
    const external = await readExternal(bytes, file, store);
    const read = loadOnnx(bytes, file, external, await onnxPart(part, store));
    const layout = imagesLast(read.graph) ? "nhwc" : "nchw";
    const metadata = parseMetadata(texts, file);
    return { model: channelsFirst(read).model, layout, fileGraph: read.graph, metadata, file };
  }
  const { metadata } = readSafetensors(bytes, file);
  if (!holdsGraph(metadata)) throw bare();
  if (part.output !== undefined || part.inputs !== undefined) {
    throw new UserError(`${file}: one of several outputs, and constant inputs, are chosen of .onnx files only`);
  }
  return { ...await parseModel(bytes, file), file };
}

async function onnxPart(
  { output, inputs = {} }: Pick<ModelChoice, "output" | "inputs">,
  store: Store,
): Promise<OnnxPart> {
  const constants = new Map<string, NpyArray>();
  for (const [name, file] of Object.entries(inputs)) constants.set(name, readNpy(await bytesOf(file, store), file));
  return { constants, ...output === undefined ? {} : { outputs: [output] } };
}

function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function zooGraph(model: string, given: Omit<ModelChoice, "name">, data: Data): Graph {
  const { classes, shape: [inChannels, size], name } = data;
  if (given.classes !== undefined && given.classes < classes) {
    throw new UserError(
      `model.classes is ${given.classes}, data set "${name}" has ${classes} classes: leave it out, or give at least as many`,
    );
  }
  const sized = modelOptions(model).includes("size") ? { size } : {};
  const graph = createModel(model, { classes, inChannels, ...sized, ...given });
  const [, , height] = graph.inputs[0].shape;
  if (height !== size) {
    throw new UserError(
      `model "${model}" takes ${height}×${height} images, data set "${name}" has ${size}×${size}: choose another pair`,
    );
  }
  return graph;
}

/** A graph from a file is as it is: its input must be an image of the data's shape, its output a row of scores. */
function requireFit(model: Model, file: string, data: Data): Model {
  const { inputs, outputs } = model.graph;
  const [input] = inputs;
  if (inputs.length !== 1 || outputs.length !== 1) {
    const names = (of: readonly string[]) => of.map((name) => `"${name}"`).join(", ");
    throw new UserError(
      `${file}: has ${inputs.length} inputs (${names(inputs.map(({ name }) => name))}) and ${outputs.length} outputs ` +
        `(${
          names(outputs)
        }), expected one of each: images, and a score for each class; choose an output by --output NAME ` +
        "(model.output), and give inputs that are always the same by --input NAME=FILE.npy (model.inputs)",
    );
  }
  if (input.shape.slice(1).join() !== data.shape.join()) {
    throw new UserError(
      `${file}: takes images of ${input.shape.slice(1).join("×")}, data set "${data.name}" has ${
        data.shape.join("×")
      }: ` +
        `choose another pair`,
    );
  }
  const shape = inferShapes(model.graph).get(outputs[0])!;
  if (shape.length !== 2 || shape[1] !== data.classes) {
    throw new UserError(
      `${file}: its output is [${
        shape.join(", ")
      }], expected [N, ${data.classes}]: a score for each class of data set ` +
        `"${data.name}"${named(data)}`,
    );
  }
  return model;
}

/** A clearer word than two shapes where weights are for another number of classes. */
function requireOutputs(graph: Graph, { weights, file }: Given, data: Data): void {
  const last = graph.nodes.find(({ outputs }) => outputs[0] === graph.outputs[0]);
  const found = last && weights!.get(last.inputs[1])?.shape[0];
  const expected = last && graph.params[last.inputs[1]]?.shape[0];
  if (found === undefined || expected === undefined || found === expected) return;
  throw new UserError(
    `${file}: has ${found} outputs, expected ${expected}: one for each class of data set "${data.name}"${named(data)}`,
  );
}

function named({ classNames }: Data): string {
  return classNames ? ` (${classNames.slice(0, 20).join(", ")}${classNames.length > 20 ? ", …" : ""})` : "";
}

/** Where both sides name their classes, a label must mean the same on both. */
function requireSameOrder({ metadata, file }: Given, { name, classNames }: Data): void {
  if (!metadata.classes || !classNames) return;
  const at = classNames.findIndex((className, i) => className !== metadata.classes![i]);
  if (at < 0 && metadata.classes.length === classNames.length) return;
  throw new UserError(
    `${file}: output ${Math.max(0, at)} is "${metadata.classes[Math.max(0, at)]}", class ${
      Math.max(0, at)
    } of data set ` +
      `"${name}" is "${classNames[Math.max(0, at)]}": name the folders as the model's classes, or choose another pair`,
  );
}
