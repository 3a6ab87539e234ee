/** The process that does a worker's jobs (src/sweep/deno/work_process.ts starts it). */
import { lockFolder } from "../store/deno_lock.ts";
import { denoStore } from "../store/deno.ts";
import { cacheDir } from "../data/deno.ts";
import type { Splits } from "../data/types.ts";
import { UserError } from "../errors.ts";
import { adapterName } from "../gpu/adapter.ts";
import { Gpu } from "../gpu/gpu.ts";
import { plansName } from "../measure/plans.ts";
import { inputOptions, readGiven } from "../models/given.ts";
import type { DataRequest, Recipe } from "../recipe/schema.ts";
import { joinPath } from "../store/path.ts";
import { markOf, requireSame } from "../sweep/data_mark.ts";
import { openStore } from "../sweep/deno/open_store.ts";
import { serveJobs } from "../sweep/deno/serve_jobs.ts";
import { doJob, type JobMachine } from "../sweep/do_job.ts";
import type { DataMark } from "../sweep/job.ts";
import { silentUi, type Ui } from "../ui.ts";
import { dataLoader } from "./data.ts";
import { prepareEnvironment } from "./environment.ts";

prepareEnvironment();
await serveJobs((settings) => {
  const store = denoStore();
  const results = openStore(settings.store, store);
  const data = keptData(settings.dataDir);
  let gpu: Promise<Gpu> | undefined;
  const machine: JobMachine = {
    store,
    results,
    work: settings.work,
    worker: settings.worker,
    contents: new Map(),
    gpu: () => gpu ??= Gpu.open({}),
    dropGpu() {
      gpu?.then((opened) => opened.close(), () => {});
      gpu = undefined;
    },
    loadData: (payload) => async (request, ui) => {
      const { splits, mark } = await data(request, ui);
      requireSame(payload.data, mark, request.name);
      return splits;
    },
    async plansFolder(plans, results) {
      if (plans === "default") return undefined;
      const bytes = await results.get(plans);
      if (!bytes) throw new UserError(`${settings.store}: the sweep's kernel plans are missing: begin the sweep anew`);
      const folder = `${settings.work}/plans-${plans.slice(0, 16)}`;
      await store.write(joinPath(folder, plansName((await machine.gpu()).info)), bytes);
      return folder;
    },
    lockFolder,
    removeFolder: (dir) => Deno.remove(dir, { recursive: true }).catch(() => {}),
  };
  return Promise.resolve({
    async probe({ recipe, plans }) {
      const { info } = await machine.gpu();
      const kept = plans && await store.read(joinPath(joinPath(cacheDir(), "plans"), plansName(info)));
      return {
        adapter: adapterName(info),
        ...recipe && { data: (await data(await requestOf(recipe), silentUi())).mark },
        ...kept && { plans: new TextDecoder().decode(kept) },
      };
    },
    run: (job, hooks) => doJob(job, machine, hooks),
  });

  async function requestOf(recipe: Recipe): Promise<DataRequest> {
    return { ...recipe.data, ...inputOptions(recipe, await readGiven(recipe, store)) };
  }
});

/** Loads data, and keeps those that were asked for last: a sweep's jobs mostly ask for the same. */
function keptData(dataDir: string | undefined) {
  const load = dataLoader(dataDir);
  let last: { readonly key: string; readonly loaded: Promise<{ splits: Splits; mark: DataMark }> } | undefined;
  return async (request: DataRequest, ui: Ui) => {
    const key = JSON.stringify(request);
    if (last?.key !== key) {
      const loaded = load(request, ui).then(async (splits) => ({ splits, mark: await markOf(request, splits) }));
      last = { key, loaded };
    }
    try {
      return await last!.loaded;
    } catch (error) {
      last = undefined;
      throw error;
    }
  };
}
