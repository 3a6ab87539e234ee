import { type Html, markup } from "../markup.ts";

/** Charts under their heading and what there is to say about them. */
export function figure(title: string, lead: Html, ...charts: readonly Html[]): Html {
  return markup`<figure><figcaption><h3>${title}</h3>${lead}</figcaption>
${charts}</figure>
`;
}

/** Names with their values, as a sentence for those who can't see a chart. */
export function pairs(names: readonly string[], values: readonly string[]): string {
  return names.map((name, i) => `${name} ${values[i]}`).join(", ");
}
