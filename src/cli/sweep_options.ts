/** The options of `secateur sweep`, and which of them go together. */
import type { Command } from "commander";
import { UsageError } from "../errors.ts";
import type { Wish } from "../sweep/best.ts";
import { checkStoreAt, type StoreAddress } from "./store_at.ts";

export interface SweepCommandOptions {
  readonly out?: string;
  readonly resume?: string;
  readonly status?: string;
  readonly workers: number;
  readonly queue?: string;
  readonly store?: string;
  readonly storeAt?: StoreAddress;
  readonly cert?: string;
  readonly key?: string;
  readonly dataDir?: string;
  readonly serve?: boolean;
  readonly port: number;
  readonly best?: Wish;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** @throws UsageError for options that exclude each other, have no effect beside others, or name what can't be */
export function checkSweepOptions(command: Command, file: string | undefined, options: SweepCommandOptions): void {
  const ways = [file, options.resume, options.status].filter((way) => way !== undefined);
  if (ways.length !== 1) throw new UsageError("give the sweep's .yaml file, or --resume <dir>, or --status <dir>");
  refuseWithoutEffect(command, options);
  if (options.status !== undefined) return;
  if (options.queue !== undefined && !/^rediss?:/.test(options.queue)) {
    throw new UsageError("--queue: expected the address of a Redis, such as redis://127.0.0.1:6379");
  }
  if (options.store !== undefined && /^[a-z][\w+.-]*:\/\//i.test(options.store)) {
    throw new UsageError("--store: expected a folder: only workers come to a store over HTTP");
  }
  if (options.storeAt && options.queue === undefined) {
    throw new UsageError("--store-at is for workers that come by way of a Redis: give --queue as well");
  }
  checkStoreAt({ ...options, at: options.storeAt });
}

/** @throws UsageError for an option that would change nothing, which its user took for something else */
function refuseWithoutEffect(command: Command, { resume, status, serve, best }: SweepCommandOptions): void {
  const given = command.options.filter((option) => command.getOptionValueSource(option.attributeName()) === "cli");
  const refuse = (names: readonly (keyof SweepCommandOptions)[], why: string) => {
    const option = given.find((option) => names.includes(option.attributeName() as keyof SweepCommandOptions));
    if (option) throw new UsageError(`${option.long}: ${why}`);
  };
  if (status !== undefined) {
    const ofWork = ["out", "workers", "store", "storeAt", "cert", "key", "dataDir", "quiet"] as const;
    refuse(ofWork, "has no effect with --status, which only looks on: leave it out");
  }
  if (status !== undefined && serve) {
    refuse(["best", "json", "queue"], "has no effect with --status --serve: leave it out");
  }
  if (resume !== undefined) refuse(["out", "store"], "a sweep goes on in its folder and with its store: leave it out");
  if (!serve) refuse(["port"], "is that of the page which --serve shows: give --serve as well");
  if (best) refuse(["json"], "--best prints a recipe as YAML: leave one of them out");
}
