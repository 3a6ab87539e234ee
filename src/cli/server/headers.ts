/** What every answer says beside its content: what the page may load and run, and who may look into it. */
import { FALLBACK } from "../page/bundle.ts";

/** Nothing but the page's own files; no inline script or style, and no text made into code. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
];

/** For a page's own head, where nothing can be said about frames. */
export const META_POLICY = POLICY.join("; ");

/** A worker has the policy of its own response: gpu.js makes functions from text, and only there it may. */
const FALLBACK_POLICY = "default-src 'none'; script-src 'self' 'unsafe-eval'; connect-src 'self'";

/** Isolation gives the page a clock of 5 µs steps instead of 100. */
const ISOLATION = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
};

/** @param path of the file, below the page's address */
export function headersOf(path: string): Record<string, string> {
  return {
    ...ISOLATION,
    "content-security-policy": path === FALLBACK ? FALLBACK_POLICY : `${META_POLICY}; frame-ancestors 'none'`,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
  };
}
