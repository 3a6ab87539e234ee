/** Test files that need a Redis, which not every machine has. */
import { findRedis } from "../scripts/redis.ts";

/**
 * Leaves out those that start a redis-server where there is none, and names them.
 * @param files paths below test/
 */
export function withRedis(
  files: readonly string[],
  print: (text: string) => void,
  find: () => string | undefined = findRedis,
): string[] {
  const needing = files.filter((name) => /(^|\/)redis_\w*\./.test(name));
  if (needing.length === 0 || find() !== undefined) return [...files];
  for (const name of needing) {
    print(`${name} is left out: there is no redis-server here, nor does REDIS_SERVER_PATH name one`);
  }
  return files.filter((name) => !needing.includes(name));
}
