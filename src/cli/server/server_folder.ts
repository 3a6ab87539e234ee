/** Where servers keep keys and tokens. */
import { cacheDir } from "../../data/deno.ts";
import { joinPath } from "../../store/path.ts";

/** Other users of this machine have no business there. */
export function serverFolder(): string {
  const path = joinPath(cacheDir(), "server");
  Deno.mkdirSync(path, { recursive: true });
  if (Deno.build.os !== "windows") Deno.chmodSync(path, 0o700);
  return path;
}
