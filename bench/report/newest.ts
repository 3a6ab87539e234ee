/** "kernels-chromium-2026-11-24T01-16-54.444Z.json": suite, where it ran if not in Deno, time. */
const RECORD = /^(.+?)(-chromium)?-(\d{4}-\d{2}-\d{2}T[\d.-]+Z)\.json$/;

/** The newest record of each suite, those from Deno and from Chromium apart, in the order of `suites`. */
export function newest(files: readonly string[], suites: readonly string[]): string[] {
  const latest = new Map<string, { file: string; time: string }>();
  for (const file of files) {
    const [, suite, where = "", time] = RECORD.exec(file) ?? [];
    const known = latest.get(suite + where);
    if (time !== undefined && (known === undefined || time > known.time)) latest.set(suite + where, { file, time });
  }
  return suites.flatMap((suite) =>
    ["", "-chromium"].flatMap((where) => latest.has(suite + where) ? [latest.get(suite + where)!.file] : [])
  );
}
