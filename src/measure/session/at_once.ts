/** Says in plain words how large a batch is: "1 image", "8 images at once". */
export function atOnce(batch: number): string {
  return batch === 1 ? "1 image" : `${batch} images at once`;
}
