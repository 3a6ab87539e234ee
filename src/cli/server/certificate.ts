/**
 * A certificate of one's own for the addresses of this machine, kept between runs, so that a phone that has accepted it
 * once doesn't ask again; made anew when it runs out or an address is missing in it.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import selfsigned from "selfsigned";
import { UserError } from "../../errors.ts";
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

export interface OwnCertificate {
  /** Where it is kept. */
  readonly folder: string;
  /** Addresses and host names that it is for. */
  readonly names: readonly string[];
  /** Makes another one, whatever is kept. */
  readonly fresh?: boolean;
  readonly now?: number;
}

/** @throws UserError naming the file, where it holds something else than a certificate and its key */
export async function ownCertificate(
  store: Store,
  { folder, names, fresh = false, now = Date.now() }: OwnCertificate,
): Promise<Certificate> {
  const file = joinPath(folder, "certificate.json");
  const kept = fresh ? undefined : parse(await store.read(file), file);
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

/**
 * @param cert its file, and `key` that of its key, both PEM
 * @throws UserError naming the file that is missing or holds something else
 */
export async function givenCertificate(store: Store, cert: string, key: string): Promise<Certificate> {
  const read = async (file: string) => {
    const bytes = await store.read(file);
    if (!bytes) throw new UserError(`${file}: no such file: expected PEM`);
    return new TextDecoder().decode(bytes);
  };
  const pair = { cert: await read(cert), key: await read(key) };
  const problem = pairProblem(pair);
  if (problem === "cert") throw new UserError(`${cert}: holds no certificate as PEM`);
  if (problem === "key") throw new UserError(`${key}: holds no private key as PEM`);
  if (problem === "pair") throw new UserError(`${key}: isn't the key of the certificate in ${cert}`);
  return pair;
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

function parse(bytes: Uint8Array | undefined, file: string): KeptCertificate | undefined {
  if (!bytes) return undefined;
  const foreign = (found: string) =>
    new UserError(
      `${file}: ${found}, expected a certificate that was made here: --new-certificate puts one in its place`,
    );
  let kept: Partial<KeptCertificate>;
  try {
    kept = JSON.parse(new TextDecoder().decode(bytes)) ?? {};
  } catch {
    throw foreign("is no JSON");
  }
  const { cert, key, names, until } = kept;
  if (typeof cert !== "string" || typeof key !== "string" || typeof until !== "string" || !Array.isArray(names)) {
    throw foreign("lacks cert, key, names or until");
  }
  const problem = pairProblem({ cert, key });
  if (problem) {
    throw foreign({ cert: "holds no certificate", key: "holds no key", pair: "holds another one's key" }[problem]);
  }
  return { cert, key, names, until };
}

/** What of the two isn't PEM, or that the key is another certificate's; undefined where they are a pair. */
export function pairProblem({ cert, key }: Certificate): "cert" | "key" | "pair" | undefined {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(cert);
  } catch {
    return "cert";
  }
  try {
    return certificate.checkPrivateKey(createPrivateKey(key)) ? undefined : "pair";
  } catch {
    return "key";
  }
}
