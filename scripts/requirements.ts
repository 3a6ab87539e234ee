/** What this machine has and what may be done about what it lacks. Pure: `setup.ts` finds the facts and acts. */
export interface Machine {
  readonly os: "linux" | "darwin" | "windows" | string;
  /** `ID` and `ID_LIKE` of /etc/os-release, e.g. ["ubuntu", "debian"]; empty elsewhere. */
  readonly distro: readonly string[];
  readonly root: boolean;
  /** SECATEUR_NO_INSTALL is set: nothing may be installed. */
  readonly noInstall: boolean;
}

/** A Firefox is a second engine for the phone page's tests, and a Redis the server of queues of sweeps; tests do without them. */
export type Need = "gpu" | "browser" | "firefox" | "redis";

/** `install`: run `commands` in order. `tell`: print `command` (one line for the user to run) and stop. */
export type Action =
  | { readonly kind: "install"; readonly commands: readonly (readonly string[])[] }
  | { readonly kind: "tell"; readonly command: string };

/** Playwright builds browsers only for its own version, so this is the version of test/browser/deno.json. */
const PLAYWRIGHT = "playwright-core@1.65.1";

interface PackageManager {
  readonly distros: readonly string[];
  readonly before: readonly (readonly string[])[];
  readonly install: readonly string[];
  readonly packages: Readonly<Record<Need, string>>;
}

const MANAGERS: readonly PackageManager[] = [
  {
    distros: ["debian", "ubuntu"],
    before: [["apt-get", "update"]],
    install: ["apt-get", "install", "-y", "--no-install-recommends"],
    packages: { gpu: "mesa-vulkan-drivers", browser: "chromium", firefox: "firefox-esr", redis: "redis-server" },
  },
  {
    distros: ["fedora", "rhel"],
    before: [],
    install: ["dnf", "install", "-y"],
    packages: { gpu: "mesa-vulkan-drivers", browser: "chromium", firefox: "firefox", redis: "redis" },
  },
  {
    distros: ["arch"],
    before: [],
    install: ["pacman", "-S"],
    packages: { gpu: "vulkan-swrast", browser: "chromium", firefox: "firefox", redis: "valkey" },
  },
  {
    distros: ["suse", "opensuse"],
    before: [],
    install: ["zypper", "install"],
    packages: { gpu: "libvulkan_lvp", browser: "chromium", firefox: "MozillaFirefox", redis: "redis" },
  },
];

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

function linuxRecipe(need: Need, distro: readonly string[]): (readonly string[])[] | undefined {
  // Ubuntu's chromium package only fetches a snap, which containers and many servers can't run.
  if (need === "browser" && distro.includes("ubuntu")) {
    return [["npx", "-y", PLAYWRIGHT, "install", "--with-deps", "chromium"]];
  }
  // Ubuntu's firefox package is a snap too, and Playwright's own build of Firefox isn't what people have.
  if (need === "firefox" && distro.includes("ubuntu")) return undefined;
  const manager = MANAGERS.find(({ distros }) => distros.some((name) => distro.includes(name)));
  return manager && [...manager.before, [...manager.install, manager.packages[need]]];
}

function elsewhere(need: Need, os: string): string {
  if (need === "redis") {
    return "install Redis 6.2 or newer from https://redis.io and set REDIS_SERVER_PATH to redis-server";
  }
  if (need === "firefox") return "install Firefox from https://www.firefox.com and set FIREFOX_PATH to its program";
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

/**
 * Says in one line that packages are missing, and what to do.
 *
 * @param folder whose packages they are: "src/web/"
 * @param said by `deno install`: its first line names a package, the next one why it can't be had
 */
export function withoutPackages(folder: string, said: string): string {
  const lines = said.split("\n").map((line) => line.replace(/^(error|\s*\d+): /, "").trim());
  const [problem = "", cause] = lines.filter((line) => line !== "" && line !== "Caused by:");
  return `The packages of ${folder} aren't here and can't be fetched (${problem}${cause ? `: ${cause}` : ""}): run ` +
    "`deno task setup` where there is a network; a machine without one gets this folder with its node_modules from there";
}
