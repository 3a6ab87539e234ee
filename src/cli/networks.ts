import { modelNames } from "../models/zoo.ts";

/** For the help of a command: the zoo's names in lines of at most `width` characters. */
export function zooHelp(width: number): string {
  const lines = ["Networks of the zoo:"];
  for (const name of modelNames) {
    const last = lines[lines.length - 1];
    if (lines.length > 1 && last.length + 1 + name.length <= width) lines[lines.length - 1] = `${last} ${name}`;
    else lines.push(`  ${name}`);
  }
  return `\n${lines.join("\n")}`;
}
