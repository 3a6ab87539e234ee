/** How far a sweep is: its trials, and what its workers do. */
import { UserError } from "../errors.ts";
import { duration } from "../report/format.ts";
import type { Wish } from "../sweep/best.ts";
import type { Queue, QueueState } from "../sweep/queue/queue.ts";
import { readGround, readReport, type SweepReport } from "../sweep/report.ts";
import type { Io } from "./io.ts";
import { formatSweep } from "./sweep_tables.ts";
import { drawFront, takeBest, writeSweepPage } from "./sweep_views.ts";
import { formatTable } from "./table.ts";
import { wait } from "../sweep/wait.ts";

const REFRESH_MS = 1000;

/** Between two versions of the page while a sweep is watched. */
const PAGE_MS = 10_000;

interface StatusOptions {
  readonly queue?: string;
  readonly json?: boolean;
  readonly best?: Wish;
}

/** Once, or in a terminal again and again until the sweep has ended. Draws the page, too; with `best` that trial is all. */
export async function showStatus(io: Io, dir: string, { queue: address, json, best }: StatusOptions): Promise<void> {
  await readGround(io.store, dir);
  if (best) {
    const report = await readReport(io.store, dir);
    if (!report) throw new UserError(`${dir}: no trial of this sweep is done yet`);
    return await takeBest(io, report, dir, best);
  }
  const queue = await queueOf(io, dir, address);
  try {
    const live = !json && Deno.stdout.isTerminal();
    let drawn = -Infinity;
    for (;;) {
      const [state, report] = [await queue?.state(), await readReport(io.store, dir)];
      if (json) return io.out(JSON.stringify({ ...report, queue: state }, null, 2));
      if (report && performance.now() - drawn > PAGE_MS) {
        await writeSweepPage(io, report, dir);
        drawn = performance.now();
      }
      if (live) Deno.stdout.writeSync(new TextEncoder().encode("\x1b[H\x1b[2J"));
      io.out(formatStatus(state, report, { now: Date.now(), width: io.width }));
      if (!live || report?.ended || io.signal.aborted) return;
      await wait(REFRESH_MS, io.signal);
    }
  } finally {
    queue?.close();
  }
}

/**
 * Undefined where the sweep has ended: then nobody works for it, and its Redis may be gone.
 * @throws UserError where it can't be reached, behind what is known without it
 */
async function queueOf(io: Io, dir: string, address: string | undefined): Promise<Queue | undefined> {
  const report = await readReport(io.store, dir);
  if (report?.ended) return undefined;
  const { openQueue } = await import("../sweep/deno/open_queue.ts");
  try {
    return await openQueue(address ?? dir);
  } catch (error) {
    if (report) io.out(formatStatus(undefined, report, { now: Date.now(), width: io.width }));
    throw error;
  }
}

/** @param now milliseconds since 1970; `width` in characters */
export function formatStatus(
  state: QueueState | undefined,
  report: SweepReport | undefined,
  { now, width }: { readonly now: number; readonly width: number },
): string {
  const front = report && drawFront(report, width);
  const { running = [] } = state ?? {};
  const seconds = (since: number) => duration(Math.max(0, now - since) / 1000);
  const rows = running.map(({ id, worker, since, renewed, progress }) => [
    worker,
    id.slice(0, 8),
    seconds(since),
    progress ?? "",
    now - renewed > SILENT_MS ? `silent for ${seconds(renewed)}` : "",
  ]);
  const parts = [
    report ? formatSweep(report) : "no trial yet",
    ...front === undefined ? [] : [front],
    ...state === undefined ? [] : [queueLine(state)],
  ];
  if (rows.length > 0) parts.push(formatTable([["worker", "job", "for", "doing", ""], ...rows], { header: true }));
  return parts.join("\n\n");
}

function queueLine({ waiting, running, done, failed }: QueueState): string {
  return `queue: ${waiting} waiting, ${running.length} running, ${done} done${failed > 0 ? `, ${failed} failed` : ""}`;
}

/** A worker that hasn't renewed its lease for so long has missed its time to. */
const SILENT_MS = 30_000;
