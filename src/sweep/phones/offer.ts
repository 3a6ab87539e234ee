/** What a page is told of the work that there is for it. */
export interface WorkOffer {
  /** For people, such as "the latency table of net.onnx". */
  readonly what: string;
  readonly done: number;
  readonly total: number;
  readonly ended: boolean;
}
