/** Compiles programs for a GPU that isn't there, and says what became of each. */
import { existsSync } from "node:fs";
import { UserError } from "../../src/errors.ts";
import { programKey } from "../../src/gpu/shader.ts";
import type { Program } from "../../src/gpu/types.ts";
import { type HotLoop, hotLoopOf } from "./assembly.ts";
import { NO_ADAPTER } from "./compile_programs.ts";
import { GPUS } from "./gpus.ts";
import { buildLayer, layerEnvironment } from "./toolchain.ts";

/** What the compiler made of a program. */
export interface Compiled {
  readonly program: Program;
  /** Registers of a lane and of a wave. */
  readonly vgprs: number;
  readonly sgprs: number;
  /** Registers that didn't fit, and the bytes of memory that stand in for them, for a lane. */
  readonly spilled: number;
  readonly scratch: number;
  /** Workgroup memory in bytes. */
  readonly lds: number;
  /** Lanes of a wave. */
  readonly wave: number;
  readonly instructions: number;
  /** Absent where no loop multiplies and adds. */
  readonly hot?: HotLoop;
}

/** Programs that are the same text, and so one pipeline, have the same key. */
export function keysOf(): (program: Program) => string {
  const sources = new Map<string, number>();
  return (program) => {
    let id = sources.get(program.source);
    if (id === undefined) sources.set(program.source, id = sources.size);
    return programKey(program, id);
  };
}

/**
 * @param gpu a name that Mesa's driver knows
 * @throws UserError in one line where something is missing, or the driver doesn't know the GPU
 */
export async function compileFor(
  gpu: string,
  programs: readonly Program[],
): Promise<{ readonly mesa: string; readonly compiled: Compiled[] }> {
  const directory = Deno.makeTempDirSync({ prefix: "secateur-compiler-" });
  try {
    const toolchain = await buildLayer(directory);
    const list = `${directory}/programs.json`;
    Deno.writeTextFileSync(list, JSON.stringify(programs));
    const here = import.meta.dirname!;
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--config", `${here}/../deno.json`, `${here}/compile_programs.ts`, list],
      env: layerEnvironment(toolchain, gpu, directory),
      stdout: "null",
    }).output();
    const said = new TextDecoder().decode(stderr);
    if (/Unknown family/.test(said) || code === NO_ADAPTER) {
      throw new UserError(`this machine's Mesa doesn't know the GPU "${gpu}": ${GPUS[gpu].about}`);
    }
    const log = readLog(`${directory}/pipelines.jsonl`);
    if (code !== 0 || log.size < programs.length) {
      throw new Error(`compiled ${log.size} of ${programs.length} kernels:\n${said}`);
    }
    return {
      mesa: mesaVersion(Deno.readTextFileSync(`${directory}/driver.txt`)),
      compiled: programs.map((program, number) => compiledOf(program, log.get(number)!, directory)),
    };
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

interface Logged {
  /** The pipeline's number, which names its assembly. */
  readonly pipeline: number;
  readonly wave: number;
  readonly statistics: Readonly<Record<string, number>>;
}

/** By the programs' numbers; what wgpu compiles for itself has no name. */
function readLog(path: string): Map<number, Logged> {
  if (!existsSync(path)) return new Map();
  const lines = Deno.readTextFileSync(path).trim().split("\n").map((line) => JSON.parse(line));
  return new Map(
    lines.flatMap(({ name, ...rest }, pipeline) => name === "" ? [] : [[Number(name), { pipeline, ...rest }]]),
  );
}

function compiledOf(program: Program, { pipeline, wave, statistics: s }: Logged, directory: string): Compiled {
  const hot = hotLoopOf(Deno.readTextFileSync(`${directory}/${pipeline}.s`));
  return {
    program,
    vgprs: s["VGPRs"],
    sgprs: s["SGPRs"],
    spilled: s["Spilled VGPRs"] + s["Spilled SGPRs"],
    scratch: s["Scratch size"],
    lds: s["LDS size"],
    wave,
    instructions: s["Instructions"],
    ...hot && { hot },
  };
}

/** "22.3.6" of the "Mesa 22.3.6" that the driver says of itself, which may be anything; "unknown" where it says nothing. */
export function mesaVersion(driver: string): string {
  return driver.replace(/^Mesa /, "").trim() || "unknown";
}
