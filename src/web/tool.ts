/** Which Secateur this page is: written in by whoever bundles it. */
declare const SECATEUR_TOOL: string | undefined;

/** "secateur 0.1.0". */
export const TOOL = typeof SECATEUR_TOOL === "string" ? SECATEUR_TOOL : "secateur";
