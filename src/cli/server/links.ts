/** Symbolic links: a run's folder may hold one to anywhere, and the network shall not follow it there. */
import { normalisePath } from "../../store/path.ts";
import type { Store } from "../../store/types.ts";

/** The store, whose reading ends at the folder's edge: links that lead out of it are as if they weren't there. */
export function withoutLinksOut(store: Store, folder: string): Store {
  return {
    ...store,
    read: async (path) => await staysIn(normalisePath(folder) || ".", path) ? await store.read(path) : undefined,
  };
}

/** Also true for what isn't there. */
async function staysIn(folder: string, path: string): Promise<boolean> {
  try {
    const [edge, target] = await Promise.all([Deno.realPath(folder), Deno.realPath(path)]);
    return target.startsWith(edge) && /^[\\/]/.test(target.slice(edge.replace(/[\\/]$/, "").length));
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}
