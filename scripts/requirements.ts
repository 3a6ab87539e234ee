/** What this machine has and what may be done about what it lacks. Pure: `setup.ts` finds the facts and acts. */
export interface Machine {
  readonly os: "linux" | "darwin" | "windows" | string;
  /** `ID` and `ID_LIKE` of /etc/os-release, e.g. ["ubuntu", "debian"]; empty elsewhere. */
  readonly distro: readonly string[];
  readonly root: boolean;
  /** SECATEUR_NO_INSTALL is set: nothing may be installed. */
  readonly noInstall: boolean;
}

export type Need = "gpu" | "browser";

/** `install`: run `commands` in order. `tell`: print `command` (one line for the user to run) and stop. */
export type Action =
  | { readonly kind: "install"; readonly commands: readonly (readonly string[])[] }
  | { readonly kind: "tell"; readonly command: string };

/** Playwright builds browsers only for its own version, so this is the version of test/browser/deno.json. */
const PLAYWRIGHT = "playwright-core@1.65.1";

/** Decides how a missing `need` is met on `machine`: by installing it, or by telling the user how. */
export function remedy(need: Need, machine: Machine): Action {
  const recipe = machine.os === "linux" ? linuxRecipe(need, machine.distro) : undefined;
  if (!recipe) return { kind: "tell", command: elsewhere(need, machine.os) };
  if (machine.noInstall || !machine.root || !isDebian(machine.distro)) {
    return { kind: "tell", command: recipe.map((words) => withRoot(words, machine.root)).join(" && ") };
  }
  return { kind: "install", commands: recipe };
}

function isDebian(distro: readonly string[]): boolean {
  return distro.includes("debian") || distro.includes("ubuntu");
}

function withRoot(words: readonly string[], root: boolean): string {
  return (root || words[0] === "npx" ? words : ["sudo", ...words]).join(" ");
}

function linuxRecipe(need: Need, distro: readonly string[]): string[][] | undefined {
  // Ubuntu's chromium package only fetches a snap, which containers and many servers can't run.
  if (need === "browser" && distro.includes("ubuntu")) {
    return [["npx", "-y", PLAYWRIGHT, "install", "--with-deps", "chromium"]];
  }
  const packages = { gpu: "mesa-vulkan-drivers", browser: "chromium" };
  if (isDebian(distro)) {
    return [["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", packages[need]]];
  }
  if (distro.includes("fedora") || distro.includes("rhel")) return [["dnf", "install", "-y", packages[need]]];
  if (distro.includes("arch")) return [["pacman", "-S", need === "gpu" ? "vulkan-swrast" : "chromium"]];
  if (distro.includes("suse") || distro.includes("opensuse")) {
    return [["zypper", "install", need === "gpu" ? "libvulkan_lvp" : "chromium"]];
  }
  return undefined;
}

function elsewhere(need: Need, os: string): string {
  if (need === "browser") return `npx -y ${PLAYWRIGHT} install chromium`;
  if (os === "darwin") return "softwareupdate --install --all   # WebGPU needs Metal: macOS 11 or newer";
  if (os === "windows") return "winget upgrade --all   # WebGPU needs a Direct3D 12 or Vulkan driver";
  return "install a Vulkan driver with your package manager (Mesa's software driver is called lavapipe)";
}

/** The distribution's names from the text of /etc/os-release, its own first, then what it is like. */
export function parseDistro(osRelease: string): string[] {
  const value = (key: string) => osRelease.match(new RegExp(`^${key}=["']?([^"'\\n]*)`, "m"))?.[1] ?? "";
  return `${value("ID")} ${value("ID_LIKE")}`.toLowerCase().split(/\s+/).filter((name) => name !== "");
}
