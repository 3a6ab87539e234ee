/** Reads what was posted, within bounds of size and time. */
import { Refusal } from "./refusal.ts";

export const MOST_BYTES = 1_000_000;
const MOST_MS = 10_000;

/** @throws Refusal for more than MOST_BYTES, without reading them, and for a sender that takes longer than MOST_MS */
export async function readBody(request: Request, mostMs = MOST_MS): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = (found: string) => new Refusal(413, `${found} were sent, expected at most ${MOST_BYTES} bytes`);
  const promised = Number(request.headers.get("content-length") ?? 0);
  if (promised > MOST_BYTES) throw tooLarge(`${promised} bytes`);
  const reader = request.body?.getReader();
  if (!reader) return new Uint8Array();
  const bytes = new Uint8Array(MOST_BYTES);
  let length = 0;
  const late = Promise.withResolvers<never>();
  late.promise.catch(() => {});
  const timer = setTimeout(
    () => late.reject(new Refusal(408, `the post took longer than ${mostMs / 1000} s: send it again`)),
    mostMs,
  );
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), late.promise]);
      if (done) return bytes.slice(0, length);
      if (length + value.length > MOST_BYTES) throw tooLarge(`more than ${MOST_BYTES} bytes`);
      bytes.set(value, length);
      length += value.length;
    }
  } catch (error) {
    reader.cancel().catch(() => {});
    throw error instanceof Refusal ? error : new Refusal(400, "the connection broke off: send it again");
  } finally {
    clearTimeout(timer);
  }
}
