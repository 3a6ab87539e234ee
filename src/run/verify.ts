/** Recomputes what a report claims from the files beside it: accuracy, parameters, MACs, equality. */
import { firstImages, type Inputs, proofInputs } from "../data/proof_inputs.ts";
import type { Splits } from "../data/types.ts";
import { UserError } from "../errors.ts";
import { ONNX_FILE, readModel } from "../formats/model_file.ts";
import { loadOnnx } from "../formats/onnx/import.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { chosenGpu, type GpuChoice } from "../gpu/gpu_choice.ts";
import { compareOutputs, tolerance } from "../graph/compare.ts";
import { countNonzero, graphCost } from "../graph/cost.ts";
import { compareWithReference, runPlan } from "../graph/equivalence.ts";
import { initialise } from "../graph/initialise.ts";
import { peakBytes } from "../graph/peak_bytes.ts";
import { channelsFirst } from "../graph/rewrite/channels_first.ts";
import { withNormsOf } from "../graph/rewrite/narrow_norms.ts";
import { scatterModel, whyWithoutPlace } from "../graph/scatter.ts";
import type { Graph, Model } from "../graph/types.ts";
import { inputOptions, readGiven, startModel, withOutputsOf } from "../models/given.ts";
import { loadRecipe } from "../recipe/load.ts";
import { constraintsOfStage } from "../recipe/registry.ts";
import type { DataRequest, Recipe } from "../recipe/schema.ts";
import { agreementWith } from "../report/agreement.ts";
import { accuracyOf, NO_LABELS } from "../report/build.ts";
import { type Check, exact, followingFigures, reportedProof, verdictOf, within } from "../report/checks.ts";
import { structureChecks, untoldStructures } from "../report/structure_checks.ts";
import type { Agreement, Report } from "../report/types.ts";
import { parseReport } from "../report/validate.ts";
import type { Store } from "../store/types.ts";
import { evaluateModel } from "../train/evaluate.ts";
import type { Ui } from "../ui.ts";
import { openTables, timeByTable, timedBudget } from "./device_tables.ts";

export interface VerifyOptions extends GpuChoice {
  readonly dir: string;
  readonly store: Store;
  /** Name of the data where they lie elsewhere than the run's recipe says. */
  readonly data?: string;
  /** Checked between the parts of the work; its reason is thrown. */
  readonly signal?: AbortSignal;
  readonly ui: Ui;
  readonly loadData: (request: DataRequest, ui: Ui) => Promise<Splits>;
}

/** Another adapter may round a borderline image the other way: so many images may differ. */
const SLACK_IMAGES = 2;
/** And sums of outputs are rounded otherwise: by such a part of themselves, and of that part where they are nearly 0. */
const AGREEMENT_SLACK = 1e-3;
const REFERENCE_IMAGES = 16;

/** Throws UserError where a file is missing or damaged; what disagrees comes back as a check that differs. */
export async function verifyRun(
  { dir, store, ui, signal, loadData, ...options }: VerifyOptions,
): Promise<readonly Check[]> {
  const file = `${dir}/report.json`;
  const bytes = await store.read(file);
  if (!bytes) throw new UserError(`${file} is missing: name the folder of a finished run`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new UserError(`${file}: not valid JSON: it is damaged, or the run did not finish`);
  }
  const report = parseReport(json, file);
  const recipe = await loadRecipe(`${dir}/recipe.yaml`, store, { data: options.data });
  const { model, dense, origin, metadata } = await readModel(store, dir);
  const data = await loadData({ ...recipe.data, ...inputOptions(recipe, { model, metadata }) }, ui);
  if (report.final.accuracy && data.labels === "absent") {
    throw new UserError(
      `${file}: has an accuracy, and the images of ${data.name} have no labels to measure it by: name the run's own data`,
    );
  }
  using device = await chosenGpu(options);
  const { gpu } = device;

  const checks: Check[] = [
    exact("seed", report.seed, recipe.seed),
    ...sizes(report, model, dense),
    ...followingFigures(report),
  ];
  signal?.throwIfAborted();
  const { agreement } = report.final;
  checks.push(
    ...agreement ? await agreements(gpu, { recipe, store, model, data, agreement }) : await accuracies(gpu, {
      report,
      model,
      data,
      signal,
    }),
  );
  const limit = Math.max(tolerance(dense), tolerance(model.graph));
  const reported = reportedProof(report, limit);
  checks.push(reported);
  // Weights that were pruned are zero whatever they were before: the dense network needs only its shape.
  const masked = scatterModel(model, origin, { graph: dense, params: initialise(dense, 0) });
  signal?.throwIfAborted();
  const constraints = recipe.stages.flatMap(constraintsOfStage);
  if (masked) {
    checks.push(...structureChecks(masked, constraints, report));
    const { inputs, batch } = proofInputs(data.validation, recipe.seed);
    const whole = withNormsOf(origin, masked);
    const [a, b] = [await runPlan(gpu, whole, inputs, batch), await runPlan(gpu, model, inputs, batch)];
    checks.push(within("compact = masked, largest relative difference", compareOutputs(a, b).maxRel, limit));
  } else {
    checks.push(...untoldStructures(whyWithoutPlace(model, origin)!, constraints, report));
    // Blocks that took other forms compute something else by design: there is nothing to be equal to.
    if (reported.verdict === "not proved" && !report.depth) {
      checks.push(
        exact("compact = masked", "a proof in the report", "none, and it can't be put back into the dense shape"),
      );
    }
  }
  const timed = timedBudget(recipe);
  if (timed) {
    const tables = await openTables(recipe, store, dir, ui);
    const found = timeByTable(tables, timed, { dense: { graph: dense }, model });
    checks.push(exact("achieved, ms by the table", report.achieved.ms ?? report.untold?.ms, found));
  }
  signal?.throwIfAborted();
  if (report.files?.includes(ONNX_FILE)) {
    checks.push(await exported(gpu, store, dir, model, proofInputs(data.validation, recipe.seed)));
  }
  const { inputs, batch } = firstImages(data.test, REFERENCE_IMAGES);
  const { maxRel } = await compareWithReference(gpu, model, inputs, batch);
  checks.push(within("device = float64 on the host, largest relative difference", maxRel, limit));
  return checks;
}

