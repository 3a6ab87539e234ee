/**
 * Makes sure that this machine can run Secateur: a WebGPU adapter and, with `--browser`, a Chromium for the browser
 * tests. Says nothing when all is there. Installs what is missing where it may (root on Debian or Ubuntu, and
 * SECATEUR_NO_INSTALL unset); otherwise prints the command that would, and exits with 1. A Firefox for those tests is
 * wanted as well, and done without where it can't be had: they leave its part out, and say so. The same holds, with `--redis`, for
 * the Redis that sweeps over several machines have their queue on, and for the packages that talk to it.
 *
 * Installs Secateur's npm packages as well (packages.ts). What follows the set-up runs with --cached-only, because Deno would
 * otherwise fetch their metadata again at every short run, and say so.
 */
import { prepareEnvironment } from "../src/cli/environment.ts";
import { findChromium } from "./chromium.ts";
import { findFirefox } from "./firefox.ts";
import { install } from "./install.ts";
import { installPackages } from "./packages.ts";
import { findRedis } from "./redis.ts";
import { type Machine, type Need, parseDistro, remedy } from "./requirements.ts";

const TITLE: Record<Need, string> = {
  gpu: "a WebGPU adapter (GPU, or Mesa's software Vulkan)",
  browser: "a Chromium for the browser tests",
  firefox: "a Firefox for the browser tests",
  redis: "a redis-server, for sweeps by workers on other machines",
};

async function setup(needs: readonly Need[]): Promise<void> {
  prepareEnvironment();
  for (const need of needs) {
    if (await PRESENT[need]()) continue;
    const action = remedy(need, thisMachine());
    if (action.kind === "tell") {
      throw new Error(`This machine lacks ${TITLE[need]}. To get it, run:\n\n    ${action.command}\n`);
    }
    console.error(`This machine lacks ${TITLE[need]}: installing it.`);
    for (const command of action.commands) await install(command);
    if (!await presentNow(need)) {
      throw new Error(`Installed what should have given ${TITLE[need]}, and it still can't be found.`);
    }
  }
}

const PRESENT: Readonly<Record<Need, () => Promise<boolean>>> = {
  gpu: hasAdapter,
  browser: async () => await findChromium() !== undefined,
  firefox: async () => await findFirefox() !== undefined,
  redis: () => Promise.resolve(findRedis() !== undefined),
};

/** Like `PRESENT` after an installation: this process has already read the list of Vulkan drivers, a new one reads it again. */
async function presentNow(need: Need): Promise<boolean> {
  if (need !== "gpu") return await PRESENT[need]();
  return (await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", import.meta.filename!, "--probe"],
    stdout: "null",
  }).output())
    .success;
}

async function hasAdapter(): Promise<boolean> {
  return await navigator.gpu?.requestAdapter().catch(() => null) != null;
}

function thisMachine(): Machine {
  return {
    os: Deno.build.os,
    distro: parseDistro(readOr("/etc/os-release", "")),
    root: Deno.build.os !== "windows" && Deno.uid() === 0,
    noInstall: !["", "0", undefined].includes(Deno.env.get("SECATEUR_NO_INSTALL")),
  };
}

function readOr(path: string, otherwise: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return otherwise;
  }
}

if (import.meta.main) {
  if (Deno.args.includes("--probe")) {
    prepareEnvironment();
    Deno.exit(await hasAdapter() ? 0 : 1);
  }
  try {
    await installPackages(["."]);
    await setup(Deno.args.includes("--browser") ? ["gpu", "browser"] : ["gpu"]);
    const wanted = async (need: Need) => await setup([need]).catch(({ message }) => console.error(message));
    if (Deno.args.includes("--browser")) await wanted("firefox");
    if (Deno.args.includes("--redis")) await wanted("redis");
    if (Deno.args.includes("--redis") && findRedis() !== undefined) await installPackages(["src/sweep/deno/redis"]);
  } catch (error) {
    console.error((error as Error).message);
    Deno.exit(1);
  }
}
