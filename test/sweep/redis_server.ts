/** A Redis of the test's own: on loopback, at a free port, with a folder that goes with it. */
import { findRedis } from "../../scripts/redis.ts";

export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  readonly pid: () => number;
  /** Ends it as a lost machine would, and waits until it is gone. */
  kill(): Promise<void>;
  /** Begins it again with what its file kept. */
  start(): Promise<void>;
}

/** @param args further ones for redis-server */
export async function startRedis(args: readonly string[] = []): Promise<RedisServer> {
  const program = findRedis();
  if (program === undefined) throw new Error("there is no redis-server here");
  const dir = await Deno.makeTempDir({ prefix: "secateur-redis-" });
  const port = freePort();
  let child: Deno.ChildProcess;
  const start = async () => {
    const files = ["--dir", dir, "--appendonly", "yes", "--save", ""];
    child = new Deno.Command(program, {
      args: ["--bind", "127.0.0.1", "--port", String(port), ...files, ...args],
      stdout: "null",
      stderr: "null",
    }).spawn();
    await answering(port);
  };
  const kill = async () => {
    try {
      child.kill("SIGKILL");
    } catch { /* it has ended already */ }
    await child.status;
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    pid: () => child.pid,
    kill,
    start,
    async [Symbol.asyncDispose]() {
      await kill();
      await Deno.remove(dir, { recursive: true });
    },
  };
}

export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

/** Until something listens there. */
async function answering(port: number): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
