/** The options of the suite "compiler", checked. */
import { parseArgs } from "node:util";
import { type ProfileName, PROFILES } from "../../kernels/device_profile.ts";
import { UserError } from "../../src/errors.ts";
import { OPTIONS } from "../options.ts";
import { GPUS } from "./gpus.ts";

export interface CompilerOptions {
  readonly gpu: string;
  readonly profile: ProfileName;
  /** A part of names of workloads; "" is all of them. */
  readonly part: string;
  /** A part of names of kernels, whose hot loops are printed in place of tables. */
  readonly show?: string;
  /** Print the record in place of tables. */
  readonly json: boolean;
}

/** @throws UserError in one line for a GPU or a profile that there isn't, with those that there are */
export function compilerOptions(args: readonly string[]): CompilerOptions {
  const { values } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  const { gpu = "navi21", case: part = "", show, json = false } = values;
  if (!Object.hasOwn(GPUS, gpu)) {
    const known = Object.entries(GPUS).map(([name, { about }]) => `${name} (${about})`);
    throw new UserError(`--gpu: found "${gpu}", expected one of ${known.join(", ")}`);
  }
  const profile = values.profile ?? GPUS[gpu].profile;
  if (!Object.hasOwn(PROFILES, profile)) {
    throw new UserError(`--profile: found "${profile}", expected one of ${Object.keys(PROFILES).join(", ")}`);
  }
  return { gpu, profile: profile as ProfileName, part: part.toLowerCase(), show, json };
}
