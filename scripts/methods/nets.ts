/** The networks and data that methods are compared on, and how these are trained: the same for all methods. */

/** How a network is trained, before it is pruned and again after it. */
interface Training {
  readonly epochs: number;
  readonly optimizer: unknown;
  readonly schedule: unknown;
}

export interface Net {
  /** What cells are called by. */
  readonly name: string;
  /** In a few words, for the table's title. */
  readonly about: string;
  /** The keys of a recipe that say which network it is, and on which images. */
  readonly keys: Readonly<Record<string, unknown>>;
  /** How the dense networks come about that methods begin with. */
  readonly train: Training;
  /** The one fine-tuning for all criteria: the schedule begins again at the rate of training. */
  readonly fineTune: Training;
  /** Rows and columns of track A. */
  readonly criteria?: {
    /** Names of criteria; or all rows, that of the curves of sensitivity among them. */
    readonly rows: readonly string[] | "all";
    /** How many times fewer multiply-adds. */
    readonly ratios: readonly number[];
    /** Layers whose channels no layer reads as images: criteria that look at maps leave them whole. */
    readonly withoutMaps: readonly string[];
  };
  /** Layers whose filters have one reader inside their block, where that loses nothing else: they go in track B. */
  readonly inner?: readonly string[];
  /** What of single weights or columns stays in track C, and the epochs that each method has for it: a multiple of six. */
  readonly sparsity?: {
    readonly epochs: number;
    readonly levels: readonly { readonly structure: "weight" | "column"; readonly part: number }[];
  };
  readonly seeds: readonly number[];
}

const sgd = { kind: "sgd", lr: 0.05, momentum: 0.9, weightDecay: 5e-4, nesterov: true };
const cosine = { kind: "cosine", warmup: 1 };

export const NETS: readonly Net[] = [
  {
    name: "digits",
    about: "ResNet-8 with half of its channels on the bundled digits, 16 epochs, fine-tuned for 6",
    keys: {
      model: { name: "resnet8", shortcut: "projection", width: 0.5 },
      data: { name: "digits", validation: 0.15, augment: { crop: 1 } },
      batch: 64,
    },
    train: { epochs: 16, optimizer: sgd, schedule: cosine },
    fineTune: { epochs: 6, optimizer: sgd, schedule: cosine },
    criteria: { rows: "all", ratios: [2, 4, 8], withoutMaps: ["layer3.0.conv2"] },
    inner: ["layer*conv1"],
    sparsity: {
      epochs: 12,
      levels: [
        { structure: "weight", part: 0.1 },
        { structure: "weight", part: 0.02 },
        { structure: "column", part: 0.25 },
        { structure: "column", part: 0.125 },
      ],
    },
    seeds: [1, 2, 3],
  },
  {
    name: "fashion",
    about: "ResNet-14 of 16, 32 and 64 channels on 10,000 images of Fashion-MNIST, 10 epochs, fine-tuned for 4",
    keys: {
      model: { name: "resnet14", shortcut: "projection" },
      data: { name: "fashion-mnist", limit: 10000, validation: 0.15 },
      batch: 128,
    },
    train: { epochs: 10, optimizer: sgd, schedule: cosine },
    fineTune: { epochs: 4, optimizer: sgd, schedule: cosine },
    criteria: {
      rows: ["l2", "bn-scale", "taylor", "activation", "l1", "lamp", "flap", "fpgm", "chip", "hrank"],
      ratios: [2, 8],
      withoutMaps: ["layer3.1.conv2"],
    },
    inner: ["layer*conv1"],
    seeds: [1, 2, 3],
  },
  {
    name: "lenet5",
    about: "LeNet-5 on MNIST, 20 epochs, pruned in 18",
    keys: { model: { name: "lenet5" }, data: { name: "mnist", validation: 0.15 }, batch: 128 },
    train: { epochs: 20, optimizer: { ...sgd, lr: 0.03 }, schedule: cosine },
    fineTune: { epochs: 6, optimizer: { ...sgd, lr: 0.03 }, schedule: cosine },
    sparsity: {
      epochs: 18,
      levels: [
        { structure: "weight", part: 0.1 },
        { structure: "weight", part: 0.01 },
        { structure: "weight", part: 0.004 },
        { structure: "column", part: 0.25 },
        { structure: "column", part: 0.125 },
      ],
    },
    seeds: [1, 2, 3],
  },
];
