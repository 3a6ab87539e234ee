/** An answer other than the one that was wished for: its status, and why, in one line for whoever asked. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  constructor(readonly status: number, message: string, readonly headers: Readonly<Record<string, string>> = {}) {
    super(message);
  }
}
