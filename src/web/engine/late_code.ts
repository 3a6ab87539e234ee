/** Code that a first visit doesn't need: it is fetched when it is asked for. */
import { UserError } from "../../errors.ts";

/**
 * @param code what `import()` gives
 * @throws UserError where the code can't be fetched, which is no fault of the page
 */
export async function fetched<T>(code: Promise<T>): Promise<T> {
  try {
    return await code;
  } catch (error) {
    // Browsers' word for an address that doesn't answer; code that is faulty in itself throws something else.
    if (!(error instanceof TypeError)) throw error;
    throw new UserError(
      `this needs more of the page's code, which can't be fetched (${error.message}): look whether the server still ` +
        "runs and can be reached, and try again",
    );
  }
}
