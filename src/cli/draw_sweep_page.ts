/** A sweep's page, from what lies in the sweep's folder. */
import { joinPath, normalisePath } from "../store/path.ts";
import type { Store } from "../store/types.ts";
import { type SweepReport, trialFolder } from "../sweep/report.ts";

/** @param followMs how often a page that a server shows asks for changes; of a file undefined */
export async function drawSweepPage(
  store: Store,
  report: SweepReport,
  dir: string,
  followMs?: number,
): Promise<string> {
  const { renderSweep } = await import("../sweep/view/sweep_page.ts");
  const decode = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);
  const reports = new Set(await store.list(joinPath(dir, "trials")));
  return await renderSweep({
    report,
    file: decode(await store.read(joinPath(dir, "sweep.yaml"))),
    reportOf(id) {
      return reports.has(normalisePath(`${trialFolder(dir, id)}/report.html`)) ? `trials/${id}/report.html` : undefined;
    },
    followMs,
  });
}