async function accuracies(
  gpu: Gpu,
  { report, model, data, signal }: Pick<VerifyOptions, "signal"> & {
    readonly report: Report;
    readonly model: Model;
    readonly data: Splits;
  },
): Promise<Check[]> {
  const checks: Check[] = [];
  for (const part of ["validation", "test"] as const) {
    signal?.throwIfAborted();
    const { accuracy } = await evaluateModel(gpu, model, data[part]);
    const expected = accuracyOf(report.final)[part];
    const slack = (SLACK_IMAGES + 0.5) / data[part].count;
    const verdict = verdictOf(Math.abs(accuracy - expected) <= slack);
    checks.push({ name: `accuracy, ${part}`, expected, found: accuracy, verdict });
  }
  return checks;
}

/** Of images without labels: against the network that the recipe names, where its files are still there. */
async function agreements(
  gpu: Gpu,
  { recipe, store, model, data, agreement }: {
    readonly recipe: Recipe;
    readonly store: Store;
    readonly model: Model;
    readonly data: Splits;
    readonly agreement: Agreement;
  },
): Promise<Check[]> {
  const { images, sameClass = "none", outputLoss } = agreement;
  const accuracy: Check = { name: "accuracy", expected: "none", found: NO_LABELS, verdict: "not proved" };
  try {
    const given = await readGiven(recipe, store);
    const dense = startModel(given, recipe, withOutputsOf(given, recipe, data), recipe.seed);
    const found = await agreementWith(gpu, dense, model, data.validation);
    const same = found.sameClass ?? "none";
    const near = typeof same === "number" && typeof sameClass === "number"
      ? Math.abs(same - sameClass) <= (SLACK_IMAGES + 0.5) / images
      : same === sameClass;
    const lossSlack = AGREEMENT_SLACK * Math.max(outputLoss, AGREEMENT_SLACK);
    return [
      accuracy,
      exact("held-out images", images, found.images),
      { name: "the dense network's class", expected: sameClass, found: same, verdict: verdictOf(near) },
      {
        name: "outputs off by",
        expected: outputLoss,
        found: found.outputLoss,
        verdict: verdictOf(Math.abs(found.outputLoss - outputLoss) <= lossSlack),
      },
    ];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const name = "agreement with the dense network";
    return [accuracy, { name, expected: outputLoss, found: error.message, verdict: "not proved" }];
  }
}

/** What the final network and the dense one store, compute and hold in memory. */
function sizes({ final, baseline }: Report, model: Model, dense: Graph): Check[] {
  const cost = graphCost(model.graph);
  const denseCost = graphCost(dense);
  return [
    exact("parameters", final.params, cost.params),
    exact("non-zero parameters", final.nonzero, countNonzero(model.params)),
    exact("MACs", final.macs, cost.macs),
    exact("bytes", final.bytes, cost.bytes),
    // Reports of earlier versions don't tell it.
    ...final.peakBytes === undefined ? [] : [exact("bytes of activations", final.peakBytes, peakBytes(model.graph))],
    exact("dense parameters", baseline.params, denseCost.params),
    exact("dense MACs", baseline.macs, denseCost.macs),
    exact("dense bytes", baseline.bytes, denseCost.bytes),
  ];
}

/** model.onnx read back computes what model.safetensors does. */
async function exported(
  gpu: Gpu,
  store: Store,
  dir: string,
  model: Model,
  { inputs, batch }: Inputs,
): Promise<Check> {
  const file = `${dir}/${ONNX_FILE}`;
  const bytes = await store.read(file);
  if (!bytes) throw new UserError(`${file} is missing, and the report names it: resume the run to write it again`);
  const read = channelsFirst(loadOnnx(bytes, file)).model;
  const limit = Math.max(tolerance(model.graph), tolerance(read.graph));
  const [a, b] = [await runPlan(gpu, model, inputs, batch), await runPlan(gpu, read, inputs, batch)];
  return within("model.onnx = model.safetensors, largest relative difference", compareOutputs(a, b).maxRel, limit);
}
