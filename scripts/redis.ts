import { chosenBy, isFile, onPath } from "./executables.ts";

/**
 * The path of a redis-server on this machine, or undefined. `$REDIS_SERVER_PATH` wins when set.
 *
 * @throws when `$REDIS_SERVER_PATH` names a file that doesn't exist.
 */
export function findRedis(): string | undefined {
  return chosenBy("REDIS_SERVER_PATH", "redis-server") ??
    ["redis-server", "valkey-server"].flatMap(onPath).find(isFile);
}
