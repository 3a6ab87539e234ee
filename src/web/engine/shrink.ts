/** The page's calls about the network that becomes smaller, each in its turn. */
import type { Call, Handlers } from "../answers.ts";
import type { CallProgress, Shrinker } from "../shrink/shrinker.ts";
import { type Catalogue, entryOf } from "./catalogue.ts";
import type { Turns } from "./turns.ts";

/** The network that was made and the one it was made of, to the calls that time networks. */
const ID = "shrunk";

type ShrinkCall = "shrinkNetwork" | "shrinkImages" | "shrinkLook" | "shrinkPredict" | "shrinkMake" | "shrinkFile";

export function shrinkHandlers(
  openShrinker: () => Promise<Shrinker>,
  catalogue: Pick<Catalogue, "add" | "remove">,
  turns: Turns,
): Pick<Handlers, ShrinkCall> {
  let title = "";
  return {
    shrinkNetwork: ({ request: { name, bytes } }) =>
      turns.long(async () => {
        catalogue.remove(ID);
        title = name;
        return (await openShrinker()).network(name, bytes);
      }),
    shrinkImages: (call) =>
      turns.long(async () => await (await openShrinker()).images(call.request.files, goingOf(call, "reading images"))),
    shrinkLook: (call) => {
      const { way, pixels } = call.request;
      return turns.long(async () =>
        await (await openShrinker()).look(way, pixels, goingOf(call, "looking at the network"))
      );
    },
    shrinkPredict: ({ request: { way, removed } }) =>
      turns.long(async () => (await openShrinker()).predict(way, removed)),
    shrinkMake: (call) => {
      const { way, removed } = call.request;
      return turns.long(async () => {
        catalogue.remove(ID);
        const shrinker = await openShrinker();
        const made = await shrinker.make(way, removed, goingOf(call, "shrinking"));
        const { dense, pruned } = shrinker.models();
        const models = { dense: () => Promise.resolve(dense), pruned: () => Promise.resolve(pruned) };
        catalogue.add({ entry: await entryOf(ID, title, "file", models), models });
        return { ...made, id: ID };
      });
    },
    shrinkFile: async () => ({ bytes: (await openShrinker()).file() }),
  };
}

function goingOf({ signal, tell }: Pick<Call<ShrinkCall>, "signal" | "tell">, text: string): CallProgress {
  const progress = (done: number, total: number) => tell({ kind: "progress", done, total, text });
  signal.throwIfAborted();
  progress(0, 1);
  return { signal, progress };
}
