/**
 * What a pack finds on a machine: one JSON file, which `deno task bench --import` reads. Plain data, with the reader that
 * refuses what isn't such a file.
 */
import { adapterName } from "../../src/gpu/adapter.ts";
import type { SelfTest } from "../../src/measure/session/types.ts";
import type { Setting } from "../record.ts";
import type { BenchRecord } from "../report/page.ts";

export interface PackResults {
  readonly kind: "secateur pack";
  readonly version: 1;
  /** "secateur 0.1.0" */
  readonly tool: string;
  readonly commit: string;
  readonly date: string;
  /** False where time ran out, parts were chosen, or the run was ended. */
  readonly complete: boolean;
  readonly adapter: Setting["adapter"];
  readonly machine: Setting["machine"];
  readonly versions: Setting["versions"];
  readonly selfTest: SelfTest;
  /** What this machine's compiler says of every shader; absent where it wasn't asked. */
  readonly shaders?: Shaders;
  /** The tests of kernels; absent where they weren't run. */
  readonly tests?: Tests;
  /** As the suites write them. */
  readonly records: readonly BenchRecord[];
}

export interface Shaders {
  readonly compiled: number;
  readonly refusals: readonly { readonly name: string; readonly message: string }[];
  /** So many were left out, by the feature that the device lacks. */
  readonly lacking: Readonly<Record<string, number>>;
}

export interface Tests {
  readonly passed: number;
  readonly failed: number;
  /** What the files with a failure printed. */
  readonly failures: readonly string[];
  /** These files had to be left out because time ran out. */
  readonly remaining: readonly string[];
}

/**
 * Reads the text of a result's file.
 * @throws Error with one line that says what is wrong with it
 */
export function parseResults(text: string): PackResults {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error("is no JSON, or was cut off: copy it again from the machine that made it");
  }
  const { kind, version, records, adapter, tool, date, shaders, tests } = (value ?? {}) as Partial<PackResults>;
  if (kind !== "secateur pack") throw new Error("isn't what a pack writes (deno task bench --pack DIR makes one)");
  if (version !== 1) {
    throw new Error(
      `has version ${version}, this Secateur reads 1: import it with the one that made it (${tool ?? "unknown"})`,
    );
  }
  if (typeof adapter?.description !== "string" || !Array.isArray(records) || !records.every(isRecord)) {
    throw new Error("is damaged: it names no adapter, or a record of it has no suite, date, adapter or rows");
  }
  const counted = !shaders || (typeof shaders.compiled === "number" && Array.isArray(shaders.refusals));
  if (!isDate(date) || !counted || (tests && typeof tests.passed !== "number")) {
    throw new Error(
      "is damaged: its date, or what it found of shaders or tests, is missing: copy it again from the machine that made it",
    );
  }
  return value as PackResults;
}

function isRecord(value: unknown): boolean {
  const { suite, date, adapter, machine, versions, results } = (value ?? {}) as Partial<BenchRecord>;
  const rows = (results as { rows?: unknown } | undefined)?.rows;
  // They become parts of a file's name.
  const named = /^[\w-]+$/.test(suite ?? "") && isDate(date);
  return named && typeof adapter?.description === "string" && typeof machine?.os === "string" &&
    typeof versions === "object" && Array.isArray(rows);
}

function isDate(date: unknown): boolean {
  return typeof date === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(date);
}

/** An adapter's name as a part of a file's name: "nvidia-h200". */
export function adapterSlug(adapter: Setting["adapter"]): string {
  const words = adapterName(adapter).toLowerCase().replace(/\([^)]*\)/g, " ").match(/[a-z0-9]+/g) ?? [];
  return words.slice(0, 6).join("-") || "unnamed";
}

/** The file of a record that was measured elsewhere, among those of this machine. */
export function importedName({ suite, adapter, date }: Pick<BenchRecord, "suite" | "adapter" | "date">): string {
  return `${suite}@${adapterSlug(adapter)}-${date.replaceAll(":", "-")}.json`;
}
