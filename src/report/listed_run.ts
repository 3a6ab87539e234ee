/** A finished run as the page's server lists it for the page. */
export interface ListedRun {
  readonly name: string;
  readonly dense: { readonly params: number; readonly macs: number };
  readonly pruned: { readonly params: number; readonly macs: number };
  /** Of images: channels, height, width. */
  readonly input: readonly [number, number, number];
  /** Fractions in 0…1, on its test data; absent where these have no labels. */
  readonly accuracy?: { readonly dense: number; readonly pruned: number };
}
