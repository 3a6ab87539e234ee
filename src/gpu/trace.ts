/**
 * This is what a person who looks for a fault is told of a device's work, by level. Without a level nothing of this
 * exists, and a dispatch costs what it costs.
 */
import { UserError } from "../errors.ts";
import type { Slice } from "./buffers.ts";
import { DispatchClock } from "./dispatch_clock.ts";
import { constantText } from "./shader.ts";
import type { StagingPool } from "./staging.ts";
import type { Plan, Program } from "./types.ts";

/** Says how much is told; each level tells what the ones below it tell, too. */
export type DebugLevel = 0 | 1 | 2 | 3 | 4;

/** Says what each level tells, in a few words. */
export const DEBUG_LEVELS: Readonly<Record<DebugLevel, string>> = {
  0: "nothing",
  1: "the device, each stage and each inference plan",
  2: "each dispatch: kernel, variant, label, grid, bytes bound",
  3: "each dispatch's time on the device's clock",
  4: "each new kernel's WGSL, with an error scope around each submit",
};

/**
 * Reads a level from an option or an environment variable; "" and undefined are 0.
 *
 * @param name what to call it in the error
 * @throws UserError for anything but the known levels, which it lists
 */
export function readDebugLevel(value: unknown, name: string): DebugLevel {
  if (value === undefined || value === "") return 0;
  const level = Object.keys(DEBUG_LEVELS).find((known) => known === String(value));
  if (level !== undefined) return Number(level) as DebugLevel;
  const known = Object.entries(DEBUG_LEVELS).map(([level, what]) => `${level} (${what})`).join(", ");
  throw new UserError(`${name} is ${JSON.stringify(value)}; give one of ${known}`);
}

export interface TraceOptions {
  readonly level: DebugLevel;
  readonly write: (line: string) => void;
  /** A submit has at most so many dispatches. */
  readonly slots: number;
}

/** Tells of one device's dispatches. Where they are timed, each runs in a compute pass of its own. */
export class Trace {
  readonly #level: DebugLevel;
  readonly #write: (line: string) => void;
  /** It times the dispatches, from level 3 on. */
  readonly clock: DispatchClock | undefined;
  /** These are the lines of the submit that is being recorded, which wait for their times. */
  #waiting: string[] = [];

  constructor(device: GPUDevice, { level, write, slots }: TraceOptions) {
    this.#level = level;
    this.#write = write;
    if (level < 3) return;
    if (!device.features.has("timestamp-query")) {
      write("this device has no timestamps: dispatches are told without their times");
      return;
    }
    this.clock = new DispatchClock(device, slots);
  }

  /** Says whether each submit is to run in an error scope, though its kernels ran before. */
  get guardsSubmits(): boolean {
    return this.#level >= 4;
  }

  note(text: string): void {
    this.#write(text);
  }

  /** Tells of the dispatch number `index` since the device was opened. */
  dispatch(index: number, { program, grid }: Plan, bindings: readonly Slice[], label: string): void {
    if (this.#level < 2) return;
    const bytes = bindings.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const line = `dispatch ${index}: ${program.name}${variant(program)}${label && ` (${label})`}, ` +
      `grid ${grid.join("×")}, ${bytes} bytes bound`;
    if (this.clock) this.#waiting.push(line);
    else this.#write(line);
  }

  /** Tells of a kernel that is compiled. */
  shader(program: Program): void {
    if (this.#level >= 4) this.#write(`kernel ${program.name}${variant(program)}:\n${constantText(program)}`);
  }

  /** Encodes the reading of this submit's times. What it gives is called after the submit, and tells them. */
  end(encoder: GPUCommandEncoder, staging: StagingPool): (() => Promise<void>) | undefined {
    const lines = this.#waiting;
    if (!this.clock || lines.length === 0) return undefined;
    this.#waiting = [];
    const read = this.clock.end(encoder, staging, lines.length);
    return async () => {
      const times = await read();
      lines.forEach((line, i) => this.#write(`${line}, ${milliseconds(times[i])}`));
    };
  }
}

function variant({ constants = {} }: Program): string {
  const values = Object.entries(constants).map(([name, value]) => `${name}=${value}`);
  return values.length > 0 ? ` [${values.join(" ")}]` : "";
}

function milliseconds(ms: number | undefined): string {
  return ms === undefined ? "no time told" : `${ms.toFixed(3)} ms`;
}
