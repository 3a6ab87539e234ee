/** `secateur <command>`: the process around the program. */
import process from "node:process";
import { UserError } from "../errors.ts";
import { type DebugLevel, readDebugLevel } from "../gpu/trace.ts";
import type { OpenGpu } from "../gpu/gpu.ts";
import { denoStore } from "../store/deno.ts";
import { lockFolder } from "../store/deno_lock.ts";
import { joinPath } from "../store/path.ts";
import type { Ui } from "../ui.ts";
import { visible, visibleLines } from "../visible.ts";
import { commit, version } from "./identity.ts";
import { type Engine, type Io, StopSignal } from "./io.ts";
import { runProgram } from "./program.ts";
import { createUi } from "./ui.ts";

if (import.meta.main) {
  goWhereTheUserStands();
  Deno.exit(await runProgram(Deno.args, systemIo()));
}

/** A task runs in the folder of its deno.json, and says in this variable where it was called: paths are relative to that. */
function goWhereTheUserStands(): void {
  const folder = Deno.env.get("SECATEUR_CWD");
  if (folder) Deno.chdir(folder);
  Deno.env.delete("SECATEUR_CWD");
}

export function systemIo(): Io {
  return {
    store: denoStore(),
    out: (text) => writeLine(Deno.stdout, text),
    err: (text) => writeLine(Deno.stderr, text),
    ui: () => createUi(process.stderr),
    signal: interruptSignal(),
    debug: debugLevel,
    width: process.stdout.columns || 100,
    removeEmptyFolder: (path) => Deno.remove(path).catch(() => {}),
    lockFolder,
    version,
    commit,
    engine: loadEngine,
    serving: async () => (await import("./server/serving.ts")).systemServing(),
    confirm: (question) => Deno.stdin.isTerminal() && confirm(visible(question)),
  };
}

function debugLevel(): DebugLevel {
  return readDebugLevel(Deno.env.get("SECATEUR_DEBUG"), "SECATEUR_DEBUG");
}

async function loadEngine(): Promise<Engine> {
  const { prepareEnvironment } = await import("./environment.ts");
  prepareEnvironment();
  const [
    { runPrune },
    { verifyRun },
    { askKernel },
    { tuneModels },
    { dataLoader, imagesLoader, partLoader },
    { cacheDir },
    { evaluateNetwork },
    { measureTable, timeNetworks },
    { runSensitivity },
    { surveyNetwork },
    { runDoctor },
    { explainRun },
    { explainOnData },
    { runDeviceSearch },
    { Gpu },
  ] = await Promise.all([
    import("../run/pipeline.ts"),
    import("../run/verify.ts"),
    import("../measure/ask_kernel.ts"),
    import("../measure/tune_models.ts"),
    import("./data.ts"),
    import("../data/deno.ts"),
    import("../train/evaluate_network.ts"),
    import("../report/devices/time_networks.ts"),
    import("../run/measure_sensitivity.ts"),
    import("../run/survey_network.ts"),
    import("../run/doctor_run.ts"),
    import("../run/explain_run.ts"),
    import("../run/explain_on_data.ts"),
    import("../sweep/device_search/run_device_search.ts"),
    import("../gpu/gpu.ts"),
  ]);
  const debug = debugLevel();
  const open: OpenGpu = (options) => Gpu.open({ ...options, debug, onDebug: (line) => writeLine(Deno.stderr, line) });
  const plansFolder = () => joinPath(cacheDir(), "plans");
  return {
    runPrune: (options) =>
      runPrune({
        ...options,
        open,
        bar: "run",
        loadData: dataLoader(options.dataDir),
        plansFolder: options.tune === "none" ? undefined : folderOrNone(plansFolder, options.ui),
      }),
    verifyRun: (options) => verifyRun({ ...options, open, loadData: dataLoader(options.dataDir) }),
    evaluateNetwork: ({ data, dataDir, ...options }) =>
      evaluateNetwork({ ...options, open, loadPart: partLoader(data, dataDir) }),
    surveyNetwork: ({ dataDir, ...options }) => surveyNetwork({ ...options, open, loadData: dataLoader(dataDir) }),
    searchDevice: ({ dataDir, ...options }) => runDeviceSearch({ ...options, open, loadData: dataLoader(dataDir) }),
    explainRun: ({ dataDir, ...options }) => explainRun({ ...options, open, loadData: dataLoader(dataDir) }),
    explainOnData: ({ data, dataDir, ...options }) =>
      explainOnData({ ...options, open, loadPart: partLoader(data, dataDir) }),
    measureSensitivity: ({ data, dataDir, ...options }) =>
      runSensitivity({
        ...options,
        open,
        loadPart: partLoader(data, dataDir),
        loadImages: data.part === undefined ? imagesLoader(data.name) : undefined,
      }),
    timeNetworks: (options) => {
      const { userAgent, hardwareConcurrency: cores } = navigator;
      return timeNetworks({ ...options, open, runtime: { userAgent, cores, isolated: true } });
    },
    measureTable: (options) => measureTable({ ...options, open }),
    diagnose: ({ part, dataDir, ...options }) =>
      runDoctor({
        ...options,
        open,
        loadData: dataLoader(dataDir),
        loadPart: options.data === undefined ? undefined : partLoader({ name: options.data, part }, dataDir),
      }),
    askKernel: (options) => askKernel({ ...options, open, plansFolder: plansFolder() }),
    tuneModels: (options) => tuneModels({ ...options, open, plansFolder: plansFolder() }),
  };
}

/** A machine without a home for caches measures in each run anew. */
function folderOrNone(folder: () => string, ui: Ui): string | null {
  try {
    return folder();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    ui.warn("tuned plans aren't kept for the next run: set SECATEUR_CACHE to a folder for them");
    return null;
  }
}

/** The first signal asks the pipeline to keep what it has and stop; the second stops at once. */
function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const listen = (signal: Deno.Signal, exitCode: number) => {
    Deno.addSignalListener(signal, () => {
      if (controller.signal.aborted) Deno.exit(exitCode);
      controller.abort(new StopSignal(exitCode));
    });
  };
  listen("SIGINT", 130);
  if (Deno.build.os !== "windows") listen("SIGTERM", 143);
  return controller.signal;
}

/** All that a command says goes through here or through its progress bars (`createUi`): neither lets a name steer the terminal. */
function writeLine(to: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = new TextEncoder().encode(visibleLines(text) + "\n");
  try {
    for (let done = 0; done < bytes.length;) done += to.writeSync(bytes.subarray(done));
  } catch (error) {
    // `secateur recipes | head -1` closes the pipe early, which is its right.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
