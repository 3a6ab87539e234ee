/** Runs cases in a child process that may only read the image decoders, watched from outside: time, memory, and how it ends. */
import { type Kind, kindOf, KINDS } from "./seeds.ts";

export interface Failure {
  readonly seed: number;
  readonly number: number;
  readonly what: string;
}

export interface Outcome {
  readonly loaded: number;
  readonly refused: number;
  /** The two of each kind. */
  readonly kinds: Readonly<Record<Kind, { readonly loaded: number; readonly refused: number }>>;
  readonly failures: readonly Failure[];
  /** Highest resident size of a child, or 0 where /proc doesn't say it. */
  readonly peakBytes: number;
  /** The longest that a case took, and which one it was. */
  readonly slowest: { readonly ms: number; readonly number: number };
}

export interface FuzzOptions {
  readonly seed: number;
  readonly from: number;
  readonly count: number;
  /** Called after every so many cases. */
  readonly progress?: (done: number) => void;
}

/**
 * A case hangs that computes for `caseMs`, or hasn't ended after `waitMs`: at a low priority, on a busy machine, a child may wait
 * for its turn as long as it computes.
 */
const LIMITS = { caseMs: 5000, waitMs: 60_000, startMs: 120_000, bytes: 2 ** 30 } as const;
const POLL_MS = 25;

/** Of a child: its decoders of images meet no more damaged files than those of a thread do (see `createDecoder`). */
const MOST_CASES = 600;

/** A failed or killed case is noted and the next one begins in a new child. */
export async function fuzz({ seed, from, count, progress }: FuzzOptions): Promise<Outcome> {
  const total: Total = {
    loaded: 0,
    refused: 0,
    kinds: Object.fromEntries(KINDS.map((kind) => [kind, { loaded: 0, refused: 0 }])) as Total["kinds"],
    failures: [],
    peakBytes: 0,
    slowest: { ms: 0, number: from },
  };
  for (let next = from; next < from + count;) {
    const to = Math.min(next + MOST_CASES, from + count);
    next = await runChild(seed, next, to, total, (number) => progress?.(number - from));
  }
  return total;
}

type Total = { -readonly [K in keyof Outcome]: Outcome[K] } & {
  readonly kinds: Record<Kind, { loaded: number; refused: number }>;
  readonly failures: Failure[];
};

/** The number of the case to go on with. */
async function runChild(
  seed: number,
  from: number,
  to: number,
  total: Total,
  progress: (number: number) => void,
): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--cached-only",
      // The parser of YAML looks for both.
      "--allow-env=LOG_TOKENS,LOG_STREAM",
      `--allow-read=${new URL("../../node_modules", import.meta.url).pathname}`,
      "--v8-flags=--disallow-code-generation-from-strings",
      `${import.meta.dirname}/child.ts`,
      ...[seed, from, to].map(String),
    ],
    stdout: "piped",
    stderr: "piped",
    stdin: "null",
  }).spawn();
  const stderr = new Response(child.stderr).text();
  let number = from - 1;
  let since = performance.now();
  let cpuMs = 0;
  let killed: string | undefined;
  const kill = (what: string) => {
    if (killed !== undefined) return;
    killed = what;
    child.kill("SIGKILL");
  };
  const watch = setInterval(() => {
    const ms = performance.now() - since;
    if (ms > (number < from ? LIMITS.startMs : LIMITS.waitMs)) kill(`hangs: no answer after ${Math.round(ms)} ms`);
    // What a child without /proc computes isn't known: it counts as all of the time.
    const computed = Math.min(ms, (cpuMsOf(child.pid) ?? Infinity) - cpuMs);
    if (number >= from && computed > LIMITS.caseMs) kill(`hangs: computes for ${Math.round(computed)} ms`);
    const bytes = peakBytesOf(child.pid);
    total.peakBytes = Math.max(total.peakBytes, bytes);
    if (bytes > LIMITS.bytes) kill(`takes ${bytes} bytes of memory`);
  }, POLL_MS);
  let ended = false;
  for await (const line of lines(child.stdout)) {
    const now = performance.now();
    if (line.startsWith("begin ")) {
      number = Number(line.slice(6));
      if (number % 100 === 0) progress(number);
    } else if (line === "loaded" || line === "refused") {
      total[line]++;
      total.kinds[kindOf(number)][line]++;
      if (now - since > total.slowest.ms) total.slowest = { ms: now - since, number };
    } else if (line.startsWith("failed ")) {
      total.failures.push({ seed, number, what: JSON.parse(line.slice(7)) });
    } else if (line === "end") ended = true;
    since = now;
    cpuMs = cpuMsOf(child.pid) ?? 0;
  }
  clearInterval(watch);
  const { code } = await child.status;
  if (ended && code === 0) return to;
  const what = killed ?? `the process ended with ${code}: ${(await stderr).slice(-2000)}`;
  if (number < from) throw new Error(`the child of the fuzz test doesn't start: ${what}`);
  total.failures.push({ seed, number, what });
  return number + 1;
}

/** The highest resident size so far, where the system has /proc. */
function peakBytesOf(pid: number): number {
  try {
    const peak = /VmHWM:\s*(\d+) kB/.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
    return peak ? 1024 * Number(peak[1]) : 0;
  } catch {
    return 0;
  }
}

/** What the process has computed so far, in ms, on all cores; undefined where the system has no /proc. */
function cpuMsOf(pid: number): number | undefined {
  try {
    // User and system time stand behind the name, which may hold anything but a closing bracket: 100 ticks a second.
    const [user, system] = Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/^.*\) /s, "").split(" ").slice(11, 13);
    return 10 * (Number(user) + Number(system));
  } catch {
    return undefined;
  }
}

async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
}

/** What repeats a failure, and what it is. */
export function describeFailure({ seed, number, what }: Failure): string {
  return `${kindOf(number)}: deno run -A test/fuzz/run.ts --seed ${seed} --from ${number} --count 1\n${what}`;
}
