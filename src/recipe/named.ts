import cifar10JpegResnet20Depth from "./named/cifar10-jpeg-resnet20-depth.yaml" with { type: "text" };
import cifar10JpegResnet20 from "./named/cifar10-jpeg-resnet20.yaml" with { type: "text" };
import cifar10Resnet18 from "./named/cifar10-resnet18.yaml" with { type: "text" };
import digitsConvnextDepth from "./named/digits-convnext-depth.yaml" with { type: "text" };
import digitsDeitDepth from "./named/digits-deit-depth.yaml" with { type: "text" };
import digitsMobilenetDepth from "./named/digits-mobilenet-depth.yaml" with { type: "text" };
import digitsResnetDepth from "./named/digits-resnet-depth.yaml" with { type: "text" };
import digitsResnet8 from "./named/digits-resnet8.yaml" with { type: "text" };
import digits from "./named/digits.yaml" with { type: "text" };
import fashionConvnextDepth from "./named/fashion-convnext-depth.yaml" with { type: "text" };
import fashionDeitDepth from "./named/fashion-deit-depth.yaml" with { type: "text" };
import fashionLenet5 from "./named/fashion-lenet5.yaml" with { type: "text" };
import fashionMobilenetDepth from "./named/fashion-mobilenet-depth.yaml" with { type: "text" };
import fashionResnetDepth from "./named/fashion-resnet-depth.yaml" with { type: "text" };
import mnistLenet5Extreme from "./named/mnist-lenet5-extreme.yaml" with { type: "text" };
import mnistLenet5 from "./named/mnist-lenet5.yaml" with { type: "text" };

/** Recipes that have a name, as YAML text. */
export const named: Readonly<Record<string, string>> = {
  digits,
  "digits-resnet8": digitsResnet8,
  "digits-resnet-depth": digitsResnetDepth,
  "digits-mobilenet-depth": digitsMobilenetDepth,
  "digits-deit-depth": digitsDeitDepth,
  "digits-convnext-depth": digitsConvnextDepth,
  "mnist-lenet5": mnistLenet5,
  "mnist-lenet5-extreme": mnistLenet5Extreme,
  "fashion-lenet5": fashionLenet5,
  "fashion-resnet-depth": fashionResnetDepth,
  "fashion-mobilenet-depth": fashionMobilenetDepth,
  "fashion-convnext-depth": fashionConvnextDepth,
  "fashion-deit-depth": fashionDeitDepth,
  "cifar10-jpeg-resnet20": cifar10JpegResnet20,
  "cifar10-jpeg-resnet20-depth": cifar10JpegResnet20Depth,
  "cifar10-resnet18": cifar10Resnet18,
};
