/**
 * Suite "compiler": what Mesa's compiler for an AMD GPU makes of the kernels of our networks and training steps, on a
 * machine without one. Nothing is computed. main.ts of the benches starts it.
 */
import config from "../../deno.json" with { type: "json" };
import { PROFILES } from "../../kernels/device_profile.ts";
import { formatTable } from "../../src/cli/table.ts";
import { UserError } from "../../src/errors.ts";
import type { Program } from "../../src/gpu/types.ts";
import { listed } from "../../src/validation/names.ts";
import { visible } from "../../src/visible.ts";
import { describeSetting, writeRecord } from "../record.ts";
import { callsOf } from "./calls.ts";
import { type Compiled, compileFor, keysOf } from "./compile.ts";
import { GPUS } from "./gpus.ts";
import { type CompilerOptions, compilerOptions } from "./options.ts";
import { callResults, type CompilerResults, summaryTable, workloadTable } from "./results.ts";
import { workloads } from "./workloads.ts";

try {
  await main(compilerOptions(Deno.args));
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(`bench: ${visible(error.message)}`);
  Deno.exit(2);
}

async function main(options: CompilerOptions): Promise<void> {
  const { gpu, profile, part, show, json } = options;
  const chosen = workloads().filter(({ name }) => name.toLowerCase().includes(part));
  if (chosen.length === 0) {
    const names = workloads().map(({ name }) => `"${name}"`).join(", ");
    throw new UserError(`--case: no case contains "${part}": expected a part of ${names}`);
  }
  // Deno gets no subgroups of this driver.
  const recorded = chosen.map(({ name, record }) => ({ name, ...record(PROFILES[profile], []) }));
  const keyOf = keysOf();
  const programs = new Map<string, Program>();
  for (const { plan: { program } } of recorded.flatMap(({ dispatches }) => dispatches)) {
    programs.set(keyOf(program), program);
  }
  const keys = [...programs.keys()].filter((key) => show === undefined || nameOf(programs.get(key)!).includes(show));
  if (keys.length === 0) throw unknownKernel(show!, [...programs.values()]);
  const { mesa, compiled: made } = await compileFor(gpu, keys.map((key) => programs.get(key)!));
  const compiled = new Map(keys.map((key, i) => [key, made[i]]));
  if (show !== undefined) return compiled.forEach(printLoop);

  const results: CompilerResults = {
    gpu,
    about: GPUS[gpu].about,
    profile,
    mesa,
    workloads: recorded.map(({ name, dispatches, copies }) => ({
      name,
      dispatches: dispatches.length,
      copies,
      calls: callResults(GPUS[gpu], callsOf(dispatches), (program) => compiled.get(keyOf(program))!),
    })),
  };
  const info = { vendor: "amd", architecture: gpu, description: `null device, ${gpu}`, fallback: false };
  const setting = await describeSetting("compiler", { info }, {
    versions: { secateur: config.version, mesa },
    seed: 1,
    clock: "none",
    quantumMs: 0,
  });
  const path = writeRecord(setting, results);
  if (json) console.log(JSON.stringify({ ...setting, results }, null, 2));
  else print(results, path);
}

function print({ gpu, about, profile, mesa, workloads }: CompilerResults, path: string): void {
  console.log(`How our kernels compile for ${gpu}, ${about}; Mesa ${mesa}; plans of the profile "${profile}"\n`);
  const tables = [...workloads.map((one) => ({ ...workloadTable(one), left: 2 })), {
    ...summaryTable(workloads),
    left: 1,
  }];
  for (const { title, header, lines, left } of tables) {
    console.log(formatTable([[title, ...header], ...lines], { header: true, left }) + "\n");
  }
  console.log(
    "waves: of 64 threads, launched by a dispatch. resident: waves that a SIMD holds at a time. multiply-adds: their part\n" +
      "of the hot loop's vector arithmetic. bytes each: moved by a lane in that loop, for a multiply-add. --show KERNEL\n" +
      `prints hot loops. Nothing was computed or timed.\n\nWritten to ${path}`,
  );
}

function printLoop({ program, vgprs, sgprs, spilled, lds, instructions, hot }: Compiled): void {
  console.log(
    `${nameOf(program)}: ${vgprs} VGPRs, ${sgprs} SGPRs, ${spilled} spilled, ${lds} bytes of LDS, ` +
      `${instructions} instructions`,
  );
  if (!hot) return console.log("  no loop multiplies and adds\n");
  console.log(
    `  hot loop: ${hot.multiplyAdds} multiply-adds, ${hot.vector} other vector, ${hot.scalar} scalar, ${hot.memory} memory, ` +
      `${hot.scalarLoads} scalar loads, ${hot.workgroupMemory} LDS, ${hot.barriers} barriers\n\n${hot.text}\n`,
  );
}

/** "direct convolution by rows [ROWS=2 …]" */
function nameOf({ name, constants = {} }: Program): string {
  const values = Object.entries(constants).map(([constant, value]) => `${constant}=${value}`);
  return values.length > 0 ? `${name} [${values.join(" ")}]` : name;
}

function unknownKernel(show: string, programs: readonly Program[]): UserError {
  const names = [...new Set(programs.map(({ name }) => name))].sort();
  return new UserError(`--show: no kernel's name contains "${show}": expected a part of ${listed(show, names)}`);
}
