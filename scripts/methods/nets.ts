/** The networks and data that methods are compared on, and how these are trained: the same for all methods. */

/** How a network is trained, before it is pruned and again after it. */
export interface Training {
  readonly epochs: number;
  readonly optimizer: unknown;
  readonly schedule: unknown;
}

interface GivenNet {
  /** What the file of weights is known by. */
  readonly sha256: string;
  /** Where it is and where the images are, as recipes name them. */
  readonly files?: { readonly weights: string; readonly data: string };
}

export interface SparsityLevel {
  readonly structure: "weight" | "column";
  /** What stays. */
  readonly part: number;
  /** Of one method alone, for longer than all methods have: how far it comes. A multiple of six. */
  readonly longer?: { readonly method: string; readonly epochs: number };
}

export interface Net {
  /** What cells are called by. */
  readonly name: string;
  /** In a few words, for the table's title. */
  readonly about: string;
  /** The keys of a recipe that say which network it is, and on which images. */
  readonly keys: Readonly<Record<string, unknown>>;
  /** How the dense networks come about that methods begin with; absent where others have trained the network. */
  readonly train?: Training;
  /** What others have trained: files that no repository may hold, so that the command line names them. */
  readonly given?: GivenNet;
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
    readonly levels: readonly SparsityLevel[];
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
      rows: ["l2", "bn-scale", "taylor", "activation", "l1", "lamp", "flap", "fpgm", "chip", "hrank", "reconstruction"],
      ratios: [2, 8],
      withoutMaps: ["layer3.1.conv2"],
    },
    inner: ["layer*conv1"],
    // Criteria differ by less than three seeds can tell.
    seeds: [1, 2, 3, 4, 5],
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
        { structure: "weight", part: 0.004, longer: { method: "gradual", epochs: 120 } },
        { structure: "column", part: 0.25 },
        { structure: "column", part: 0.125 },
      ],
    },
    seeds: [1, 2, 3],
  },
  {
    name: "resnet20",
    about: "ResNet-20 that others have trained on CIFAR-10, on 10,000 of its images as JPEGs, fine-tuned for 4 epochs",
    keys: {
      model: { name: "resnet20" },
      // Its other keys are those of recipes; the command line names the folder or archive.
      data: { name: "cifar10-jpeg", limit: 10000, validation: 0.05 },
      preprocess: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
      batch: 128,
    },
    given: { sha256: "a5d3554ee5db9ef743ad92ae3cfb336459dd0229adb5e2a19109eaa9a909f648" },
    fineTune: { epochs: 4, optimizer: sgd, schedule: cosine },
    criteria: { rows: ["l2", "chip"], ratios: [2, 8], withoutMaps: [] },
    inner: ["layer*conv1"],
    seeds: [1],
  },
];

/** The nets, with the files that the command line names for one that others have trained. */
export function netsWith(files: GivenNet["files"]): readonly Net[] {
  return NETS.map((net) => net.given ? { ...net, given: { ...net.given, ...files && { files } } } : net);
}
