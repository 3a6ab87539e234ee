/** Ways for a run to end early, at a moment that can be chosen exactly. */
import type { Store } from "../../src/store/types.ts";
import { DIR } from "./tiny.ts";

/** A signal that is aborted from the `n`-th time on that it is asked (from 1). Training asks after each batch. */
export function abortedAt(n: number): AbortSignal {
  let asked = 0;
  return {
    get aborted() {
      return ++asked >= n;
    },
  } as AbortSignal;
}

export class Crash extends Error {}

/**
 * A store whose process dies at its `n`-th change (from 1): just before it, just after it, or, where the change is an
 * append, when half of it is done.
 */
export function crashing(store: Store, n: number, when: "before" | "amid" | "after"): Store {
  let changes = 0;
  const change = async (whole: () => Promise<void>, half: () => Promise<void> = () => Promise.resolve()) => {
    changes++;
    if (changes < n) return await whole();
    if (changes === n) await { before: () => Promise.resolve(), amid: half, after: whole }[when]();
    throw new Crash("killed");
  };
  return {
    ...store,
    write: (path, bytes) => change(() => store.write(path, bytes)),
    append: (path, text) =>
      change(() => store.append(path, text), () => store.append(path, text.slice(0, text.length >> 1))),
    truncate: (path, bytes) => change(() => store.truncate(path, bytes)),
    remove: (path) => change(() => store.remove(path)),
  };
}

/** What a finished run leaves: the model's bytes in both formats, the log, the report without what was timed and where it ran from. */
export async function outcome(store: Store, dir = DIR): Promise<Record<string, unknown>> {
  const text = async (name: string) => new TextDecoder().decode(await store.read(`${dir}/${name}`));
  const { latency: _l, speedup: _s, spent: _p, layerTimes: _m, command: _c, commit: _k, tool: _t, ...report } = JSON
    .parse(
      await text("report.json"),
    );
  const log = (await text("log.jsonl")).split("\n");
  const [model, onnx] = await Promise.all(
    ["model.safetensors", "model.onnx"].map(async (name) => hash(await store.read(`${dir}/${name}`))),
  );
  return { report, log, model, onnx };
}

async function hash(bytes: Uint8Array<ArrayBuffer> | undefined): Promise<string> {
  if (!bytes) return "missing";
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
