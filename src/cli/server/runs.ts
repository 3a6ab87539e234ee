/** Finished runs that pages may time: listed from their reports, and read file by file, never outside of their folder. */
import { UserError } from "../../errors.ts";
import { parseModel } from "../../formats/model_file.ts";
import { graphCost } from "../../graph/cost.ts";
import type { ListedRun } from "../../report/listed_run.ts";
import { parseReport } from "../../report/validate.ts";
import { joinPath } from "../../store/path.ts";
import type { Store } from "../../store/types.ts";
import { Refusal } from "./refusal.ts";

/** What a page may ask of a run. */
const RUN_FILES: readonly string[] = ["model.safetensors", "model.onnx", "report.json", "recipe.yaml"];

/** Of a folder below the runs' folder: one name, no path. */
const RUN_NAME = /^[A-Za-z0-9_][\w.-]*$/;

/** Folders with a whole report and network; what isn't one, or is behind a link that leads out, is passed over. */
export async function listRuns(store: Store, runs: string): Promise<ListedRun[]> {
  const names = new Set<string>();
  for (const path of await store.list(runs)) {
    const [name, file, deeper] = path.slice(runs.length).replace(/^\//, "").split("/");
    if (file === "report.json" && deeper === undefined && RUN_NAME.test(name)) names.add(name);
  }
  const found: ListedRun[] = [];
  for (const name of names) {
    try {
      const file = joinPath(joinPath(runs, name), "report.json");
      const { baseline, final } = parseReport(
        JSON.parse(new TextDecoder().decode(await store.read(file, { within: runs }) ?? new Uint8Array())),
        file,
      );
      const bytes = await store.read(joinPath(joinPath(runs, name), "model.safetensors"), { within: runs });
      if (!bytes) continue;
      const { dense } = await parseModel(bytes, name);
      const [, channels, height, width] = dense.inputs[0].shape as [string, number, number, number];
      const { params, macs } = graphCost(dense);
      found.push({
        name,
        dense: { params, macs },
        pruned: { params: final.params, macs: final.macs },
        input: [channels, height, width],
        ...baseline.accuracy && final.accuracy &&
          { accuracy: { dense: baseline.accuracy.test, pruned: final.accuracy.test } },
      });
    } catch (error) {
      if (!(error instanceof UserError) && !(error instanceof SyntaxError)) throw error;
    }
  }
  return found;
}

/** @throws Refusal for a name that isn't one of a run, or a file that pages may not have */
export async function readRunFile(
  store: Store,
  runs: string,
  name: string,
  file: string,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!RUN_NAME.test(name) || !RUN_FILES.includes(file)) {
    throw new Refusal(404, `no run has that file: expected api/runs/<run>/ and one of ${RUN_FILES.join(", ")}`);
  }
  const bytes = await store.read(joinPath(joinPath(runs, name), file), { within: runs }).catch((error) => {
    if (error instanceof UserError) return undefined;
    throw error;
  });
  if (!bytes) throw new Refusal(404, `run "${name}" has no ${file}`);
  return bytes;
}
