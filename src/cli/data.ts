import { loadDataset } from "../data/deno.ts";
import type { Splits } from "../data/types.ts";
import type { DataOptions } from "../recipe/schema.ts";
import type { StageUi, Ui } from "../recipe/ui.ts";

/** Finds a recipe's data set, downloading it with a progress bar where it isn't on this machine. */
export function dataLoader(dataDir: string | undefined): (options: DataOptions, ui: Ui) => Promise<Splits> {
  return async ({ name, validation, limit }, ui) => {
    let progress: { readonly url: string; readonly stage: StageUi } | undefined;
    try {
      return await loadDataset(name, {
        dataDir,
        validation,
        limit,
        onProgress({ url, receivedBytes, totalBytes }) {
          if (progress?.url !== url) {
            progress?.stage.done();
            progress = { url, stage: ui.stage(`download ${url.slice(url.lastIndexOf("/") + 1)}`, totalBytes ?? 0) };
          }
          progress.stage.update(receivedBytes, {});
        },
      });
    } finally {
      progress?.stage.done();
    }
  };
}
