import { Command, InvalidArgumentError } from "commander";
import { stringify } from "yaml";
import { UserError } from "../errors.ts";
import { isNamed, readRecipe } from "../recipe/load.ts";
import { mapPaths, relativeTo } from "../recipe/paths.ts";
import { absolutePath, seenFrom } from "../store/deno_paths.ts";
import { joinPath } from "../store/path.ts";
import { checkWish, parseWish, type Wish } from "../sweep/best.ts";
import { readGround, SWEEP_FILE, SWEEP_GROUND, SWEEP_RECIPE, SWEEP_REPORT, type SweepReport } from "../sweep/report.ts";
import { loadSweepFile, type SweepFile } from "../sweep/sweep_file.ts";
import { checkSweep } from "../sweep/trial_run.ts";
import { duration } from "../report/format.ts";
import { examples } from "./examples.ts";
import { sourceHash } from "./identity.ts";
import { type Io, StopSignal } from "./io.ts";
import { portNumber, wholeNumber } from "./options.ts";
import { serveSweep } from "./serve_sweep.ts";
import { addressText, serveStore, storeAddress } from "./store_at.ts";
import { checkSweepOptions, type SweepCommandOptions } from "./sweep_options.ts";
import { failureOf } from "./sweep_outcome.ts";
import { showStatus } from "./sweep_status.ts";
import { formatSweep } from "./sweep_tables.ts";
import { drawFront, takeBest, writeSweepPage } from "./sweep_views.ts";

/** The folder of sweeps, and of what they share. */
const SWEEPS = "runs/sweeps";

export function sweepCommand(io: Io): Command {
  return new Command("sweep")
    .description("many runs of one recipe, side by side: which is best")
    .argument("[file]", "path of the sweep's .yaml file")
    .option("--out <dir>", `folder of the sweep (default: the next free ${SWEEPS}/<name>-<number>)`)
    .option("--resume <dir>", "go on with an interrupted sweep")
    .option("--status <dir>", "show how far a sweep is, in a terminal until it ends or Ctrl-C")
    .option("--workers <n>", "jobs at a time in this process; 0 leaves all to secateur worker", wholeNumber(0), 1)
    .option(
      "--queue <redis>",
      "a Redis that workers of other machines ask for jobs (default: a file for workers of this one)",
    )
    .option("--store <dir>", `where results and checkpoints are kept for all sweeps (default: ${SWEEPS}/store)`)
    .option("--store-at <address>", "serve the store, at host:port, to workers that don't see its folder", storeAddress)
    .option("--cert <file>", "a certificate for --store-at, PEM: workers come by https")
    .option("--key <file>", "and its key")
    .option("--data-dir <dir>", "where the data set's files lie")
    .option("--serve", "show the sweep's page on this machine, following the sweep")
    .option("--port <n>", "port of that page; 0 takes any free one", portNumber, 8444)
    .option("--best <wish>", `print the best trial's recipe and copy its network, by a wish such as ${WISH}`, wish)
    .option("--json", "print the sweep's report as JSON instead of a table")
    .option("--quiet", "print errors and warnings only")
    .addHelpText(
      "after",
      examples(
        "sweep criteria.yaml",
        "sweep criteria.yaml --queue redis://127.0.0.1:6379",
        "sweep criteria.yaml --queue redis://127.0.0.1:6379 --store-at 127.0.0.1:8600",
        "sweep --resume runs/sweeps/criteria-1",
        "sweep --status runs/sweeps/criteria-1",
        "sweep --status runs/sweeps/criteria-1 --serve",
        `sweep --status runs/sweeps/criteria-1 --best ${WISH}`,
      ),
    )
    .action(async (file: string | undefined, options: SweepCommandOptions, command: Command) => {
      checkSweepOptions(command, file, options);
      if (options.status !== undefined && options.serve) return await servePage(io, options.status, options);
      if (options.status !== undefined) return await showStatus(io, options.status, options);
      await carryOut(io, file, options);
    });
}

