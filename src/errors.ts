/** A mistake that its user can mend: the message says what was given, what was expected and what to do. */
export class UserError extends Error {
  override readonly name: string = "UserError";
}

/** A command line that doesn't parse or lacks something: exit code 2 instead of 1. */
export class UsageError extends UserError {
  override readonly name: string = "UsageError";
}
