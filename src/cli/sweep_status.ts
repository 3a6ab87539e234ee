/** How far a sweep is: its trials, and what its workers do. */
import { UserError } from "../errors.ts";
import { duration } from "../report/format.ts";
import type { Wish } from "../sweep/best.ts";
import type { QueueState } from "../sweep/queue/queue.ts";
import { readGround, SWEEP_REPORT, type SweepReport } from "../sweep/report.ts";
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
    const report = await reportOf(io, dir);
    if (!report) throw new UserError(`${dir}: no trial of this sweep is done yet`);
    return await takeBest(io, report, dir, best);
  }
  const { openQueue } = await import("../sweep/deno/open_queue.ts");
  const queue = await openQueue(address ?? dir);
  try {
    const live = !json && Deno.stdout.isTerminal();
    let drawn = -Infinity;
    for (;;) {
      const [state, report] = [await queue.state(), await reportOf(io, dir)];
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
    queue.close();
  }
}

async function reportOf(io: Io, dir: string): Promise<SweepReport | undefined> {
  const path = `${dir}/${SWEEP_REPORT}`;
  const bytes = await io.store.read(path);
  try {
    return bytes && JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new UserError(`${path}: is no JSON: go on with the sweep by --resume ${dir}, which writes it anew`);
  }
}

/** @param now milliseconds since 1970; `width` in characters */
export function formatStatus(
  { waiting, done, failed, running }: QueueState,
  report: SweepReport | undefined,
  { now, width }: { readonly now: number; readonly width: number },
): string {
  const front = report && drawFront(report, width);
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
    `queue: ${waiting} waiting, ${running.length} running, ${done} done${failed > 0 ? `, ${failed} failed` : ""}`,
  ];
  if (rows.length > 0) parts.push(formatTable([["worker", "job", "for", "doing", ""], ...rows], { header: true }));
  return parts.join("\n\n");
}

/** A worker that hasn't renewed its lease for so long has missed its time to. */
const SILENT_MS = 30_000;