const WISH = "'accuracy >= 0.98, min macs'";

function wish(text: string): Wish {
  try {
    return parseWish(text);
  } catch (error) {
    throw error instanceof UserError ? new InvalidArgumentError(error.message) : error;
  }
}

/** The page of a sweep that another process carries out, or that has ended, until Ctrl-C. */
async function servePage(io: Io, dir: string, { port }: SweepCommandOptions): Promise<void> {
  await readGround(io.store, dir);
  await using _ = await serveSweep(io, { dir, port, tell: (text) => io.out(`${text}\nCtrl-C stops.`) });
  await new Promise<void>((resolve) => {
    if (io.signal.aborted) resolve();
    io.signal.addEventListener("abort", () => resolve());
  });
  io.out("stopped");
}

async function carryOut(io: Io, path: string | undefined, options: SweepCommandOptions): Promise<void> {
  const begun = path === undefined ? await takeUp(io, options.resume!) : await begin(io, path, options);
  await using _ = begun.lock;
  await tell(io, await runBegun(io, begun, options), begun.dir, options);
}

async function runBegun(io: Io, { dir, file, lock }: Begun, options: SweepCommandOptions): Promise<SweepReport> {
  const ui = options.quiet ? undefined : io.ui();
  const started = performance.now();
  try {
    const { runSweep, countsOf } = await import("../sweep/deno/run_sweep.ts");
    const given = await readRecipe(`${dir}/${SWEEP_RECIPE}`, io.store);
    if (options.best) checkWish(options.best, checkSweep(file, given));
    const ground = options.resume === undefined ? undefined : await readGround(io.store, dir);
    const keep = options.store ?? `${SWEEPS}/store`;
    const say = (text: string) => ui ? ui.note(text) : io.err(text);
    await using _page = options.serve ? await serveSweep(io, { dir, port: options.port, tell: say }) : undefined;
    await using _store = options.storeAt && await serveStore(io, {
      at: options.storeAt,
      cert: options.cert,
      key: options.key,
      root: ground?.store ?? absolutePath(keep),
      note: (text) => ui?.note(text),
    });
    let bar: ReturnType<NonNullable<typeof ui>["stage"]> | undefined;
    const report = await runSweep({
      dir,
      file,
      given,
      store: io.store,
      ground,
      queue: options.queue,
      keep,
      identity: { tool: `secateur ${io.version()}`, commit: await io.commit(), source: await sourceHash() },
      workers: options.workers,
      script: new URL("./sweep_child.ts", import.meta.url).href,
      dataDir: options.dataDir,
      signal: io.signal,
      ui: { note() {}, warn: (text) => ui ? ui.warn(text) : io.err(`warning: ${text}`) },
      show({ trials }) {
        const { over, failed, running } = countsOf(trials);
        bar ??= ui?.stage(file.name, file.budget.trials ?? trials.length);
        bar?.update(over, {
          text: `${over} of ${trials.length} trials, ${running} running${failed ? `, ${failed} failed` : ""}`,
        });
      },
    });
    bar?.done(`${report.trials.length} trials in ${duration((performance.now() - started) / 1000)}`);
    return report;
  } catch (error) {
    ui?.close();
    await lock[Symbol.asyncDispose]();
    throw await resumable(io, error, dir, options);
  } finally {
    ui?.close();
  }
}

async function tell(io: Io, report: SweepReport, dir: string, options: SweepCommandOptions): Promise<void> {
  const page = await writeSweepPage(io, report, dir);
  if (options.json) io.out(JSON.stringify(report, null, 2));
  else if (!options.quiet) {
    const front = drawFront(report, io.width);
    io.out(
      [formatSweep(report), ...front === undefined ? [] : [front], `${dir}/${SWEEP_REPORT}\n${page}`].join("\n\n"),
    );
  }
  const failure = failureOf(report, dir, resuming(dir, options));
  if (options.best && report.trials.some(({ state }) => state === "done")) {
    await takeBest(io, report, dir, options.best);
  }
  if (failure !== undefined) throw new UserError(failure);
}

