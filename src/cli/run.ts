/** Carries out a recipe in a folder of its own: what `prune` and `train` share. */
import { UsageError, UserError } from "../errors.ts";
import { formatRecipe, isNamed, loadRecipe } from "../recipe/load.ts";
import { LIVE } from "../one_line/asked.ts";
import { mapPaths } from "../recipe/paths.ts";
import type { Recipe } from "../recipe/schema.ts";
import { requireSameTraining } from "../run/tail.ts";
import { seenFrom } from "../store/deno_paths.ts";
import type { Store } from "../store/types.ts";
import { silentUi } from "../ui.ts";
import { SEARCH_FILE } from "../report/device_search.ts";
import type { FailedStage } from "../report/types.ts";
import { requireGivenFiles } from "./given_files.ts";
import { type Io, StopSignal } from "./io.ts";
import type { RunOptions } from "./options.ts";
import type { Searched } from "./searched_run.ts";
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
  /** Chooses a recipe in place of reading one. */
  readonly choose?: (ui: TerminalUi) => Promise<ChosenRun>;
}

/** A recipe to carry out, and its text with paths as `map` makes them; default: all of its keys. */
export interface ChosenRun {
  readonly recipe: Recipe;
  readonly text?: (map: (path: string) => string) => string;
  /** What the recipe was searched by, which is kept beside it, and the device that is still there to time what comes of it. */
  readonly searched?: Searched;
}

/** A run's folder, which nobody else works in until `lock` is disposed of, and the recipe in it. */
interface Begun extends ChosenRun {
  readonly dir: string;
  readonly lock: AsyncDisposable;
}

export async function carryOut(io: Io, request: RunRequest): Promise<void> {
  const { options } = request;
  const begun = options.resume === undefined ? await begin(io, request) : await takeUp(io, request, options.resume);
  await using lock = begun.lock;
  await using _device = begun.searched;
  try {
    await runBegun(io, request, begun);
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    const kept = options.resume !== undefined || await keepStarted(io, begun.dir);
    if (io.signal.aborted && io.signal.reason instanceof StopSignal && !(error instanceof UserError)) {
      throw new UserError(
        kept ? `interrupted; go on with: deno task ${request.name} --resume ${begun.dir}` : "interrupted",
      );
    }
    throw kept ? error : misfit(error, request);
  }
}

/** Says of a run that couldn't begin which part of the named recipe was another's. */
function misfit(error: unknown, { recipe = DEFAULT_RECIPE, choose, options: { model, data } }: RunRequest): unknown {
  const others = [...model === undefined ? [] : [`--model ${model}`], ...data === undefined ? [] : [`--data ${data}`]];
  const named = !choose && isNamed(recipe);
  if (!(error instanceof UserError) || error instanceof UsageError || !named || others.length === 0) return error;
  return new UserError(
    `${error.message} (the recipe ${recipe} is for a network and data of its own, in place of which there was ` +
      `${others.join(" and ")}; prune net.onnx --data … chooses a recipe for yours)`,
  );
}

