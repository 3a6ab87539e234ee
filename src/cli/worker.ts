import { Command } from "commander";
import { UserError } from "../errors.ts";
import { RULES } from "../sweep/queue/queue.ts";
import { requireFit, requireIdentity, runWorker } from "../sweep/worker.ts";
import { examples } from "./examples.ts";
import { sourceHash } from "./identity.ts";
import { type Io, StopSignal } from "./io.ts";

interface WorkerCommandOptions {
  readonly queue: string;
  readonly store?: string;
  readonly work?: string;
  readonly dataDir?: string;
  readonly quiet?: boolean;
}

export function workerCommand(io: Io): Command {
  return new Command("worker")
    .description(
      "do jobs of a sweep, one at a time, until it ends",
    )
    .requiredOption("--queue <where>", "redis://host:6379, from any machine, or the sweep's folder on this one")
    .option(
      "--store <where>",
      "where results and checkpoints are kept: a folder, or http://host:port of a sweep --store-at (default: as the sweep says)",
    )
    .option("--work <dir>", "where jobs have their folders while they are done (default: work beside the queue's file)")
    .option("--data-dir <dir>", "where the data set's files lie")
    .option("--quiet", "print errors and warnings only")
    .addHelpText(
      "after",
      `${
        examples(
          "worker --queue runs/sweeps/criteria-1",
          "worker --queue redis://127.0.0.1:6379 --store /mnt/store",
          "worker --queue redis://127.0.0.1:6379 --store http://127.0.0.1:8600",
        )
      }

Passwords: SECATEUR_REDIS_PASSWORD of the Redis, SECATEUR_STORE_TOKEN of the store`,
    )
    .action(async (options: WorkerCommandOptions) => {
      try {
        await work(io, options);
      } catch (error) {
        if (io.signal.aborted && io.signal.reason instanceof StopSignal) {
          throw new UserError(
            "interrupted; its job goes on at another worker, or at this one when it is started again",
          );
        }
        throw error;
      }
    });
}

async function work(
  io: Io,
  { queue: where, store, work: workDir, dataDir, quiet }: WorkerCommandOptions,
): Promise<void> {
  const [
    { isRedis, openQueue, shownQueue },
    { openWorkProcess },
    { workerName },
    { absolutePath },
    { isRemote, openStore },
  ] = await Promise.all([
    import("../sweep/deno/open_queue.ts"),
    import("../sweep/deno/work_process.ts"),
    import("../sweep/deno/run_sweep.ts"),
    import("../store/deno_paths.ts"),
    import("../sweep/deno/open_store.ts"),
  ]);
  const queue = await openQueue(where);
  try {
    const header = await queue.header();
    if (!header) {
      throw new UserError(`${shownQueue(where)}: no sweep has begun there: begin one with deno task sweep`);
    }
    const identity = { tool: `secateur ${io.version()}`, commit: await io.commit(), source: await sourceHash() };
    requireIdentity(`the sweep ${header.sweep}`, header.identity, identity);
    const name = workerName(0);
    const kept = store !== undefined && isRemote(store) ? store : absolutePath(store ?? header.store);
    if (header.mark !== undefined && !await openStore(kept, io.store, { patienceMs: 0 }).get(header.mark)) {
      throw new UserError(
        `${kept} is not the store of the sweep ${header.sweep}: name the coordinator's by --store: its folder, brought here by a ` +
          "network's file system, or the address where its --store-at serves it",
      );
    }
    const process = openWorkProcess({
      script: new URL("./sweep_child.ts", import.meta.url).href,
      settings: {
        store: kept,
        work: absolutePath(workDir ?? (isRedis(where) ? "runs/sweeps/work" : `${where}/work`)),
        dataDir,
        worker: name,
      },
    });
    try {
      const { adapter } = await process.probe({});
      requireFit(header, { identity, adapter });
      const ui = { note: (text: string) => quiet || io.out(text), warn: (text: string) => io.err(`warning: ${text}`) };
      const info = { name, machine: Deno.hostname(), adapter };
      await runWorker({ queue, info, work: process, signal: io.signal, ui, renewMs: RULES.leaseMs / 3 });
      if (!quiet) io.out(`the sweep ${header.sweep} has ended`);
    } finally {
      process.close();
    }
  } finally {
    queue.close();
  }
}
