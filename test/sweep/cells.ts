/** Sixty small cells on the bundled digits: 3 criteria × 4 ratios × 5 seeds. */
export const SWEEP = {
  file: `version: 1
name: cells
recipe: ./cell.yaml
vary:
  stages.1.criterion: [l2, taylor, random]
  stages.1.keep: [0.75, 0.5, 0.375, 0.25]
seeds: 5
objectives: [max accuracy, min macs]
`,
  recipe: `version: 1
name: cell
model: digits
data: { name: digits, limit: 400 }
batch: 32
stages:
  - kind: train
    epochs: 4
    optimizer: { kind: sgd, lr: 0.05, momentum: 0.9 }
    schedule: { kind: cosine }
  - kind: prune
    criterion: l2
    constraints: [{ kind: filter, layers: [conv1, conv2] }]
    keep: 0.5
    retrain: { epochs: 2, optimizer: { kind: sgd, lr: 0.02, momentum: 0.9 }, schedule: { kind: cosine } }
  - kind: compact
`,
};
