/** What `serve` and `build` need beside files: loaded by these two only. */
import { renderUnicodeCompact } from "uqr";
import { packLibrary } from "../npm/package.ts";
import { bundlePage } from "../page/bundle.ts";
import { installPagePackages } from "../page/install_packages.ts";
import type { Serving } from "../io.ts";
import { lanAddresses, listen } from "./listen.ts";
import { serverFolder } from "./server_folder.ts";

export function systemServing(): Serving {
  return {
    async bundle(tool) {
      await installPagePackages();
      return await bundlePage(tool);
    },
    packLibrary,
    listen,
    lanAddresses,
    folder: serverFolder,
    // Blocks are the light modules: right on a dark terminal, as most are, and inverted on a light one.
    qr: (text) => renderUnicodeCompact(text, { border: 2 }),
  };
}
