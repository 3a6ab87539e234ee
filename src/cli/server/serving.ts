/** What `serve` and `build` need beside files: loaded by these two only. */
import { renderUnicodeCompact } from "uqr";
import { cacheDir } from "../../data/deno.ts";
import { joinPath } from "../../store/path.ts";
import { bundlePage } from "../page/bundle.ts";
import type { Serving } from "../io.ts";
import { lanAddresses, listen } from "./listen.ts";

export function systemServing(): Serving {
  return {
    bundle: bundlePage,
    listen,
    lanAddresses,
    folder: () => joinPath(cacheDir(), "server"),
    // Terminals are dark more often than not: light modules on them are what cameras want inverted.
    qr: (text) => renderUnicodeCompact(text, { border: 2 }),
  };
}
