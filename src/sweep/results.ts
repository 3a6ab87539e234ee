/**
 * What jobs came to, and the files that they left, in a store that sweeps and workers share: `results/<job id>.json`, and
 * `files/<SHA-256>` for contents. A result stays valid for every later sweep, since its job's id says all that it depends on.
 */
import { sha256 } from "../formats/sha256.ts";
import type { Store } from "../store/types.ts";
import type { Metrics } from "./trial.ts";

export interface JobResult {
  readonly version: 1;
  readonly id: string;
  readonly label: string;
  /** Where the run stands, and whether that is its end. */
  readonly stage: number;
  readonly epochs: number;
  readonly ended: boolean;
  readonly metrics: Metrics;
  /** SHA-256 over the checkpoint's tensors and all metrics that are no times: what must be the same when it is done again. */
  readonly bits: string;
  /** Of measured times, the median absolute deviation, by metric. */
  readonly spread: Metrics;
  /** SHA-256 of each file in the run's folder, by its name. */
  readonly files: Readonly<Record<string, string>>;
  /** What it took, on which worker. */
  readonly seconds: number;
  readonly worker: string;
}

/** A job that was done twice and came to something else. */
export interface Difference {
  readonly job: string;
  readonly label: string;
  /** What differs: "bits", or a measured time. */
  readonly what: string;
  readonly values: readonly [string, string];
}

export interface Results {
  /** The result of a job all of whose files are there; undefined where it must be done (again). */
  read(id: string): Promise<JobResult | undefined>;
  /** Keeps the first result of a job. A second one is compared with it, and what differs is kept beside it. */
  write(result: JobResult): Promise<Difference | undefined>;
  /** Keeps a file's content, and gives its SHA-256. */
  put(bytes: Uint8Array<ArrayBuffer>): Promise<string>;
  /** The content; undefined where it is missing or damaged. */
  get(sha256: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
}

/** Those of a folder, as who coordinates a sweep has them. */
export interface KeptResults extends Results {
  /** The differences that were found among these jobs. */
  differences(ids: ReadonlySet<string>): Promise<Difference[]>;
}

/** Where a content lies in the folder of a store. */
export function contentPath(root: string, sha256: string): string {
  return `${root}/files/${sha256.slice(0, 2)}/${sha256}`;
}

export function openResults(store: Store, root: string): KeptResults {
  const resultPath = (id: string) => `${root}/results/${id.slice(0, 2)}/${id}.json`;
  const filePath = (hash: string) => contentPath(root, hash);
  const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value, null, 2) + "\n");
  const parse = <T>(bytes: Uint8Array | undefined): T | undefined => {
    try {
      return bytes && JSON.parse(new TextDecoder().decode(bytes));
    } catch {
      return undefined;
    }
  };

  const read = async (id: string) => {
    const result = parse<JobResult>(await store.read(resultPath(id)));
    if (result?.version !== 1 || result.id !== id) return undefined;
    for (const hash of Object.values(result.files)) {
      if (await store.size(filePath(hash)) === undefined) return undefined;
    }
    return result;
  };

  return {
    read,
    async write(result) {
      const first = await read(result.id);
      if (!first) {
        await store.write(resultPath(result.id), encode(result));
        return undefined;
      }
      const difference = differenceOf(first, result);
      if (difference) await store.write(`${resultPath(result.id)}.differs.json`, encode(difference));
      return difference;
    },
    async differences(ids) {
      const found: Difference[] = [];
      for (const id of [...ids].sort()) {
        const difference = parse<Difference>(await store.read(`${resultPath(id)}.differs.json`));
        if (difference) found.push(difference);
      }
      return found;
    },
    async put(bytes) {
      const hash = await sha256(bytes);
      if (await store.size(filePath(hash)) !== bytes.length) await store.write(filePath(hash), bytes);
      return hash;
    },
    async get(hash) {
      const bytes = await store.read(filePath(hash));
      return bytes && await sha256(bytes) === hash ? bytes : undefined;
    },
  };
}

/** Times of equal work are within so many deviations, of both together. */
const DEVIATIONS = 6;

/** What two results of one job differ in; undefined where they agree. */
export function differenceOf(first: JobResult, second: JobResult): Difference | undefined {
  const { id: job, label } = first;
  if (first.bits !== second.bits) return { job, label, what: "bits", values: [first.bits, second.bits] };
  for (const [metric, spread] of Object.entries(first.spread)) {
    const [a, b] = [first.metrics[metric], second.metrics[metric]];
    const allowed = DEVIATIONS * (spread + (second.spread[metric] ?? 0));
    if (Math.abs(a - b) > allowed) return { job, label, what: metric, values: [String(a), String(b)] };
  }
}
