/** From a finished run's state to report.json and report.html. */
import { UserError } from "../errors.ts";
import { MODEL_FILE, ONNX_FILE } from "../formats/model_file.ts";
import type { Diagnosis } from "../doctor/diagnose.ts";
import { GpuError } from "../gpu/errors.ts";
import { avoidedLine } from "../gpu/known_faults.ts";
import { narrowedNorms } from "../graph/rewrite/narrow_norms.ts";
import { inDenseShape } from "../graph/scatter.ts";
import type { Graph } from "../graph/types.ts";
import { formatRecipe } from "../recipe/load.ts";
import { constraintsOfStage } from "../recipe/registry.ts";
import { achieved } from "../report/achieved.ts";
import { buildReport } from "../report/build.ts";
import { withBlocks } from "../report/depth_blocks.ts";
import { type Detail, detailFromLog } from "../report/detail.ts";
import { layerChanges, layerSuccessors } from "../report/layers.ts";
import { halfFigures } from "../measure/half_figures.ts";
import type { Recipe } from "../recipe/schema.ts";
import { SEARCH_FILE, searchWords } from "../report/device_search.ts";
import { parseDeviceSearch } from "../report/validate.ts";
import type { DeviceSearch, Report, SpentTime } from "../report/types.ts";
import type { RunContext } from "../stages/context.ts";
import type { RunState } from "../stages/run_state.ts";
import { writtenNetworks } from "../stages/restored_norms.ts";
import { classHits } from "../train/class_hits.ts";
import { timeByTable, timedBudget } from "./device_tables.ts";
import { diagnoseRun, type Networks } from "./doctor_run.ts";

export interface Provenance {
  readonly tool: string;
  readonly commit: string;
  readonly command: string;
  /** As the run's options have it. */
  readonly timeFinal?: (graph: Graph) => Promise<number | undefined>;
}

export async function writeReport(
  ctx: RunContext,
  { tool, commit, command, timeFinal }: Provenance,
): Promise<Report> {
  const { state, recipe, gpu, store, dir, data } = ctx;
  const final = state.points[state.points.length - 1];
  if (!state.baseline || !final) {
    throw new UserError(`recipe ${recipe.name}: nothing was trained; begin its stages with one of kind train`);
  }
  const narrowed = [...narrowedNorms(state.dense.graph, state.origin).keys()];
  const measured = buildReport({
    tool,
    commit,
    command,
    seed: recipe.seed,
    network: recipe.model.name,
    data: data.name,
    images: { train: data.train.count, validation: data.validation.count, test: data.test.count },
    ...await classesOf(ctx),
    ...state.warnings ? { warnings: state.warnings } : {},
    ...state.spent ? { spent: spentOf(recipe, state.spent) } : {},
    ...await searchOf(ctx, timeFinal),
    adapter: {
      vendor: gpu.info.vendor,
      description: gpu.info.description,
      fallback: gpu.info.fallback,
      ...gpu.knownFaults.length > 0 && { avoided: avoidedLine(gpu.knownFaults) },
    },
    baseline: state.baseline,
    stages: state.points,
    final,
    best: state.best,
    controls: state.controls,
    equivalence: state.equivalence ?? { notProved: whyNotProved(ctx) },
    ...state.depth ? { depth: withBlocks(state.depth, { dense: state.dense.graph, now: state.model.graph }) } : {},
    ...state.until ? { until: state.until } : {},
    admm: state.admm,
    latency: state.latency,
    requested: state.requested,
    ...reached(ctx),
    ...narrowed.length > 0 ? { narrowedNorms: narrowed } : {},
    ...state.failed.length > 0 ? { failed: state.failed } : {},
    ...await halvesOf(ctx),
    files: [ONNX_FILE, MODEL_FILE],
  });
  const encode = (text: string) => new TextEncoder().encode(text);
  const keep = (report: Report) => store.write(`${dir}/report.json`, encode(JSON.stringify(report, null, 2) + "\n"));
  await keep(measured);
  const { dense, model, origin } = writtenNetworks(state);
  const started = performance.now();
  const { diagnosis } = await diagnosed(ctx, { dense, model });
  const doctor = (performance.now() - started) / 1000;
  const report = {
    ...measured,
    ...diagnosis && measured.spent && { spent: { ...measured.spent, doctor } },
    ...layerTimesOf(diagnosis, layerSuccessors(dense.graph, model.graph, origin)),
  };
  await keep(report);
  const log = new TextDecoder().decode(await store.read(`${dir}/log.jsonl`) ?? new Uint8Array());
  // Its plots are half of a page's code, which comes when it is needed.
  const { renderReport } = await import("../report/html.ts");
  const html = renderReport(report, {
    ...detailFromLog(log.split("\n").filter((line) => line !== "")),
    recipeYaml: formatRecipe(recipe),
    layers: layerChanges(dense.graph, model.graph, origin),
    ...diagnosis ? { diagnosis } : {},
    versions: runtimeVersions(tool),
  });
  await store.write(`${dir}/report.html`, encode(html));
  return report;
}

