/**
 * What was published for relatives of merged blocks: Efficient CNN Depth Compression (ICML 2023, by PyTorch eagerly and by
 * TensorRT) and LayerMerge (ICML 2024), both trained on ImageNet and timed on GPUs.
 */
export interface Published {
  readonly name: string;
  readonly "top-1, %": string;
  readonly "speed-up": string;
  readonly "by TensorRT": string;
}

export const PUBLISHED: readonly Published[] = [
  published("Depth compression, MobileNetV2", "72.89 → 72.83", "1.62×", "1.41×"),
  published("Depth compression, MobileNetV2", "72.89 → 70.65", "2.46×", "1.95×"),
  published("Depth compression, MobileNetV2-1.4", "76.28 → 74.68", "1.91×", "1.61×"),
  published("LayerMerge, ResNet-34", "74.42 → 74.26", "1.36×"),
  published("LayerMerge, ResNet-34", "74.42 → 73.46", "1.56×"),
  published("LayerMerge, ResNet-34", "74.42 → 72.84", "1.79×"),
  published("LayerMerge, MobileNetV2", "72.89 → 72.99", "1.63×"),
  published("LayerMerge, MobileNetV2", "72.89 → 70.99", "2.49×"),
  published("LayerMerge, MobileNetV2-1.4", "76.28 → 74.91", "1.99×"),
  published("LayerMerge, MobileNetV2-1.4", "76.28 → 73.29", "2.72×"),
];

function published(name: string, accuracy: string, speedup: string, tensorrt = ""): Published {
  return { name, "top-1, %": accuracy, "speed-up": speedup, "by TensorRT": tensorrt };
}