async function runBegun(io: Io, { name, line, options }: RunRequest, { recipe, dir, searched }: Begun): Promise<void> {
  const ui = options.quiet ? quietUi(io) : io.ui();
  try {
    const engine = await io.engine();
    const report = await engine.runPrune({
      recipe,
      dir,
      store: io.store,
      dataDir: options.dataDir,
      resume: options.resume !== undefined,
      tune: options.tune || "none",
      signal: io.signal,
      ui,
      tool: `secateur ${io.version()}`,
      commit: await io.commit(),
      command: line,
      ...searched?.timeFinal && { timeFinal: searched.timeFinal },
    });
    ui.close();
    if (options.json) io.out(JSON.stringify(report, null, 2));
    else if (!options.quiet) io.out(formatSummary(report, `${dir}/report.html`));
    const [failed] = report.failed ?? [];
    if (failed) throw stageFailed(failed, dir, name);
  } finally {
    ui.close();
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
async function begin(io: Io, request: RunRequest): Promise<Begun> {
  const { options } = request;
  const { out } = options;
  // What is there in place of a file is for whoever chooses.
  await requireGivenFiles(
    io.store,
    request.choose && options.device === LIVE ? { ...options, device: undefined } : options,
  );
  const notEmpty = () =>
    new UserError(`${out} is not empty; go on with it by --resume ${out}, or choose another --out`);
  // Choosing may take minutes.
  if (request.choose && out !== undefined && (await io.store.list(out)).length > 0) throw notEmpty();
  const chosen = await chosenRun(io, request);
  try {
    if (out === undefined) return await beginNext(io, chosen);
    const begun = { ...chosen, dir: out, lock: await io.lockFolder(out) };
    if (await writeFirst(io, begun)) return begun;
    throw notEmpty();
  } catch (error) {
    await chosen.searched?.[Symbol.asyncDispose]();
    throw error;
  }
}

async function chosenRun(io: Io, { recipe, options, adapt, choose }: RunRequest): Promise<ChosenRun> {
  if (!choose) return { recipe: adapt(await loadRecipe(recipe ?? DEFAULT_RECIPE, io.store, options)) };
  const ui = options.quiet ? quietUi(io) : io.ui();
  return await choose(ui).finally(ui.close);
}

/** The first folder of the recipe's name that is free; another process may be looking for one at the same time. */
async function beginNext(io: Io, chosen: ChosenRun): Promise<Begun> {
  for (let number = 1;; number++) {
    const dir = `runs/${chosen.recipe.name}-${number}`;
    if ((await io.store.list(dir)).length > 0) continue;
    const lock = await io.lockFolder(dir).catch((error) => {
      if (error instanceof UserError && number < MOST_AT_ONCE) return undefined;
      throw error;
    });
    if (!lock) continue;
    const begun = { ...chosen, dir, lock };
    if (await writeFirst(io, begun)) return begun;
  }
}

/** So many folders may be taken by others before that is an error of its own. */
const MOST_AT_ONCE = 1000;

/** Writes the recipe into an empty folder; false, and the lock given back, where it isn't empty. */
async function writeFirst({ store }: Io, { dir, lock, ...chosen }: Begun): Promise<boolean> {
  try {
    if ((await store.list(dir)).length === 0) {
      await writeRecipe(store, dir, chosen);
      if (chosen.searched) await writeSearch(store, dir, chosen.searched);
      return true;
    }
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
  await lock[Symbol.asyncDispose]();
  return false;
}

/** The folder's own recipe. One that is named as well, or changed, has to train the same network. */
async function takeUp(io: Io, { recipe: name, options, adapt }: RunRequest, dir: string): Promise<Begun> {
  const { store } = io;
  if (options.out !== undefined) throw new UsageError("--resume goes on in its own folder; leave out --out");
  await requireGivenFiles(store, options);
  const file = recipeFile(dir);
  if (await store.size(file) === undefined) {
    throw new UserError(`${dir} holds no run: ${file} is missing; name the folder of an earlier run`);
  }
  const lock = await io.lockFolder(dir);
  try {
    if (await store.size(`${dir}/checkpoint.safetensors`) === undefined) {
      const kept = await firstKept(store, dir);
      if (kept) {
        throw new UserError(
          `${dir}: checkpoint.safetensors is missing, though the run had come as far as ${kept}: restore it, or start a new ` +
            `run with another --out`,
        );
      }
      throw new UserError(
        `${dir}: the run ended before it had kept anything: delete the folder, and start it again with the options that it had`,
      );
    }
    const before = await loadRecipe(file, store);
    const recipe = adapt(await loadRecipe(name ?? file, store, options));
    requireSameTraining(before, recipe, dir);
    if (formatRecipe(recipe) !== formatRecipe(before)) await writeRecipe(store, dir, { recipe });
    return { recipe, dir, lock };
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

/** A file that only a run with a checkpoint leaves. */
async function firstKept(store: Store, dir: string): Promise<string | undefined> {
  for (const name of ["report.json", "model.safetensors", "model.onnx"]) {
    if (await store.size(`${dir}/${name}`) !== undefined) return name;
  }
  return undefined;
}

function recipeFile(dir: string): string {
  return `${dir}/recipe.yaml`;
}

async function writeRecipe(store: Store, dir: string, { recipe, text }: ChosenRun): Promise<void> {
  // Paths in a recipe's file are relative to its folder.
  const map = seenFrom(dir);
  const written = text ? text(map) : formatRecipe(mapPaths(recipe, map));
  await store.write(recipeFile(dir), new TextEncoder().encode(written));
}

async function writeSearch(store: Store, dir: string, { search }: Searched): Promise<void> {
  await store.write(`${dir}/${SEARCH_FILE}`, new TextEncoder().encode(JSON.stringify(search, null, 2) + "\n"));
}

/** What a run writes before its first checkpoint. */
const BEGUN = /^(recipe\.yaml|plans\.json|device\.json|search\.json|sensitivity-\d+\.json)$/;

/** A run that failed before it kept anything (no data, no adapter) leaves no folder behind. True if there is one to resume. */
async function keepStarted({ store, removeEmptyFolder }: Io, dir: string): Promise<boolean> {
  const files = await store.list(dir);
  if (!files.every((file) => BEGUN.test(file.slice(file.lastIndexOf("/") + 1)))) return true;
  for (const file of files) await store.remove(file);
  await removeEmptyFolder(dir);
  return false;
}

function quietUi(io: Io): TerminalUi {
  return { ...silentUi(), warn: (text) => io.err(`warning: ${text}`), close() {} };
}
