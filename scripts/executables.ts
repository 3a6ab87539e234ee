/** Programs of this machine, for those who look for a browser. */

/** Where a program of this name would be in each folder of `$PATH`. */
export function onPath(name: string): string[] {
  return (Deno.env.get("PATH") ?? "").split(":").filter((dir) => dir !== "").map((dir) => `${dir}/${name}`);
}

export function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** What it prints as its version; undefined where it doesn't run: Ubuntu's browsers, for one, may be stubs that only ask for a snap. */
export async function versionOf(path: string): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(path, { args: ["--version"], stderr: "null" }).output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The file that an environment variable names, or undefined where it isn't set.
 *
 * @throws Error when there is no such file
 */
export function chosenBy(variable: string, what: string): string | undefined {
  const chosen = Deno.env.get(variable);
  if (!chosen) return undefined;
  if (isFile(chosen)) return chosen;
  throw new Error(`${variable} is "${chosen}", which is not a file: point it at a ${what} or unset it`);
}
