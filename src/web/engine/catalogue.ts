/**
 * The networks that can be timed here: trained digits, networks of the zoo with seeded weights (weights decide nothing
 * about time), files and runs that the server has, and files that were dropped on the page.
 */
import { UserError } from "../../errors.ts";
import { parseModel } from "../../formats/model_file.ts";
import { graphCost } from "../../graph/cost.ts";
import { initialise } from "../../graph/initialise.ts";
import type { Model } from "../../graph/types.ts";
import type { SessionNetwork } from "../../measure/session/session.ts";
import type { Variant } from "../../measure/session/types.ts";
import { createModel } from "../../models/zoo.ts";
import { pruneFilters, zooModel } from "../../prune/methods/uniform.ts";
import type { ListedNetwork } from "../../report/listed_network.ts";
import type { ListedRun } from "../../report/listed_run.ts";
import type { NetworkEntry } from "../messages.ts";
import { fetched } from "./late_code.ts";
import { fetchBytes, type Server } from "./server.ts";

/** A network in one or two forms, each made when it is asked for. */
export interface Network {
  readonly entry: NetworkEntry;
  readonly models: Readonly<Partial<Record<Variant, () => Promise<Model>>>>;
}

export interface Catalogue {
  list(): Promise<readonly NetworkEntry[]>;
  /** Throws UserError for an id that isn't listed. */
  networks(ids: readonly string[]): Promise<Network[]>;
  /** Takes the place of one of the same id. */
  add(network: Network): void;
  remove(id: string): void;
}

/** Of the zoo, by size: title and what its images are. */
const ZOO: readonly (readonly [name: string, title: string])[] = [
  ["lenet5", "LeNet-5"],
  ["resnet20", "ResNet-20"],
  ["resnet56", "ResNet-56"],
  ["mobilenetv2-cifar", "MobileNetV2, 32×32"],
  ["mobilenetv2", "MobileNetV2, 224×224"],
];

/** Networks of the zoo that come once more with a linear layer for each block, beside the form without filters. */
const LINEAR: readonly string[] = ["resnet20", "mobilenetv2-cifar", "mobilenetv2"];

export function createCatalogue(base: URL, server: Server): Catalogue {
  const added = new Map<string, Network>();
  const zoo = ZOO.flatMap(([name, title]) =>
    LINEAR.includes(name) ? [ofZoo(name, title), linear(name, title)] : [ofZoo(name, title)]
  );
  const bundled = once(async () => [await digits(base), ...zoo]);
  const all = async () => {
    const [served, runs] = await Promise.all([server.networks(), server.runs()]);
    return [
      ...served.map((network) => ofServed(network, server)),
      ...await bundled(),
      ...runs.map((run) => ofRun(run, server)),
      ...added.values(),
    ];
  };
  return {
    list: async () => (await all()).map(({ entry }) => entry),
    async networks(ids) {
      const known = new Map((await all()).map((network) => [network.entry.id, network]));
      return ids.map((id) => {
        const found = known.get(id);
        if (!found) throw new UserError(`no network is called "${id}" here: there are ${[...known.keys()].join(", ")}`);
        return found;
      });
    },
    add: (network) => void added.set(network.entry.id, network),
    remove: (id) => void added.delete(id),
  };
}

/** What a timing session takes: rows are called by the titles, with the ids where two networks have the same one. */
export function forSession(networks: readonly Network[]): SessionNetwork[] {
  return networks.flatMap(({ entry: { id, title, accuracy }, models }) => {
    const alone = networks.every(({ entry }) => entry.id === id || entry.title !== title);
    return (["dense", "pruned"] as const).flatMap((variant) => {
      const model = models[variant];
      return model
        ? [{ network: alone ? title : `${title} (${id})`, variant, accuracy: accuracy?.[variant], model }]
        : [];
    });
  });
}

