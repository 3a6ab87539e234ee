import { chosenBy, isFile, onPath, versionOf } from "./executables.ts";

/** The first with WebGPU in releases. */
export const LEAST_FIREFOX = 141;

/**
 * The path of a Firefox on this machine that is new enough for WebGPU, or undefined. `$FIREFOX_PATH` wins when set.
 *
 * @throws when `$FIREFOX_PATH` names a file that doesn't exist.
 */
export async function findFirefox(): Promise<string | undefined> {
  const chosen = chosenBy("FIREFOX_PATH", "Firefox");
  if (chosen) return chosen;
  for (const path of candidates()) {
    if (!isFile(path)) continue;
    // firefox.exe tells no version on a terminal.
    if (Deno.build.os === "windows" || majorVersion(await versionOf(path) ?? "") >= LEAST_FIREFOX) return path;
  }
  return undefined;
}

/** Of "Mozilla Firefox 153.8.0esr"; 0 where it says something else. */
export function majorVersion(said: string): number {
  return Number(/Firefox (\d+)/.exec(said)?.[1] ?? 0);
}

function candidates(): string[] {
  switch (Deno.build.os) {
    case "darwin":
      return ["", Deno.env.get("HOME") ?? ""].map((root) => `${root}/Applications/Firefox.app/Contents/MacOS/firefox`);
    case "windows":
      return ["ProgramFiles", "ProgramFiles(x86)"].map((name) => `${Deno.env.get(name)}\\Mozilla Firefox\\firefox.exe`);
    default:
      return ["firefox-esr", "firefox"].flatMap(onPath);
  }
}