/** What the network was searched for and found by, and what it takes there now that it is trained. */
async function searchOf(
  { store, dir, state, ui }: RunContext,
  timeFinal: Provenance["timeFinal"],
): Promise<Pick<Report, "search">> {
  const file = `${dir}/${SEARCH_FILE}`;
  const bytes = await store.read(file);
  if (!bytes) return {};
  let search: DeviceSearch;
  try {
    search = parseDeviceSearch(JSON.parse(new TextDecoder().decode(bytes)), file);
  } catch (error) {
    ui.warn(
      `the report says nothing of the search: ${error instanceof UserError ? error.message : `${file} is no JSON`}`,
    );
    return {};
  }
  const finalMs = await timeFinal?.(writtenNetworks(state).model.graph);
  const told = finalMs === undefined ? search : { ...search, finalMs };
  if (finalMs !== undefined) {
    await store.write(file, new TextEncoder().encode(JSON.stringify(told, null, 2) + "\n"));
    if (finalMs > search.askedMs) ui.warn(`search: ${searchWords(told)}`);
  }
  return { search: told };
}

/** What f16 changes, where a stage asks for it: of the final network, on the test images. */
async function halvesOf({ gpu, recipe, state, data, signal }: RunContext): Promise<Pick<Report, "f16">> {
  const wanted = recipe.stages.some((stage) => stage.kind === "measure" && stage.f16);
  if (!wanted || signal?.aborted) return {};
  return { f16: await halfFigures(gpu, writtenNetworks(state).model, data.test) };
}

/** What the doctor says, where the run measured long enough; that it can't be told ends no run. */
async function diagnosed(ctx: RunContext, networks: Networks): Promise<Pick<Detail, "diagnosis">> {
  try {
    const diagnosis = await diagnoseRun(ctx, networks);
    return diagnosis ? { diagnosis } : {};
  } catch (error) {
    if (!(error instanceof UserError || error instanceof GpuError || error instanceof RangeError)) throw error;
    ctx.ui.warn(`the report has no diagnosis: ${error.message}`);
    return {};
  }
}

/** The test accuracy of each class before and after, where the images have labels. */
async function classesOf({ gpu, state, data }: RunContext): Promise<Pick<Report, "classes">> {
  const { test } = data;
  if (!state.baseline?.accuracy) return {};
  const { dense, model } = writtenNetworks(state);
  const [before, after] = [await classHits(gpu, dense, test), await classHits(gpu, model, test)];
  const images = Array<number>(test.classes).fill(0);
  for (const label of test.labels) images[label]++;
  const classes = images.map((count, i) => ({
    name: test.classNames?.[i] ?? String(i),
    images: count,
    before: before[i] / count,
    after: after[i] / count,
  }));
  return { classes: classes.filter(({ images }) => images > 0) };
}

/** What each layer takes at the largest batch that the doctor has looked at, before and after. */
function layerTimesOf(
  diagnosis: Diagnosis | undefined,
  successors: ReadonlyMap<string, string>,
): Pick<Report, "layerTimes"> {
  const compared = diagnosis?.checkup.batches.filter(({ dense }) => dense).at(-1);
  if (!compared) return {};
  const { batch, dense, now } = compared;
  const after = new Map(now.steps.map(({ name, ms }) => [name, ms]));
  const layers = dense!.steps.map(({ name, ms: beforeMs }) => {
    const afterMs = after.get(successors.get(name) ?? "");
    return { name, beforeMs, ...afterMs === undefined ? {} : { afterMs } };
  });
  return { layerTimes: { batch, layers } };
}

function spentOf({ stages }: Recipe, { stages: seconds, tuning }: NonNullable<RunState["spent"]>): SpentTime {
  return { stages: stages.map(({ kind }, i) => ({ kind, seconds: seconds[i] ?? 0 })), tuning };
}

/** What of the run's budgets and constraints was reached, and the time by the device's table where that was asked for. */
function reached({ state, recipe, tables }: RunContext): Pick<Report, "achieved" | "untold"> {
  const { dense, model, origin, masked } = writtenNetworks(state);
  const timed = timedBudget(recipe);
  const network = { dense, model, inDenseShape: inDenseShape(model, origin, dense, masked) };
  const constraints = recipe.stages.flatMap(constraintsOfStage);
  const byGroups = recipe.stages.findLast((stage) => "budget" in stage && stage.budget && "groups" in stage.budget);
  const told = achieved(network, constraints, state.requested, byGroups && constraintsOfStage(byGroups));
  if (!timed) return told;
  const ms = timeByTable(tables, timed, { dense, model });
  return typeof ms === "number"
    ? { ...told, achieved: { ...told.achieved, ms } }
    : { ...told, untold: { ...told.untold, ms } };
}

function whyNotProved({ state }: RunContext): string {
  const failed = state.failed.find(({ kind }) => kind === "compact");
  if (failed) return `stages.${failed.stage} (compact) failed`;
  if (state.depth) return "blocks took other forms, which compute something else: the accuracy says how near it is";
  return "no stage of kind compact compared it with the masked network";
}

function runtimeVersions(tool: string): Record<string, string> {
  const [name, version] = tool.split(" ");
  const runtime = globalThis.navigator?.userAgent ?? "unknown";
  return { [name]: version ?? "", runtime };
}
