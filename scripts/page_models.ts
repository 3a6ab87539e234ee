/**
 * Makes the networks that come with the phone page out of a finished run of the recipe `digits`:
 *
 *     deno task prune digits --out runs/digits && deno run -A scripts/page_models.ts runs/digits
 *
 * The dense network's weights are in the run's checkpoint only.
 */
import { formatMetadata } from "../src/formats/metadata.ts";
import { loadCheckpoint } from "../src/formats/checkpoint.ts";
import type { Graph, HostTensor, Model } from "../src/graph/types.ts";
import { identityMap } from "../src/graph/indexmap.ts";
import { readModel, writeModel } from "../src/formats/model_file.ts";
import { accuracyOf } from "../src/report/build.ts";
import { parseReport } from "../src/report/validate.ts";
import { denoStore } from "../src/store/deno.ts";

const [run] = Deno.args;
if (!run) {
  console.error("usage: deno run -A scripts/page_models.ts <folder of a finished run of the recipe digits>");
  Deno.exit(2);
}
const store = denoStore();
const folder = new URL("../src/web/models", import.meta.url).pathname;
const { model, dense, origin, metadata } = await readModel(store, run);
const checkpoint = await loadCheckpoint<Record<string, unknown>>(store, `${run}/checkpoint.safetensors`);
if (!checkpoint) throw new Error(`${run} has no checkpoint`);
const params = new Map<string, HostTensor>();
for (const [name, { shape, data }] of checkpoint.tensors) {
  if (name.startsWith("dense/")) {
    params.set(name.slice("dense/".length), { shape, data: data as Float32Array<ArrayBuffer> });
  }
}
const whole: Model = { graph: checkpoint.state.denseGraph as Graph, params };
await keep("digits", model, { dense, origin });
await keep("digits-dense", whole, { dense: whole.graph, origin: identityMap(whole.graph) });
const report = parseReport(JSON.parse(await Deno.readTextFile(`${run}/report.json`)), `${run}/report.json`);
const accuracy = { dense: accuracyOf(report.baseline).test, pruned: accuracyOf(report.final).test };
await Deno.writeTextFile(`${folder}/digits.json`, JSON.stringify(accuracy) + "\n");
console.log(formatMetadata(metadata), accuracy);

async function keep(
  name: string,
  model: Model,
  at: { dense: Graph; origin: Awaited<ReturnType<typeof readModel>>["origin"] },
) {
  await writeModel(store, `${folder}/.new`, { model, dense: { graph: at.dense }, origin: at.origin }, metadata);
  await Deno.rename(`${folder}/.new/model.safetensors`, `${folder}/${name}.safetensors`);
  await Deno.remove(`${folder}/.new`);
}
