import { Command } from "commander";
import { UserError } from "../errors.ts";
import { count } from "../report/format.ts";
import { joinPath, normalisePath } from "../store/path.ts";
import { examples } from "./examples.ts";
import type { Io } from "./io.ts";
import type { PageFiles } from "./page/bundle.ts";
import { META_POLICY } from "./server/headers.ts";

/** Something that can be built. */
interface Product {
  /** What it is called in messages: "the page's". */
  readonly owner: string;
  /** Folder where no other is named. */
  readonly out: string;
  /** Its presence marks a folder as one that a build has written. */
  readonly mark: string;
  /** What a build before may have written, below its folder. */
  readonly own: RegExp;
  /** Path in the folder -> content. */
  files(io: Io): Promise<PageFiles>;
  /** The file that is named when all is written. */
  result(files: PageFiles): string;
}

const PAGE: Product = {
  owner: "the page's",
  out: "dist",
  mark: "app/main.js",
  own: /^(app|models|data)\//,
  async files(io) {
    const files = await (await io.serving()).bundle(`secateur ${io.version()}`);
    return new Map([...files].map(([path, bytes]) => [path, path === "index.html" ? withPolicy(bytes) : bytes]));
  },
  result: () => "index.html",
};

const LIBRARY: Product = {
  owner: "the package's",
  out: "dist-npm",
  mark: "secateur/package.json",
  own: /^secateur(\/|-[^/]*\.tgz$)/,
  files: async (io) => await (await io.serving()).packLibrary(),
  result: (files) => [...files.keys()].find((path) => path.endsWith(".tgz"))!,
};

export function buildCommand(io: Io): Command {
  return new Command("build")
    .description(
      "write the phone page as static files, for any web server (docs/phone.md says which headers it wants), or with --lib " +
        "the library as a package for npm",
    )
    .option("--lib", "write the library as a package for npm instead: its folder, and the packed file")
    .option(
      "--out <dir>",
      `folder of the files; one that holds other files is refused (default: ${PAGE.out}, or ${LIBRARY.out})`,
    )
    .addHelpText("after", examples("build --out site"))
    .action(async (options: { lib?: true; out?: string }) => {
      const product = options.lib ? LIBRARY : PAGE;
      const out = normalisePath(options.out ?? product.out);
      const { store } = io;
      const before = await store.list(out);
      if (before.length > 0 && !before.includes(joinPath(out, product.mark))) {
        throw new UserError(
          `${options.out ?? product.out} holds other files than ${product.owner}: name a new folder with --out`,
        );
      }
      const files = await product.files(io);
      // What else was put beside them, such as a host's own settings, stays.
      for (const file of before) if (product.own.test(file.slice(joinPath(out, "").length))) await store.remove(file);
      for (const [path, bytes] of files) await store.write(joinPath(out, path), bytes);
      const size = [...files.values()].reduce((sum, bytes) => sum + bytes.length, 0);
      io.out(`${files.size} files, ${count(size)} bytes: ${joinPath(out, product.result(files))}`);
    });
}

/** The page's policy inside the page, for hosts that send none. */
function withPolicy(page: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const html = new TextDecoder().decode(page);
  return new TextEncoder().encode(
    html.replace("<head>", `<head>\n    <meta http-equiv="Content-Security-Policy" content="${META_POLICY}" />`),
  );
}
