/** A network from a file as the page's server lists it for the page. */
export interface ListedNetwork {
  /** No two of a list share it. */
  readonly name: string;
  readonly params: number;
  readonly macs: number;
  /** Of images: channels, height, width. */
  readonly input: readonly [number, number, number];
}
