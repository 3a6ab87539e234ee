/**
 * A certificate of one's own for the addresses of this machine, kept between runs, so that a phone that has accepted it
 * once doesn't ask again; made anew when it runs out or an address is missing in it.
 */
import { X509Certificate } from "node:crypto";
import selfsigned from "selfsigned";
import { joinPath } from "../../store/path.ts";
import type { Store } from "../../store/types.ts";
import type { Certificate } from "./listen.ts";

interface KeptCertificate extends Certificate {
  readonly names: readonly string[];
  /** ISO 8601. */
  readonly until: string;
}

/** Browsers refuse certificates that are valid for longer. */
const DAYS = 397;
const DAY_MS = 86_400_000;
/** Renewed when less is left. */
const LEAST_DAYS = 7;

/** @param names addresses and host names that it is for */
export async function ownCertificate(
  store: Store,
  folder: string,
  names: readonly string[],
  now = Date.now(),
): Promise<Certificate> {
  const file = joinPath(folder, "certificate.json");
  const kept = parse(await store.read(file));
  const lasts = kept && Date.parse(kept.until) - now > LEAST_DAYS * DAY_MS;
  if (kept && lasts && names.every((name) => kept.names.includes(name))) return kept;
  const until = new Date(now + DAYS * DAY_MS);
  const { cert, private: key } = await selfsigned.generate([{ name: "commonName", value: "Secateur" }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    notBeforeDate: new Date(now - DAY_MS),
    notAfterDate: until,
    extensions: [
      { name: "basicConstraints", cA: false },
      { name: "keyUsage", digitalSignature: true },
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: names.map((name) => isAddress(name) ? { type: 7, ip: name } : { type: 2, value: name }),
      },
    ],
  });
  const made: KeptCertificate = { cert, key, names, until: until.toISOString() };
  await store.write(file, new TextEncoder().encode(JSON.stringify(made)));
  return made;
}

/** The host names and addresses that a certificate is for; names may start with "*.". Empty where it can't be read. */
export function certificateNames(pem: string): string[] {
  try {
    const { subjectAltName = "" } = new X509Certificate(pem);
    return subjectAltName.split(", ").flatMap((name) =>
      /^(?:DNS|IP Address):(.+)$/.exec(name)?.[1].toLowerCase() ?? []
    );
  } catch {
    return [];
  }
}

function isAddress(name: string): boolean {
  return /^[\d.]+$/.test(name) || name.includes(":");
}

function parse(bytes: Uint8Array | undefined): KeptCertificate | undefined {
  if (!bytes) return undefined;
  try {
    const { cert, key, names, until } = JSON.parse(new TextDecoder().decode(bytes));
    return typeof cert === "string" && typeof key === "string" && Array.isArray(names)
      ? { cert, key, names, until }
      : undefined;
  } catch {
    return undefined;
  }
}
