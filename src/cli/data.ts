import { loadDataset } from "../data/deno.ts";
import type { Splits } from "../data/types.ts";
import type { DataRequest } from "../recipe/schema.ts";
import type { StageUi, Ui } from "../recipe/ui.ts";

/** Finds a recipe's data set; a progress bar shows downloads and the decoding of images. */
export function dataLoader(dataDir: string | undefined): (options: DataRequest, ui: Ui) => Promise<Splits> {
  return async ({ name, ...options }, ui) => {
    const decoding = decodingStage(ui);
    let progress: { readonly url: string; readonly stage: StageUi } | undefined;
    try {
      return await loadDataset(name, {
        ...options,
        dataDir,
        onNote: (text) => ui.note(text),
        onImages: decoding.update,
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
      decoding.done();
    }
  };
}

/** A bar that begins with the first image; how many there are isn't known before the end of an archive. */
function decodingStage(ui: Ui): { update(images: number): void; done(): void } {
  let stage: StageUi | undefined;
  let count = 0;
  return {
    update(images) {
      stage ??= ui.stage("decode", 0);
      stage.update(count = images, { text: `${images} images` });
    },
    done: () => stage?.done(`${count} images`),
  };
}
