/** What `serve` and `build` need beside files: loaded by these two only. */
import { renderUnicodeCompact } from "uqr";
import { cacheDir } from "../../data/deno.ts";
import { joinPath } from "../../store/path.ts";
import { packLibrary } from "../npm/package.ts";
import { bundlePage } from "../page/bundle.ts";
import type { Serving } from "../io.ts";
import { lanAddresses, listen } from "./listen.ts";

export function systemServing(): Serving {
  return {
    bundle: bundlePage,
    packLibrary,
    listen,
    lanAddresses,
    folder: () => privateFolder(joinPath(cacheDir(), "server")),
    // Blocks are the light modules: right on a dark terminal, as most are, and inverted on a light one.
    qr: (text) => renderUnicodeCompact(text, { border: 2 }),
  };
}

/** A key and a token are kept in it: other users of this machine have no business there. */
function privateFolder(path: string): string {
  Deno.mkdirSync(path, { recursive: true });
  if (Deno.build.os !== "windows") Deno.chmodSync(path, 0o700);
  return path;
}
