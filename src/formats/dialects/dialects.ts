/**
 * The parameter names of well-known networks, as rules that rewrite them to ours. Ours are those of
 * akamaster/pytorch_resnet_cifar10 for CIFAR's ResNets and torchvision's for everything else, so most files need none.
 */
export interface Dialect {
  /** Whose names these are. */
  readonly name: string;
  /** A file speaks the dialect if each of these matches one of its names. */
  readonly marks: readonly RegExp[];
  /** Each name goes through all of them, in order. */
  readonly rules: readonly (readonly [pattern: RegExp, replacement: string])[];
}

/** Of two dialects that a file may speak, the one that fits the network better is taken; of equals, the first. */
export const DIALECTS: readonly Dialect[] = [
  { name: "ours", marks: [], rules: [] },
  {
    name: "that of torchvision's and chenyaofo/pytorch-cifar-models' ResNets",
    marks: [/^layer1\.0\.conv1\.weight$/, /^fc\.weight$/],
    rules: [[/\.downsample\.(?=[01]\.)/, ".shortcut."], [/^fc\./, "linear."]],
  },
  {
    name: "that of kuangliu/pytorch-cifar's ResNets",
    marks: [/^layer1\.0\.conv1\.weight$/, /^linear\.weight$/],
    rules: [[/\.shortcut\.(?=[01]\.)/, ".downsample."], [/^linear\./, "fc."]],
  },
  {
    name: "that of torchvision's DenseNets before 0.2",
    marks: [/\.denselayer1\.norm\.1\.weight$/],
    rules: [[/(\.denselayer\d+\.(?:norm|conv))\.([12])\./, "$1$2."]],
  },
];

/** Put before every name by DataParallel, torch.compile and Lightning. */
export const PREFIXES: readonly string[] = ["module.", "_orig_mod.", "model."];

/** What PyTorch counts and no forward pass reads. */
export const IGNORED = /(^|\.)num_batches_tracked$/;
