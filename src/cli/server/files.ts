/** The page's own files: compressed once, and not sent again to whoever has them. */
import { contentType, type PageFiles } from "../page/bundle.ts";
import { headersOf } from "./headers.ts";

interface Ready {
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly gzipped: Uint8Array<ArrayBuffer>;
  readonly tag: string;
}

/** Undefined where there is no such file. */
export function createFiles(files: PageFiles): (path: string, request: Request) => Promise<Response | undefined> {
  const ready = new Map<string, Promise<Ready>>();
  return async (path, request) => {
    const bytes = files.get(path);
    if (!bytes) return undefined;
    if (!ready.has(path)) ready.set(path, prepare(bytes));
    const { plain, gzipped, tag } = await ready.get(path)!;
    const headers: Record<string, string> = {
      ...headersOf(path),
      etag: tag,
      // Chunks bear a hash in their names; the others are asked for again.
      "cache-control": /\/chunk-/.test(path) ? "max-age=31536000, immutable" : "no-cache",
      vary: "accept-encoding",
    };
    if (request.headers.get("if-none-match") === tag) return new Response(null, { status: 304, headers });
    const zip = /\bgzip\b/.test(request.headers.get("accept-encoding") ?? "") && gzipped.length < plain.length;
    headers["content-type"] = contentType(path);
    if (zip) headers["content-encoding"] = "gzip";
    return new Response(request.method === "HEAD" ? null : zip ? gzipped : plain, { headers });
  };
}

async function prepare(plain: Uint8Array<ArrayBuffer>): Promise<Ready> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", plain));
  return { plain, gzipped: await gzip(plain), tag: `"${hash.slice(0, 12).toHex()}"` };
}

export async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
