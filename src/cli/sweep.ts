import { Command, InvalidArgumentError } from "commander";
import { stringify } from "yaml";
import { UsageError, UserError } from "../errors.ts";
import { isNamed, readRecipe } from "../recipe/load.ts";
import { mapPaths, relativeTo } from "../recipe/paths.ts";
import { absolutePath, seenFrom } from "../store/deno_paths.ts";
import { joinPath } from "../store/path.ts";
import { parseWish, type Wish } from "../sweep/best.ts";
import { readGround, SWEEP_GROUND, SWEEP_REPORT, type SweepReport } from "../sweep/report.ts";
import { loadSweepFile, type SweepFile } from "../sweep/sweep_file.ts";
import { checkSweep } from "../sweep/trial_run.ts";
import { duration } from "../report/format.ts";
import { examples } from "./examples.ts";
import { sourceHash } from "./identity.ts";
import { type Io, StopSignal } from "./io.ts";
import { portNumber, wholeNumber } from "./options.ts";
import { serveSweep } from "./serve_sweep.ts";
import { addressText, checkStoreAt, serveStore, type StoreAddress, storeAddress } from "./store_at.ts";
import { showStatus } from "./sweep_status.ts";
import { formatSweep } from "./sweep_tables.ts";
import { drawFront, takeBest, writeSweepPage } from "./sweep_views.ts";

interface SweepCommandOptions {
  readonly out?: string;
  readonly resume?: string;
  readonly status?: string;
  readonly workers: number;
  readonly queue?: string;
  readonly store?: string;
  readonly storeAt?: StoreAddress;
  readonly cert?: string;
  readonly key?: string;
  readonly dataDir?: string;
  readonly serve?: boolean;
  readonly port: number;
  readonly best?: Wish;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

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
    .action(async (file: string | undefined, options: SweepCommandOptions) => {
      const ways = [file, options.resume, options.status].filter((way) => way !== undefined);
      if (ways.length !== 1) throw new UsageError("give the sweep's .yaml file, or --resume <dir>, or --status <dir>");
      if (options.status !== undefined && options.serve) return await servePage(io, options.status, options);
      if (options.status !== undefined) return await showStatus(io, options.status, options);
      if (options.queue !== undefined && !/^rediss?:/.test(options.queue)) {
        throw new UsageError("--queue: expected the address of a Redis, such as redis://127.0.0.1:6379");
      }
      if (options.store !== undefined && /^https?:/.test(options.store)) {
        throw new UsageError("--store: expected a folder: only workers come to a store over HTTP");
      }
      if (options.storeAt && options.queue === undefined) {
        throw new UsageError("--store-at is for workers that come by way of a Redis: give --queue as well");
      }
      checkStoreAt({ ...options, at: options.storeAt });
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

/** The files that a sweep's folder holds from its beginning: its own, and the recipe with what it had when the sweep began. */
const FILE = "sweep.yaml";
const RECIPE = "recipe.yaml";

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
    const given = await readRecipe(`${dir}/${RECIPE}`, io.store);
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
  if (options.best) await takeBest(io, report, dir, options.best);
  const { differences, trials } = report;
  if (differences.length > 0) {
    const [{ label, what, values }] = differences;
    throw new UserError(
      `${differences.length} jobs were done twice and came to something else, first ${label}: ${what} ${
        values.join(" and ")
      }: ` +
        "this adapter doesn't give the same bits, so the sweep's numbers can't be had again",
    );
  }
  const failed = trials.filter(({ state }) => state === "failed");
  if (failed.length === 0) return;
  throw new UserError(
    `${failed.length} of ${trials.length} trials failed, first ${failed[0].id}: ${
      failed[0].reason
    }; the others are done; to try ` +
      `them again: ${resuming(dir, options)}`,
  );
}

/** Says how to go on, where there is something to go on with. */
async function resumable(io: Io, error: unknown, dir: string, options: SweepCommandOptions): Promise<unknown> {
  const { resume } = options;
  const stopped = io.signal.aborted && io.signal.reason instanceof StopSignal;
  const kept = await io.store.size(`${dir}/${SWEEP_GROUND}`).catch(() => undefined) !== undefined;
  if (!kept && resume === undefined) {
    for (const name of [FILE, RECIPE]) await io.store.remove(`${dir}/${name}`).catch(() => {});
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
  const recipe = isNamed(file.recipe) ? file.recipe : relativeTo(path, file.recipe);
  const given = await readRecipe(recipe, store);
  try {
    checkSweep(file, given);
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${path}: ${error.message}`) : error;
  }
  const { dir, lock } = await freeFolder(io, out, file.name);
  const encode = (text: string) => new TextEncoder().encode(text);
  try {
    const frozen = stringify(mapPaths(given.given as object, seenFrom(dir)), { lineWidth: 120 });
    await store.write(joinPath(dir, RECIPE), encode(frozen));
    await store.write(joinPath(dir, FILE), encode(text));
    return { dir, file, lock };
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
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
  const { file } = await loadSweepFile(joinPath(dir, FILE), io.store);
  return { dir, file, lock: await io.lockFolder(dir) };
}
