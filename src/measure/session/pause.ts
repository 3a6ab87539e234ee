/** Pauses, and so also lets messages in, such as the one that stops the session. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
