/** `prune net.onnx --data folder:./images --macs 0.5`: a recipe is chosen, told in five lines, kept in the run's folder, and carried out. */
import { type Command, InvalidArgumentError } from "commander";
import { UsageError } from "../errors.ts";
import { changedRecipe } from "../recipe/load.ts";
import { applyOverrides } from "../recipe/overrides.ts";
import { mapPaths } from "../recipe/paths.ts";
import { type Asked, wishOf } from "../one_line/asked.ts";
import { type Also, chooseRecipe } from "../one_line/choose_recipe.ts";
import { writtenRecipe } from "../one_line/written_recipe.ts";
import { requireFile } from "./given_files.ts";
import type { Io } from "./io.ts";
import { portNumber, type RunOptions, wholeNumber } from "./options.ts";
import type { ChosenRun } from "./run.ts";
import { checkLiveOptions, type LiveOptions, searchRun } from "./searched_run.ts";
import type { TerminalUi } from "./ui.ts";

/** What may be asked for without a recipe. */
export interface OneLineOptions extends Omit<Asked, "labels" | "device">, LiveOptions {
  readonly round?: number;
}

const GROUP = "Without a recipe, prune net.onnx --data …:";

export function addOneLineOptions(command: Command): Command {
  return command
    .optionsGroup(GROUP)
    .option("--macs <fraction>", "multiply-adds that stay, such as 0.5", amount)
    .option("--params <fraction>", "or parameters that stay", amount)
    .option("--ms <ms>", "or one run's time on the device of --device", amount)
    .option("--drop <fraction>", "or validation accuracy that may be lost, such as 0.01", amount)
    .option("--method <method>", "prune, admm, oneshot or depth")
    .option("--criterion <name>", "what filters are scored by (see secateur criteria)")
    .option("--epochs <n>", "epochs of training after something has gone", wholeNumber(1))
    .option("--exclude <layers>", "names of layers that stay as they are, and patterns: conv1,fc*", names)
    .option("--round <n>", "a layer that loses filters keeps a multiple of so many, such as 4", wholeNumber(1))
    .option("--search <n>", "look at so many networks for the best one within --ms on --device", wholeNumber(1))
    .option("--lan", "for --device live, a phone that is asked: let in those of the network")
    .option("--http", "without encryption, for a phone on a cable or a browser here")
    .option("--port <n>", "port to listen on; 0 takes any free one (default: 8443)", portNumber);
}

/** The first option that only a run without a recipe has. */
export function oneLineOption(options: OneLineOptions): string | undefined {
  const names: Readonly<Record<keyof OneLineOptions, string>> = {
    macs: "--macs",
    params: "--params",
    ms: "--ms",
    drop: "--drop",
    method: "--method",
    criterion: "--criterion",
    epochs: "--epochs",
    exclude: "--exclude",
    round: "--round",
    search: "--search",
    lan: "--lan",
    http: "--http",
    port: "--port",
  };
  const given = (Object.keys(names) as (keyof typeof names)[]).find((key) => options[key] !== undefined);
  return given && names[given];
}

/** @throws UsageError for options that don't go together, UserError for files that aren't there or don't fit each other */
export async function chooseRun(
  io: Io,
  ui: TerminalUi,
  file: string,
  options: RunOptions & OneLineOptions,
): Promise<ChosenRun> {
  if (options.model !== undefined) {
    throw new UsageError(`${file} is the network, and --model names another: leave one of them out`);
  }
  if (options.data === undefined) {
    throw new UsageError(`prune ${file} needs --data: digits, mnist, folder:./images, cifar10:./dir …`);
  }
  const labels = options.labels ? "use" : "ignore";
  // What doesn't go together is said before anything is read.
  const { method } = wishOf({ ...options, labels });
  checkLiveOptions(options);
  if (method === "depth" && options.round !== undefined) {
    throw new UsageError("--round has no use for --method depth: it changes blocks, not widths");
  }
  await requireFile(io.store, file);
  const { seed, limit, output, input: inputs, weights, layout, round } = options;
  const also: Also = {
    recipe: defined({ seed, weights, layout }),
    model: defined({ output, inputs }),
    data: defined({ limit, labels: labels === "ignore" ? labels : undefined }),
    round,
  };
  const { surveyNetwork } = await io.engine();
  const survey = await surveyNetwork({
    network: { model: { name: file, output, inputs }, weights },
    data: { name: options.data, validation: 0.15, limit, labels },
    dataDir: options.dataDir,
    store: io.store,
    ui,
  });
  const wish = wishOf({ ...options, labels: survey.known ? "use" : "ignore" });
  const searched = wish.search === undefined
    ? undefined
    : await searchRun(io, ui, { file, survey, wish: { ...wish, search: wish.search }, options });
  const { recipe, reasons } = chooseRecipe(survey, wish, { ...also, searched: searched?.found });
  const changed = applyOverrides(recipe, options.set ?? []) as typeof recipe;
  for (const reason of reasons) ui.note(reason);
  return {
    recipe: changedRecipe(changed, `the recipe chosen for ${file}`, {}),
    text: (seenFrom) => writtenRecipe(mapPaths(changed, seenFrom), reasons),
    ...searched && { searched },
  };
}

function defined(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function amount(text: string): number {
  const value = text.trim() === "" ? NaN : Number(text);
  if (!Number.isFinite(value)) throw new InvalidArgumentError("Expected a number such as 0.5");
  return value;
}

function names(text: string): string[] {
  return text.split(",").map((name) => name.trim()).filter((name) => name !== "");
}
