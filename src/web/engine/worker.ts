/** The worker that owns the GPU. Its address holds the link's token as the fragment, as the page's own does. */
import { createEngine } from "./engine.ts";
import { indexedDbStore } from "./store.ts";
import { TOOL } from "../tool.ts";

const post = createEngine({
  base: new URL("../", self.location.href),
  token: new URLSearchParams(self.location.hash.slice(1)).get("t") ?? undefined,
  store: indexedDbStore("secateur"),
  tool: TOOL,
  post: (message) => self.postMessage(message),
});
self.addEventListener("message", ({ data }) => post(data));
