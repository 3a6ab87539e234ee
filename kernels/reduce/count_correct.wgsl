// Adds to counter[slot] the number of rows r < rows whose first largest logit stands at labels[r].
//
// logits are [rows, classes] floats, and labels are u32. There is one workgroup of 256 threads, so that the counter
// needs no atomics: evaluation adds batch after batch and reads once. The grid is (1, 1, 1).

struct Params {
  rows: u32,
  classes: u32,
  slot: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> counter: array<u32>;

var<workgroup> counts: array<u32, 256>;

fn is_correct(r: u32) -> bool {
  let base = r * p.classes;
  var best = logits[base];
  var at = 0u;
  for (var k = 1u; k < p.classes; k++) {
    let v = logits[base + k];
    if (v > best) {
      best = v;
      at = k;
    }
  }
  return at == labels[r];
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) local: u32) {
  var count = 0u;
  for (var r = local; r < p.rows; r += 256u) {
    if (is_correct(r)) { count += 1u; }
  }
  counts[local] = count;
  workgroupBarrier();
  if (local < 16u) {
    for (var k = local + 16u; k < 256u; k += 16u) { count += counts[k]; }
    counts[local] = count;
  }
  workgroupBarrier();
  if (local == 0u) {
    for (var k = 1u; k < 16u; k++) { count += counts[k]; }
    counter[p.slot] += count;
  }
}
