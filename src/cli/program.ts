import { Command, CommanderError } from "commander";
import { UsageError, UserError } from "../errors.ts";
import type { DebugLevel } from "../gpu/trace.ts";
import { listed } from "../validation/names.ts";
import { blocksCommand } from "./blocks.ts";
import { buildCommand } from "./build.ts";
import { criteriaCommand } from "./criteria.ts";
import { devicesCommand } from "./devices.ts";
import { doctorCommand } from "./doctor.ts";
import { evalCommand } from "./eval.ts";
import { examples } from "./examples.ts";
import { inspectCommand } from "./inspect.ts";
import { type Io, StopSignal } from "./io.ts";
import { kernelCommand } from "./kernel.ts";
import { methodsCommand } from "./methods.ts";
import { pruneCommand } from "./prune.ts";
import { recipesCommand } from "./recipes.ts";
import { sensitivityCommand } from "./sensitivity.ts";
import { serveCommand } from "./serve.ts";
import { structuresCommand } from "./structures.ts";
import { sweepCommand } from "./sweep.ts";
import { timeCommand } from "./time.ts";
import { trainCommand } from "./train.ts";
import { tuneCommand } from "./tune.ts";
import { verifyCommand } from "./verify.ts";
import { workerCommand } from "./worker.ts";

/**
 * Runs one command line.
 * @returns the exit code: 0, 1 for a failure, 2 for wrong usage, 128 + signal when interrupted
 */
export async function runProgram(args: readonly string[], io: Io): Promise<number> {
  let debug: DebugLevel = 0;
  try {
    debug = io.debug();
    await createProgram(args, io).parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (debug > 0 && error instanceof Error) io.err(error.stack ?? error.message);
    return report(error, io);
  }
}

const AFTER = `${examples("prune", "prune net.onnx --data folder:./images --macs 0.5", "help prune")}

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 and 143 interrupted`;

function createProgram(args: readonly string[], io: Io): Command {
  const program = new Command("secateur")
    .description("Prunes neural networks on WebGPU and measures what the pruning bought.")
    .version(`secateur ${io.version()}`, "--version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .addHelpText("after", AFTER);
  // Before the commands are added: they inherit it.
  program.exitOverride().showHelpAfterError(false).configureOutput({
    writeOut: (text) => io.out(text.trimEnd()),
    writeErr: (text) => io.err(text.trimEnd()),
    outputError: usageError,
    getOutHelpWidth: () => Math.min(io.width, 120),
    getErrHelpWidth: () => Math.min(io.width, 120),
  });
  program.hook("preAction", (_, command) => refuseEmpty(command));
  const line = ["secateur", ...args.map(quote)].join(" ");
  const commands = [
    pruneCommand(io, line),
    trainCommand(io, line),
    evalCommand(io),
    verifyCommand(io),
    recipesCommand(io),
    criteriaCommand(io),
    structuresCommand(io),
    methodsCommand(io),
    inspectCommand(io),
    blocksCommand(io),
    doctorCommand(io),
    sensitivityCommand(io, line),
    kernelCommand(io),
    tuneCommand(io),
    timeCommand(io),
    serveCommand(io),
    buildCommand(io),
    devicesCommand(io),
    sweepCommand(io),
    workerCommand(io),
  ];
  for (const command of commands) {
    const known = command.options.flatMap(({ long }) => long ?? []);
    program.addCommand(
      command.copyInheritedSettings(program).configureOutput({
        outputError: (text, write) => usageError(text, write, known),
      }),
    );
  }
  return program;
}

/** @throws UsageError for an argument or the value of an option without a letter, as scripts give them whose variable isn't set */
function refuseEmpty(command: Command): void {
  const empty = (value: unknown) => value === "" || (Array.isArray(value) && value.includes(""));
  const argument = command.registeredArguments.find((_, i) => empty(command.processedArgs[i]));
  const option = command.options.find((option) => empty(command.getOptionValue(option.attributeName())));
  const name = argument?.name() ?? option?.long;
  if (name !== undefined) throw new UsageError(`${name}: found "", expected at least a letter; see secateur --help`);
}

/** One line; of an unknown option, with those that the command has, or the nearest of many. */
function usageError(text: string, write: (text: string) => void, known: readonly string[] = []): void {
  const said = oneLine(text.replace(/^error: /, "")).replace(/\.$/, "");
  const [, option] = /^unknown option '(.*?)'/.exec(said) ?? [];
  const options = option !== undefined && known.length > 0 ? `; known are ${listed(option, known)}` : "";
  write(`secateur: ${said}${options}; see secateur --help`);
}

function report(error: unknown, io: Io): number {
  const text = oneLine(error instanceof Error ? error.message : String(error));
  if (io.signal.aborted && io.signal.reason instanceof StopSignal) {
    io.err(`secateur: ${error instanceof UserError ? text : "interrupted"}`);
    return io.signal.reason.exitCode;
  }
  if (error instanceof UserError) io.err(`secateur: ${text}`);
  else io.err(`secateur: internal error: ${text || "no message"} (SECATEUR_DEBUG=1 shows where)`);
  return error instanceof UsageError ? 2 : 1;
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, " ");
}

/** As a POSIX shell would need it. */
function quote(arg: string): string {
  return /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`;
}
