/** What axe finds on a page that keeps people from using it. */
import axe from "axe-core";
import type { Page } from "playwright-core";

/** Runs before the page does, or is added to one that allows scripts. */
export const AXE_SCRIPT: string = axe.source;

/** Findings of serious and critical impact, each with its element and what would mend it. The page must have the script. */
export async function seriousFindings(page: Page): Promise<string[]> {
  return await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof import("axe-core") };
    const { violations } = await axe.run(document);
    return violations.filter(({ impact }) => impact === "serious" || impact === "critical")
      .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}: ${failureSummary}`));
  });
}