/** The trained digits network and its pruned form: also those that classify what is drawn. */
export async function digits(base: URL): Promise<Network> {
  const read = (name: string) => once(async () => (await trained(base, name)).model);
  const models = { dense: read("digits-dense"), pruned: read("digits") };
  const bytes = await fetchBytes(new URL("models/digits.json", base));
  const accuracy: NetworkEntry["accuracy"] = JSON.parse(new TextDecoder().decode(bytes));
  return { entry: await entryOf("digits", "Digits", "bundled", models, accuracy), models };
}

/** A file under models/, with what it says of its input. */
export async function trained(base: URL, name: string): ReturnType<typeof parseModel> {
  const url = new URL(`models/${name}.safetensors`, base);
  return await parseModel(await fetchBytes(url), url.pathname);
}

function ofZoo(name: string, title: string): Network {
  const graph = createModel(name);
  const dense = once(() => Promise.resolve(zooModel(name)));
  const pruned = once(async () => pruneFilters(await dense()));
  const { params, macs } = graphCost(graph);
  const [, channels, height, width] = graph.inputs[0].shape as [string, number, number, number];
  return {
    entry: {
      id: name,
      title,
      source: "bundled",
      // How small the pruned form is shows when it is made: that takes seconds for the large ones.
      variants: [{ variant: "dense", params, macs }],
      input: [channels, height, width],
    },
    models: { dense, pruned },
  };
}

/** The other way to make it smaller: one linear layer for each block. */
function linear(name: string, title: string): Network {
  const { entry, models } = ofZoo(name, title);
  const pruned = once(async () => {
    const { seededLinear } = await fetched(import("../../depth/linearize/seeded_layers.ts"));
    return seededLinear(createModel(name), 1);
  });
  return {
    entry: { ...entry, id: `${name}:linear`, title: `${title}, a linear layer for each block` },
    models: { dense: models.dense, pruned },
  };
}

/** A finished run: its result, and the network that it began with. Its weights aren't kept, and time doesn't need them. */
function ofRun(run: ListedRun, server: Server): Network {
  const file = once(async () => parseModel(await server.runFile(run.name, "model.safetensors"), run.name));
  return {
    entry: {
      id: `run:${run.name}`,
      title: run.name,
      source: "run",
      variants: [{ variant: "dense", ...run.dense }, { variant: "pruned", ...run.pruned }],
      input: run.input,
      accuracy: run.accuracy,
    },
    models: {
      dense: async () => {
        const { dense } = await file();
        return { graph: dense, params: initialise(dense, 1) };
      },
      pruned: async () => (await file()).model,
    },
  };
}

/** A file that `serve` was told to offer, and what is left of it at half its multiply-adds. */
function ofServed({ name, params, macs, input }: ListedNetwork, server: Server): Network {
  const dense = once(async () => {
    const { onnxFile } = await fetched(import("../../formats/onnx/image_network.ts"));
    return onnxFile(name, await server.networkFile(name)).model;
  });
  const pruned = once(async () => pruneFilters(await dense()));
  return {
    entry: {
      id: `served:${name}`,
      title: name,
      source: "served",
      variants: [{ variant: "dense", params, macs }],
      input,
    },
    models: { dense, pruned },
  };
}

export async function entryOf(
  id: string,
  title: string,
  source: NetworkEntry["source"],
  models: Network["models"],
  accuracy?: NetworkEntry["accuracy"],
): Promise<NetworkEntry> {
  const variants: NetworkEntry["variants"][number][] = [];
  let input: NetworkEntry["input"] = [0, 0, 0];
  for (const variant of ["dense", "pruned"] as const) {
    const model = await models[variant]?.();
    if (!model) continue;
    const { params, macs } = graphCost(model.graph);
    variants.push({ variant, params, macs });
    const [, channels, height, width] = model.graph.inputs[0].shape as [string, number, number, number];
    input = [channels, height, width];
  }
  return { id, title, source, variants, input, accuracy };
}

/** Made at the first call; a failure is forgotten, so that the next call tries again. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () =>
    made ??= make().catch((error) => {
      made = undefined;
      throw error;
    });
}
