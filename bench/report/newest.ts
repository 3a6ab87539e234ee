/**
 * "kernels-chromium-2026-11-24T01-16-54.444Z.json": suite, where it ran if not in Deno, time. What was measured on another
 * machine and imported is "kernels@nvidia-h200-2026-….json".
 */
const RECORD = /^(.+?)(-chromium|@[a-z0-9-]+)?-(\d{4}-\d{2}-\d{2}T[\d.-]+Z)\.json$/;

/**
 * The newest record of each suite, those from Deno, from Chromium and from each other adapter apart, in the order of
 * `suites`.
 */
export function newest(files: readonly string[], suites: readonly string[]): string[] {
  const latest = new Map<string, { file: string; time: string }>();
  for (const file of files) {
    const [, suite, where = "", time] = RECORD.exec(file) ?? [];
    const known = latest.get(suite + where);
    if (time !== undefined && (known === undefined || time > known.time)) latest.set(suite + where, { file, time });
  }
  const places = [...latest.keys()].flatMap((key) => key.match(/@.+$/)?.[0] ?? []);
  const wheres = ["", "-chromium", ...new Set(places.sort())];
  return suites.flatMap((suite) =>
    wheres.flatMap((where) => latest.has(suite + where) ? [latest.get(suite + where)!.file] : [])
  );
}
