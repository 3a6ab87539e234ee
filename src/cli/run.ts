/** Carries out a recipe in a folder of its own: what `prune` and `train` share. */
import { isAbsolute, relative, resolve } from "node:path";
import { UsageError, UserError } from "../errors.ts";
import { formatRecipe, loadRecipe } from "../recipe/load.ts";
import { mapPaths } from "../recipe/paths.ts";
import type { Recipe } from "../recipe/schema.ts";
import { requireSameTraining } from "../recipe/tail.ts";
import type { Store } from "../store/types.ts";
import { silentUi } from "../ui.ts";
import type { FailedStage } from "../report/types.ts";
import { type Io, StopSignal } from "./io.ts";
import type { RunOptions } from "./options.ts";
import { formatSummary } from "./summary.ts";
import type { TerminalUi } from "./ui.ts";

const DEFAULT_RECIPE = "digits";

export interface RunRequest {
  /** prune or train, for messages. */
  readonly name: string;
  /** The command line, for the report. */
  readonly line: string;
  /** Name or path of a recipe. */
  readonly recipe: string | undefined;
  readonly options: RunOptions;
  /** What the command makes of the recipe. */
  readonly adapt: (recipe: Recipe) => Recipe;
}

export async function carryOut(io: Io, request: RunRequest): Promise<void> {
  const { options } = request;
  const { recipe, dir } = options.resume === undefined
    ? await begin(io.store, request)
    : await takeUp(io.store, request, options.resume);
  const ui = options.quiet ? quietUi(io) : io.ui();
  try {
    const engine = await io.engine();
    const report = await engine.runPrune({
      recipe,
      dir,
      store: io.store,
      dataDir: options.dataDir,
      resume: options.resume !== undefined,
      tune: options.tune,
      signal: io.signal,
      ui,
      tool: `secateur ${io.version()}`,
      commit: await io.commit(),
      command: request.line,
    });
    ui.close();
    if (options.json) io.out(JSON.stringify(report, null, 2));
    else if (!options.quiet) io.out(formatSummary(report, `${dir}/report.html`));
    const [failed] = report.failed ?? [];
    if (failed) throw stageFailed(failed, dir, request.name);
  } catch (error) {
    ui.close();
    const kept = options.resume !== undefined || await keepStarted(io, dir);
    if (io.signal.aborted && io.signal.reason instanceof StopSignal && !(error instanceof UserError)) {
      throw new UserError(kept ? `interrupted; go on with: deno task ${request.name} --resume ${dir}` : "interrupted");
    }
    throw error;
  }
}

/** The run came to its end with a network and a report, and all the same not with all that was asked for. */
function stageFailed({ stage, kind, reason }: FailedStage, dir: string, command: string): UserError {
  const again = kind === "compact" ? "" : `; to do that part again: deno task ${command} --resume ${dir}, ` +
    `with --set stages.${stage}.<key>=<value> where its settings must change`;
  return new UserError(
    `stages.${stage} (${kind}) failed: ${reason}; everything else is done, and the network lies in ${dir}${again}`,
  );
}

/** A folder of its own, with the recipe as it will be carried out; also the proof that the folder can be written. */
async function begin(
  store: Store,
  { recipe: name, options, adapt }: RunRequest,
): Promise<{ recipe: Recipe; dir: string }> {
  const recipe = adapt(await loadRecipe(name ?? DEFAULT_RECIPE, store, options));
  const dir = options.out ?? await nextFree(store, `runs/${recipe.name}`);
  if ((await store.list(dir)).length > 0) {
    throw new UserError(`${dir} is not empty; go on with it by --resume ${dir}, or choose another --out`);
  }
  await writeRecipe(store, dir, recipe);
  return { recipe, dir };
}

/** The folder's own recipe. One that is named as well, or changed, has to train the same network. */
async function takeUp(
  store: Store,
  { recipe: name, options, adapt }: RunRequest,
  dir: string,
): Promise<{ recipe: Recipe; dir: string }> {
  if (options.out !== undefined) throw new UsageError("--resume goes on in its own folder; leave out --out");
  const file = recipeFile(dir);
  if (await store.size(file) === undefined) {
    throw new UserError(`${dir} holds no run: ${file} is missing; name the folder of an earlier run`);
  }
  if (await store.size(`${dir}/checkpoint.safetensors`) === undefined) {
    throw new UserError(
      `${dir}: the run ended before it had kept anything: delete the folder, and start it again with the options that it had`,
    );
  }
  const before = await loadRecipe(file, store);
  const recipe = adapt(await loadRecipe(name ?? file, store, options));
  requireSameTraining(before, recipe, dir);
  if (formatRecipe(recipe) !== formatRecipe(before)) await writeRecipe(store, dir, recipe);
  return { recipe, dir };
}

/** Paths in a recipe's file are relative to its folder. */
function seenFrom(dir: string, recipe: Recipe): Recipe {
  return mapPaths(
    recipe,
    (path) => isAbsolute(path) ? path : relative(resolve(dir), resolve(path)).replaceAll("\\", "/"),
  );
}

function recipeFile(dir: string): string {
  return `${dir}/recipe.yaml`;
}

async function nextFree(store: Store, prefix: string): Promise<string> {
  for (let number = 1;; number++) {
    const dir = `${prefix}-${number}`;
    if ((await store.list(dir)).length === 0) return dir;
  }
}

async function writeRecipe(store: Store, dir: string, recipe: Recipe): Promise<void> {
  await store.write(recipeFile(dir), new TextEncoder().encode(formatRecipe(seenFrom(dir, recipe))));
}

/** What a run writes before its first checkpoint. */
const BEGUN: readonly string[] = ["recipe.yaml", "plans.json", "device.json"];

/** A run that failed before it kept anything (no data, no adapter) leaves no folder behind. True if there is one to resume. */
async function keepStarted({ store, removeEmptyFolder }: Io, dir: string): Promise<boolean> {
  const files = await store.list(dir);
  if (!files.every((file) => BEGUN.includes(file.slice(file.lastIndexOf("/") + 1)))) return true;
  for (const file of files) await store.remove(file);
  await removeEmptyFolder(dir);
  return false;
}

function quietUi(io: Io): TerminalUi {
  return { ...silentUi(), warn: (text) => io.err(`warning: ${text}`), close() {} };
}
