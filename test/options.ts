import { parseArgs, type ParseArgsConfig } from "node:util";

/** The options of a script that takes nothing else. For what it doesn't know it names those that it does, and exits with 2. */
export function scriptOptions<T extends NonNullable<ParseArgsConfig["options"]>>(options: T) {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    const reason = (error as Error).message.split(/\. |\n/)[0];
    console.error(`${reason}; known: ${Object.keys(options).map((name) => `--${name}`).join(", ")}`);
    Deno.exit(2);
  }
}