/** Says how to go on, where there is something to go on with. */
async function resumable(io: Io, error: unknown, dir: string, options: SweepCommandOptions): Promise<unknown> {
  const { resume } = options;
  const stopped = io.signal.aborted && io.signal.reason instanceof StopSignal;
  const kept = await io.store.size(`${dir}/${SWEEP_GROUND}`).catch(() => undefined) !== undefined;
  if (!kept && resume === undefined) {
    for (const name of [SWEEP_FILE, SWEEP_RECIPE]) await io.store.remove(`${dir}/${name}`).catch(() => {});
    await io.removeEmptyFolder(dir);
    return stopped ? new UserError("interrupted") : error;
  }
  const onwards = `go on with: ${resuming(dir, options)}`;
  if (stopped) return new UserError(`interrupted; ${onwards}`);
  return error instanceof UserError ? new UserError(`${error.message}; ${onwards}`) : error;
}

/** The command that goes on with the sweep; a password is left to its user. */
function resuming(dir: string, { queue, storeAt, cert, key }: SweepCommandOptions): string {
  const address = queue?.replace(/^(\w+:\/\/)[^/]*@/, "$1");
  return [
    `deno task sweep --resume ${dir}`,
    ...address === undefined ? [] : [`--queue ${address}`],
    ...storeAt ? [`--store-at ${addressText(storeAt)}`] : [],
    ...storeAt && cert !== undefined ? [`--cert ${cert} --key ${key}`] : [],
  ].join(" ");
}

interface Begun {
  readonly dir: string;
  readonly file: SweepFile;
  readonly lock: AsyncDisposable;
}

/** A folder of its own, with the sweep's file and recipe as they are now. */
async function begin(io: Io, path: string, { out }: SweepCommandOptions): Promise<Begun> {
  const { store } = io;
  const { file, text } = await loadSweepFile(path, store);
  const given = await readRecipe(recipePath(path, file.recipe), store);
  try {
    checkSweep(file, given);
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${path}: ${error.message}`) : error;
  }
  const { dir, lock } = await freeFolder(io, out, file.name);
  const encode = (text: string) => new TextEncoder().encode(text);
  try {
    const frozen = stringify(mapPaths(given.given as object, seenFrom(dir)), { lineWidth: 120 });
    await store.write(joinPath(dir, SWEEP_RECIPE), encode(frozen));
    await store.write(joinPath(dir, SWEEP_FILE), encode(text));
    return { dir, file, lock };
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

/** As it is named in the sweep's file: a path from there is one, whatever it is called. */
function recipePath(path: string, recipe: string): string {
  if (isNamed(recipe)) return recipe;
  const found = relativeTo(path, recipe);
  return isNamed(found) ? `./${found}` : found;
}

/** A folder in which nothing lies yet, for this process alone. */
async function freeFolder(
  io: Io,
  out: string | undefined,
  name: string,
): Promise<{ dir: string; lock: AsyncDisposable }> {
  for (let number = 1;; number++) {
    const dir = out ?? `${SWEEPS}/${name}-${number}`;
    const isFree = (await io.store.list(dir)).length === 0;
    if (out !== undefined && !isFree) {
      throw new UserError(`${dir} is not empty; go on with it by --resume ${dir}, or choose another --out`);
    }
    if (isFree) return { dir, lock: await io.lockFolder(dir) };
  }
}

async function takeUp(io: Io, dir: string): Promise<Begun> {
  await readGround(io.store, dir);
  for (const name of [SWEEP_FILE, SWEEP_RECIPE]) {
    const path = joinPath(dir, name);
    if (await io.store.size(path) !== undefined) continue;
    throw new UserError(`${path} is missing, which was there when the sweep began: restore it, or begin a new sweep`);
  }
  const { file } = await loadSweepFile(joinPath(dir, SWEEP_FILE), io.store);
  return { dir, file, lock: await io.lockFolder(dir) };
}
