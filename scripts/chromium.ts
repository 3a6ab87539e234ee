import { chosenBy, isFile, onPath, versionOf } from "./executables.ts";

/**
 * The path of a Chromium or Chrome on this machine, or undefined. `$CHROMIUM_PATH` wins when set.
 *
 * @throws when `$CHROMIUM_PATH` names a file that doesn't exist.
 */
export async function findChromium(): Promise<string | undefined> {
  const chosen = chosenBy("CHROMIUM_PATH", "Chromium");
  if (chosen) return chosen;
  for (const path of candidates()) {
    // chrome.exe --version would open a window.
    if (isFile(path) && (Deno.build.os === "windows" || await versionOf(path) !== undefined)) return path;
  }
  return undefined;
}

function candidates(): string[] {
  const home = Deno.env.get("HOME") ?? "";
  switch (Deno.build.os) {
    case "darwin":
      return [
        ...["", home].flatMap((root) => [
          `${root}/Applications/Google Chrome.app/Contents/MacOS/Google Chrome`,
          `${root}/Applications/Chromium.app/Contents/MacOS/Chromium`,
        ]),
        ...ofPlaywright(`${home}/Library/Caches/ms-playwright`, [
          "chrome-mac/Chromium.app/Contents/MacOS/Chromium",
          "chrome-mac-arm64/Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing",
        ]),
      ];
    case "windows":
      return [
        ...["ProgramFiles", "ProgramFiles(x86)", "LocalAppData"].map((name) =>
          `${Deno.env.get(name)}\\Google\\Chrome\\Application\\chrome.exe`
        ),
        ...ofPlaywright(`${Deno.env.get("LocalAppData")}\\ms-playwright`, [
          "chrome-win\\chrome.exe",
          "chrome-win64\\chrome.exe",
        ]),
      ];
    default:
      return [
        ...["chromium", "google-chrome", "google-chrome-stable", "chromium-browser"].flatMap(onPath),
        ...ofPlaywright(`${home}/.cache/ms-playwright`, ["chrome-linux/chrome", "chrome-linux64/chrome"]),
      ];
  }
}

/** Browsers that `playwright install` unpacked below `cache`, newest first. */
function ofPlaywright(cache: string, inside: readonly string[]): string[] {
  try {
    const builds = [...Deno.readDirSync(cache)].map((entry) => entry.name).filter((name) =>
      /^chromium-\d+$/.test(name)
    );
    const number = (name: string) => Number(name.slice("chromium-".length));
    builds.sort((a, b) => number(b) - number(a));
    return builds.flatMap((build) => inside.map((path) => `${cache}/${build}/${path}`));
  } catch {
    return [];
  }
}
