/** What phones have measured, kept by shape: a sweep that goes on, or another one, asks for nothing twice. */
import { joinPath } from "../../store/path.ts";
import type { Store } from "../../store/types.ts";

/** Of one shape on one device. */
export interface TimingResult {
  readonly shape: string;
  readonly title: string;
  /** Of each part of the job, in its order. */
  readonly times: readonly number[];
  /** Sessions that agree. */
  readonly sessions: number;
  readonly clock: string;
  /** The coarsest step among them. */
  readonly quantumMs: number;
  readonly doubt?: string;
}

export interface TimingResults {
  read(shape: string): Promise<TimingResult | undefined>;
  write(result: TimingResult): Promise<void>;
}

/** A file for each shape below `dir`. */
export function timingResults(store: Store, dir: string): TimingResults {
  const file = (shape: string) => joinPath(dir, `${shape}.json`);
  return {
    async read(shape) {
      const bytes = await store.read(file(shape));
      return bytes && JSON.parse(new TextDecoder().decode(bytes));
    },
    write: (result) => store.write(file(result.shape), new TextEncoder().encode(JSON.stringify(result) + "\n")),
  };
}
