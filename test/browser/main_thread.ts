/** How long a page's main thread is kept by one task. */
import type { Page } from "playwright-core";

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** On the wall and of the thread's processor, in µs. */
  readonly dur?: number;
  readonly tdur?: number;
  readonly args: { readonly name?: string };
}

export interface LongestTasks {
  readonly ms: number;
  /** The processor's time stays the same on a machine that does other things as well. */
  readonly cpuMs: number;
}

/** The longest that a task of the page's main thread took meanwhile. */
export async function longestTasks(page: Page, work: () => Promise<unknown>): Promise<LongestTasks> {
  const browser = page.context().browser()!;
  await browser.startTracing(page, { categories: ["toplevel"] });
  await work();
  // A task answers before it ends, and is in the trace when it has ended: another one comes after it.
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
  const trace = new TextDecoder().decode(await browser.stopTracing());
  const events: readonly TraceEvent[] = JSON.parse(trace).traceEvents;
  const thread = ({ pid, tid }: TraceEvent) => `${pid} ${tid}`;
  const isName = ({ name, args }: TraceEvent) => name === "thread_name" && args.name === "CrRendererMain";
  const main = new Set(events.filter(isName).map(thread));
  const tasks = events.filter((event) => event.ph === "X" && main.has(thread(event)));
  const longest = (key: "dur" | "tdur") => tasks.reduce((most, { [key]: us = 0 }) => Math.max(most, us), 0) / 1000;
  return { ms: longest("dur"), cpuMs: longest("tdur") };
}

/** What 10⁸ additions take in the page now, in ms: about 100 on an idle machine, and more on one that is shared. */
export function additionsMs(page: Page): Promise<number> {
  return page.evaluate(() => {
    const started = performance.now();
    let sum = 0.5;
    for (let i = 0; i < 1e8; i++) sum += i;
    if (sum < 0) throw new Error("the loop has to be run");
    return performance.now() - started;
  });
}
