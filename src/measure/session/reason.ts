import { DeviceLostError } from "../../gpu/errors.ts";

/** A compiler's line may be longer than a table has room for. */
const LONGEST_REASON = 160;

/** Gives the first line, for a table; a lost device's advice is for runs that keep checkpoints. */
export function reasonOf(error: unknown): string {
  const [line] = (error instanceof Error ? error.message : String(error)).split("\n");
  const reason = error instanceof DeviceLostError ? line.split(": ")[0] : line;
  return reason.length > LONGEST_REASON ? `${reason.slice(0, LONGEST_REASON)}…` : reason;
}
