/** Data for the commands: a progress bar shows downloads and the decoding of images. */
import { loadDataset, type LoadOptions, loadPart } from "../data/deno.ts";
import type { PartName } from "../data/images/arrange.ts";
import { openFiles } from "../data/files_deno.ts";
import { decodeImage } from "../data/images/decode.ts";
import { readUnlabelled, type UnlabelledOptions } from "../data/images/unlabelled.ts";
import { parseSource } from "../data/source.ts";
import type { InputOptions } from "../data/input.ts";
import type { Dataset, Splits } from "../data/types.ts";
import type { DataRequest } from "../recipe/schema.ts";
import type { StageUi, Ui } from "../ui.ts";

/** Finds a recipe's data set. */
export function dataLoader(dataDir: string | undefined): (request: DataRequest, ui: Ui) => Promise<Splits> {
  return ({ name, ...options }, ui) =>
    withProgress(ui, (progress) => loadDataset(name, { ...options, ...progress, dataDir }));
}

/** Finds one part of a data set. */
export function partLoader(
  { name, part }: { readonly name: string; readonly part: PartName | "all" | undefined },
  dataDir: string | undefined,
): (input: InputOptions, ui: Ui) => Promise<{ part: PartName | "all"; data: Dataset }> {
  return (input, ui) => withProgress(ui, (progress) => loadPart(name, part, { ...input, ...progress, dataDir }));
}

/** Finds images of any folders, whatever these are called; undefined where the data are no folder or archive of images. */
export function imagesLoader(
  name: string,
): ((wanted: Pick<UnlabelledOptions, "shape" | "most">, ui: Ui) => Promise<Dataset>) | undefined {
  const source = parseSource(name);
  if (source?.kind !== "folder") return undefined;
  return (wanted, ui) =>
    withProgress(ui, async ({ onImages, onNote }) => {
      const files = await openFiles(source.path);
      const read = { ...wanted, least: 2, decode: decodeImage, onImages };
      const { data, notes } = await readUnlabelled(files, read);
      for (const note of notes) onNote!(note);
      return { ...data, name: source.path };
    });
}

async function withProgress<T>(
  ui: Ui,
  load: (progress: Pick<LoadOptions, "onNote" | "onWarning" | "onImages" | "onProgress">) => Promise<T>,
): Promise<T> {
  let download: { readonly url: string; readonly stage: StageUi } | undefined;
  let decoding: StageUi | undefined;
  let images = 0;
  try {
    const loaded = await load({
      onNote: (text) => ui.note(text),
      onWarning: (text) => ui.warn(text),
      onImages(count) {
        // How many there are isn't known before the end of an archive.
        decoding ??= ui.stage("decode", 0);
        images = count;
        decoding.update(0, { text: `${images} images` });
      },
      onProgress({ url, receivedBytes, totalBytes }) {
        if (download?.url !== url) {
          download?.stage.done();
          download = { url, stage: ui.stage(`download ${url.slice(url.lastIndexOf("/") + 1)}`, totalBytes ?? 0) };
        }
        download.stage.update(receivedBytes, {});
      },
    });
    download?.stage.done();
    decoding?.done(`${images} images`);
    return loaded;
  } catch (error) {
    download?.stage.abandon();
    decoding?.abandon();
    throw error;
  }
}
