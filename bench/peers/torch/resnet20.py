"""ResNet-20 in PyTorch on the processor, for the suite "peers-torch": answers one JSON line for each on stdin.

    python3 resnet20.py OPERANDS.bin    where the file holds float32 numbers, one tensor after the other

The first line says which tensors, {"params": [{"name", "shape"}], "batches": n, "batch": 32, ...}; in the file the
parameters come first, then for each batch its images and its labels. Then {"do": "losses" | "train", "count": n} trains,
{"do": "logits" | "forward", "count": n} infers.
"""
import json
import os
import sys

import numpy
import torch
from torch.nn import functional as F

BLOCKS = 3

# OpenMP takes fewer on a machine that is busy as it starts.
torch.set_num_threads(os.cpu_count())


def main():
    numbers = numpy.fromfile(sys.argv[1], dtype=numpy.float32)
    asked = json.loads(sys.stdin.readline())
    used = 0

    def take(shape):
        nonlocal used
        count = int(numpy.prod(shape))
        used += count
        return torch.from_numpy(numbers[used - count:used].reshape(shape).copy())

    tensors = {param["name"]: take(param["shape"]) for param in asked["params"]}
    running = {name: value for name, value in tensors.items() if ".running_" in name}
    weights = {name: value.requires_grad_() for name, value in tensors.items() if name not in running}
    batches = [(take(asked["images"]), take([asked["images"][0]]).long()) for _ in range(asked["batches"])]
    optimizer = torch.optim.SGD(weights.values(), lr=asked["lr"], momentum=asked["momentum"])
    trained = 0

    def norm(x, name, training):
        mean, variance = running[name + ".running_mean"], running[name + ".running_var"]
        return F.batch_norm(x, mean, variance, weights[name + ".weight"], weights[name + ".bias"], training, 0.1, 1e-5)

    def shortcut(x, channels):
        if x.shape[1] == channels:
            return x
        more = (channels - x.shape[1]) // 2
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, more, more))

    def forward(x, training):
        x = F.relu(norm(F.conv2d(x, weights["conv1.weight"], padding=1), "bn1", training))
        for stage in (1, 2, 3):
            for block in range(BLOCKS):
                name = f"layer{stage}.{block}"
                stride = 2 if stage > 1 and block == 0 else 1
                y = F.conv2d(x, weights[name + ".conv1.weight"], stride=stride, padding=1)
                y = F.relu(norm(y, name + ".bn1", training))
                y = norm(F.conv2d(y, weights[name + ".conv2.weight"], padding=1), name + ".bn2", training)
                x = F.relu(y + shortcut(x, y.shape[1]))
        return F.linear(x.mean((2, 3)), weights["linear.weight"], weights["linear.bias"])

    def step():
        nonlocal trained
        images, labels = batches[trained % len(batches)]
        trained += 1
        loss = F.cross_entropy(forward(images, True), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    def infer(count):
        with torch.no_grad():
            for _ in range(count):
                logits = forward(batches[0][0], False)
        return logits.flatten().tolist()

    answer({"version": torch.__version__, "threads": torch.get_num_threads()})
    for line in sys.stdin:
        command = json.loads(line)
        count = command["count"]
        if command["do"] in ("losses", "train"):
            losses = [step() for _ in range(count)]
            answer(losses if command["do"] == "losses" else losses[-1:])
        else:
            logits = infer(count)
            answer(logits if command["do"] == "logits" else logits[:1])


def answer(value):
    print(json.dumps(value), flush=True)


main()
