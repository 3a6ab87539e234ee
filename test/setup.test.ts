import { suite } from "uvu";
import * as assert from "uvu/assert";
import { aptPercent } from "../scripts/install.ts";
import { LEAST_FIREFOX, majorVersion } from "../scripts/firefox.ts";
import { withRedis } from "./needs_redis.ts";
import { type Machine, parseDistro, remedy, withoutPackages } from "../scripts/requirements.ts";

const test = suite("setup");

const debianRoot: Machine = { os: "linux", distro: ["debian"], root: true, noInstall: false };

test("root on Debian or Ubuntu gets the software Vulkan driver installed, after an update", () => {
  for (const distro of [["debian"], ["ubuntu", "debian"]]) {
    const action = remedy("gpu", { ...debianRoot, distro });
    assert.is(action.kind, "install");
    if (action.kind !== "install") return;
    assert.equal(action.commands[0], ["apt-get", "update"]);
    assert.ok(action.commands[1].includes("mesa-vulkan-drivers"));
    assert.ok(action.commands[1].includes("-y"), "nobody is there to answer");
  }
});

test("the browser is Debian's chromium, and Playwright's on Ubuntu, whose package is only a snap", () => {
  const commands = (distro: string[]) => {
    const action = remedy("browser", { ...debianRoot, distro });
    return action.kind === "install" ? action.commands.at(-1)!.join(" ") : "";
  };
  assert.match(commands(["debian"]), /^apt-get install .*\bchromium$/);
  assert.match(commands(["ubuntu", "debian"]), /^npx .*playwright-core.* install .*chromium$/);
});

test("Firefox is Debian's package, which is installed, and on Ubuntu one is told where to get it", () => {
  const debian = remedy("firefox", debianRoot);
  assert.equal(debian.kind === "install" && debian.commands.at(-1)!.at(-1), "firefox-esr");
  const ubuntu = remedy("firefox", { ...debianRoot, distro: ["ubuntu", "debian"] });
  assert.match(ubuntu.kind === "tell" ? ubuntu.command : "", /FIREFOX_PATH/);
});

test("Redis is Debian's package on Ubuntu as well", () => {
  for (const distro of [["debian"], ["ubuntu", "debian"]]) {
    const action = remedy("redis", { ...debianRoot, distro });
    assert.is(action.kind === "install" && action.commands.at(-1)!.at(-1), "redis-server");
  }
});

test("tests that need a Redis are left out by name where there is none", () => {
  const printed: string[] = [];
  const files = ["sweep/queue.test.ts", "sweep/redis_queue.test.ts", "redistribute.test.ts"];
  const kept = withRedis(files, (text) => printed.push(text), () => undefined);
  assert.equal(kept, ["sweep/queue.test.ts", "redistribute.test.ts"]);
  assert.is(printed.length, 1);
  assert.match(printed[0], /^sweep\/redis_queue\.test\.ts is left out: there is no redis-server here/);
  assert.equal(withRedis(files, (text) => printed.push(text), () => "/usr/bin/redis-server"), files);
  assert.is(printed.length, 1);
});

test("a Firefox without WebGPU doesn't count", () => {
  assert.is(majorVersion("Mozilla Firefox 153.8.0esr"), 153);
  assert.ok(majorVersion("Mozilla Firefox 140.12.0esr") < LEAST_FIREFOX);
  assert.is(majorVersion("Command '/usr/bin/firefox' requires the firefox snap to be installed."), 0);
});

test("Playwright's version is the one that the browser tests use", async () => {
  const config = JSON.parse(await Deno.readTextFile(new URL("./browser/deno.json", import.meta.url)));
  const action = remedy("browser", { ...debianRoot, os: "darwin" });
  assert.ok(action.kind === "tell" && action.command.includes(config.imports["playwright-core"].slice("npm:".length)));
});

test("without root, or told not to install, Debian is given the one command to run", () => {
  const user = remedy("gpu", { ...debianRoot, root: false });
  assert.equal(user, {
    kind: "tell",
    command: "sudo apt-get update && sudo apt-get install -y --no-install-recommends mesa-vulkan-drivers",
  });
  const forbidden = remedy("gpu", { ...debianRoot, noInstall: true });
  assert.equal(forbidden, {
    kind: "tell",
    command: "apt-get update && apt-get install -y --no-install-recommends mesa-vulkan-drivers",
  });
});

test("nothing is ever installed on another system, and each gets a command", () => {
  const systems: [string, string[]][] = [
    ["linux", ["fedora"]],
    ["linux", ["arch"]],
    ["linux", ["opensuse-leap", "suse", "opensuse"]],
    ["linux", ["nixos"]],
    ["linux", []],
    ["darwin", []],
    ["windows", []],
  ];
  for (const [os, distro] of systems) {
    for (const root of [true, false]) {
      for (const need of ["gpu", "browser", "firefox", "redis"] as const) {
        const action = remedy(need, { os, distro, root, noInstall: false });
        assert.is(action.kind, "tell", `${need} on ${os} ${distro}`);
        assert.ok(action.kind === "tell" && action.command.length > 10);
      }
    }
  }
});

test("the distribution is read from os-release, quoted or not", () => {
  assert.equal(parseDistro('PRETTY_NAME="Debian"\nID=debian\n'), ["debian"]);
  assert.equal(parseDistro('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n'), ["opensuse-leap", "suse", "opensuse"]);
  assert.equal(parseDistro("VERSION_ID=12\nID=ubuntu\nID_LIKE=debian"), ["ubuntu", "debian"]);
  assert.equal(parseDistro(""), []);
});

test("apt's status lines become one percentage: downloads the first half, unpacking the second", () => {
  assert.is(aptPercent("Get:1 libc6\n"), undefined);
  assert.is(aptPercent("dlstatus:3:40.0000:Retrieving file 3 of 9 (2s remaining)\n"), 20);
  assert.is(aptPercent("dlstatus:9:100:Done\npmstatus:libvulkan1:amd64:50.0:Unpacking libvulkan1\n"), 75);
});

test("each task sees to Secateur's packages before anything that needs them runs", async () => {
  const { tasks, nodeModulesDir } = JSON.parse(await Deno.readTextFile(new URL("../deno.json", import.meta.url)));
  assert.is(nodeModulesDir, "manual", "Deno doesn't fetch them itself");
  for (const [name, { command }] of Object.entries<{ readonly command: string }>(tasks)) {
    assert.match(command, /^deno run -A scripts\/(setup\.ts|packages\.ts \.)( |$)/, name);
  }
});

test("where packages can't be fetched one line says whose, why, and what to do", () => {
  const said =
    "error: Failed caching npm package 'yaml@2.9.1'\n\nCaused by:\n    0: error sending request: dns error\n" +
    "    1: dns error\n\nStack backtrace:\n   0: <unknown>\n";
  assert.is(
    withoutPackages("src/web/", said),
    "The packages of src/web/ aren't here and can't be fetched (Failed caching npm package 'yaml@2.9.1': error sending request: " +
      "dns error): run `deno task setup` where there is a network; a machine without one gets this folder with its " +
      "node_modules from there",
  );
  assert.match(
    withoutPackages("test/browser/", "broken"),
    /^The packages of test\/browser\/ aren't here and can't be fetched \(broken\): run /,
  );
});

test.run();
