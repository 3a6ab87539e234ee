/**
 * Answers the page's calls; nothing is timed while something else computes. What isn't needed for a first number (reading
 * files, latency tables, shrinking, training) is fetched when it is asked for.
 */
import { UserError } from "../../errors.ts";
import type { TableProgress } from "../../measure/latency/build.ts";
import { deviceInfo } from "../../measure/session/device.ts";
import { measureSession } from "../../measure/session/session.ts";
import { createVisibility } from "../../measure/session/visibility.ts";
import type { Store } from "../../store/types.ts";
import { answerCalls } from "../answers.ts";
import type { FromWorker, ToWorker } from "../messages.ts";
import { createCatalogue, forSession, once } from "./catalogue.ts";
import { createClassifier } from "./classify.ts";
import { decodeInBrowser } from "./decode_image.ts";
import { createDevice } from "./device.ts";
import { fetched } from "./late_code.ts";
import { createServer } from "./server.ts";
import { shrinkHandlers } from "./shrink.ts";
import { createTraining } from "./train.ts";
import { createTurns } from "./turns.ts";

export interface EngineOptions {
  /** Where the page lies: models/, data/ and api/ are beside it. */
  readonly base: URL;
  readonly token: string | undefined;
  readonly store: Store;
  /** "secateur 0.1.0". */
  readonly tool: string;
  readonly post: (message: FromWorker) => void;
}

/** Takes what the page posts. */
export function createEngine({ base, token, store, tool, post }: EngineOptions): (message: ToWorker) => void {
  const device = createDevice();
  const visibility = createVisibility();
  const server = createServer(base, token);
  const catalogue = createCatalogue(base, server);
  const training = createTraining({ base, store, tool, open: device.open });
  const classify = createClassifier(base, device);
  const turns = createTurns();
  const openShrinker = once(async () => {
    const { createShrinker } = await fetched(import("../shrink/shrinker.ts"));
    return createShrinker(device, decodeInBrowser);
  });

  return answerCalls(
    {
      networks: () => catalogue.list(),
      addFile: ({ request: { name, bytes } }) =>
        turns.short(async () => {
          const { fileNetwork } = await fetched(import("./file.ts"));
          const network = await fileNetwork(name, bytes);
          catalogue.add(network);
          return network.entry;
        }),
      servedFile: async ({ request: { name } }) => ({ bytes: await server.networkFile(name) }),
      measure: ({ request, signal, tell }) =>
        turns.timing(async () => {
          device.close();
          const { networks: ids, batches, mode, seconds, detail, f16 } = request;
          const networks = await catalogue.networks(ids);
          return await measureSession({
            networks: forSession(networks),
            protocol: { mode, seconds, batches, ...f16 && { storage: "f16" as const } },
            detail: detail ? "full" : "rows",
            visibility,
            signal,
            onEvent(event) {
              if (event.kind === "self-test") device.know(event.selfTest);
              tell(event);
            },
          });
        }),
      // Asked of the other worker, where there is no WebGPU.
      chooseBackend: () => Promise.resolve({ refused: [] }),
      classify: ({ request: { pixels } }) => turns.short(() => classify(pixels, turns.quiet)),
      train: ({ request: { resume }, signal, tell }) =>
        turns.long(() => training.run({ resume, signal, onEvent: tell })),
      trainState: () => training.state(),
      trainFile: async ({ request: { name } }) => ({ bytes: await training.file(name) }),
      ...shrinkHandlers(openShrinker, catalogue, turns),
      buildTable: ({ request: { network, batch }, signal, tell }) =>
        turns.timing(async () => {
          signal.throwIfAborted();
          const [{ entry, models }] = await catalogue.networks([network]);
          const model = await (models.dense ?? models.pruned)!();
          const onProgress = (progress: TableProgress) => tell({ kind: "progress", ...progress });
          const [{ buildLatencyTable }, { formedNetworks }] = await fetched(Promise.all([
            import("../../measure/latency/build.ts"),
            import("../../depth/forms/form_cost.ts"),
          ]));
          const also = formedNetworks(model.graph);
          return await device.use((gpu) => {
            tell({ kind: "device", device: deviceInfo(gpu) });
            return buildLatencyTable(gpu, model, { name: entry.id, batch, also, signal, onProgress });
          });
        }),
      workOffer: () => server.workOffer(),
      work: ({ request: { name }, signal, tell }) =>
        turns.timing(async () => {
          if (token === undefined) {
            throw new UserError("this page has no server to work for: open the link that it printed");
          }
          const { workForSweep } = await fetched(import("./phone_work.ts"));
          device.close();
          return await workForSweep({ base, token, name, open: device.open, visibility, signal, tell });
        }),
    },
    visibility,
    post,
  );
}
