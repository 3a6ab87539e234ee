/**
 * Keeps what the tuner found between runs. A file belongs to one adapter, one runtime and one state of the kernels, and
 * says its own SHA-256: one that is of another, or damaged, is no error, and no use either.
 */
import * as v from "valibot";
import { variants } from "../../kernels/variants.ts";
import { UserError } from "../errors.ts";
import { sha256 } from "../formats/sha256.ts";
import { type AdapterInfo, adapterName } from "../gpu/adapter.ts";
import type { Store } from "../store/types.ts";
import { describeIssues } from "../validation/problems.ts";
import type { Ui } from "../ui.ts";
import type { Tuned } from "./tune.ts";

const text = v.string();

const VERSION = 3;

const schema = v.strictObject({
  version: v.literal(VERSION),
  /** It is as the driver describes it, with its version where it gives one. */
  adapter: v.strictObject({ vendor: text, architecture: text, description: text }),
  /** This is a hash of all shaders: when one changes, what was measured is worth nothing. */
  kernels: text,
  /** Each shape class has what won, and the medians in ms of it and of the planner's own choice. */
  plans: v.record(text, v.strictObject({ winner: text, medianMs: v.number(), untunedMs: v.number() })),
  /** In a run's folder: how many classes were known from each point of the run on where tuning was decided. */
  points: v.optional(v.record(text, v.pipe(v.number(), v.safeInteger(), v.minValue(0)))),
});

const fileSchema = v.strictObject({
  ...schema.entries,
  /** It is taken over everything else: a changed winner would be a winner too. */
  sha256: text,
});

/** This is the content of a plans file. */
export type Plans = v.InferOutput<typeof schema>;

/** Makes plans with nothing measured yet on this adapter. */
export function emptyPlans(adapter: Omit<AdapterInfo, "fallback">): Plans {
  return { version: VERSION, adapter: identity(adapter), kernels: kernelsHash(), plans: {} };
}

/** Joins `plans` and what was found since; the later one of a class stays. */
export function withTuned(plans: Plans, tuned: readonly Tuned[]): Plans {
  const added = tuned.map(({ shapeClass, winner, untuned, measured }) => {
    const ms = (name: string) => measured.find((m) => m.name === name)!.medianMs;
    return [shapeClass, { winner, medianMs: ms(winner), untunedMs: ms(untuned) }];
  });
  return { ...plans, plans: { ...plans.plans, ...Object.fromEntries(added) } };
}

/** Gives the plans of `classes` classes, the first ones: those that were known when there were so many. */
export function firstPlans(plans: Plans, classes: number): Plans {
  return { ...plans, plans: Object.fromEntries(Object.entries(plans.plans).slice(0, classes)) };
}

/** Gives the winners for `Tuning.winners`. */
export function winnersOf({ plans }: Plans): Record<string, string> {
  return Object.fromEntries(Object.entries(plans).map(([shapeClass, { winner }]) => [shapeClass, winner]));
}

/**
 * Reads the plans in `path`, or none where there is no such file. A file that can't be used is ignored, with one line
 * to `onIgnored` that says why.
 */
export async function readPlans(
  store: Store,
  path: string,
  adapter: Omit<AdapterInfo, "fallback">,
  onIgnored: (line: string) => void,
): Promise<Plans> {
  const bytes = await store.read(path);
  const empty = emptyPlans(adapter);
  if (!bytes) return empty;
  const found = await parsePlans(bytes);
  const reason = typeof found === "string" ? found : unfit(found, empty);
  if (reason === undefined) return found as Plans;
  onIgnored(`ignored the tuned plans in ${path}: ${reason}`);
  return empty;
}

export async function writePlans(store: Store, path: string, plans: Plans): Promise<void> {
  const text = JSON.stringify({ ...plans, sha256: await digestOf(plans) }, null, 2);
  await store.write(path, new TextEncoder().encode(text + "\n"));
}

/** Keeps a device's plans, where a folder that can't be read or written costs the plans and not the run. */
export interface PlansCache {
  read(adapter: AdapterInfo): Promise<Plans>;
  /** Adds these plans to those that are kept. */
  add(plans: Plans): Promise<void>;
}

/** @param ui is told of plans that are ignored, and warned once where they can't be kept */
export function plansCache(store: Store, path: string, ui: Pick<Ui, "note" | "warn">): PlansCache {
  let usable = true;
  const attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    if (!usable) return undefined;
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      usable = false;
      ui.warn(`tuned plans aren't kept for the next run: ${error.message}`);
    }
  };
  return {
    async read(adapter) {
      return await attempt(() => readPlans(store, path, adapter, ui.note)) ?? emptyPlans(adapter);
    },
    async add({ points: _, ...found }) {
      await attempt(async () => {
        const { plans } = await readPlans(store, path, found.adapter, () => {});
        await writePlans(store, path, { ...found, plans: { ...plans, ...found.plans } });
      });
    },
  };
}

/** Makes a file name for this adapter's plans: letters, digits and dashes. */
export function plansName({ vendor, architecture, description }: AdapterInfo): string {
  const words = `${vendor} ${architecture} ${description}`.toLowerCase().match(/[a-z0-9]+/g) ?? ["adapter"];
  return `${words.join("-").slice(0, 80)}.json`;
}

/** Gives the parsed file, or says why it isn't one. */
async function parsePlans(bytes: Uint8Array): Promise<Plans | string> {
  let content: unknown;
  try {
    content = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return "it isn't JSON";
  }
  const { success, output, issues } = v.safeParse(fileSchema, content);
  if (!success) return describeIssues(issues);
  const { sha256, ...plans } = output;
  return sha256 === await digestOf(plans) ? plans : "its SHA-256 doesn't match its content";
}

/** Digests everything but the digest itself. */
async function digestOf({ version, adapter, kernels, plans, points }: Plans): Promise<string> {
  const content = [version, identity(adapter), kernels, plans, ...points ? [points] : []];
  return await sha256(new TextEncoder().encode(JSON.stringify(content)));
}

function unfit({ adapter, kernels }: Plans, here: Plans): string | undefined {
  const names = [adapter, here.adapter].map(adapterName);
  if (JSON.stringify(adapter) !== JSON.stringify(here.adapter)) return `measured on ${names[0]}, this is ${names[1]}`;
  if (kernels !== here.kernels) return "the kernels have changed since";
}

function identity({ vendor, architecture, description }: Omit<AdapterInfo, "fallback">): Plans["adapter"] {
  return { vendor, architecture, description };
}

let hash: string | undefined;

/**
 * Computes FNV-1a over all shaders' texts and constants, 32 bits as hex, to notice a change, not to withstand an
 * attack.
 */
function kernelsHash(): string {
  if (hash !== undefined) return hash;
  const programs = variants();
  const sources = new Set(programs.map(({ source }) => source));
  let state = 0x811c9dc5;
  for (const text of [...sources, ...programs.map(({ constants }) => JSON.stringify(constants ?? {}))]) {
    for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  }
  return hash = (state >>> 0).toString(16).padStart(8, "0");
}
