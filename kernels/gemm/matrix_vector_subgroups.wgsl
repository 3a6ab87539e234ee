// Computes y[r] = act(sum_k M(r,k) v[k] + bias + residual[r]), f32: a matrix times a vector, M(r,k) = matrix[r*row_step
// + k*col_step].
//
// The 64 threads of a workgroup share a row, each adding up every 64th product; subgroups add up their threads' sums,
// and the first thread those of the subgroups. Nothing is assumed of a subgroup's size, nor of which threads it holds.
//
// The bindings are matrix, vector, bias and residual (read; an unused one takes any buffer), and y [batch, rows]
// (read_write).
// The grid has one workgroup per row in x, with rows of `row` workgroups folded into y; z goes over batches, whose
// matrices and vectors lie matrix_batch and vector_batch elements apart (0 means that all are the same one). With
// bias_step 0 all rows share a bias.
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;

struct Params {
  rows: u32, k: u32, row_step: u32, col_step: u32, bias_step: u32, row: u32, matrix_batch: u32, vector_batch: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> matrix: array<f32>;
@group(0) @binding(2) var<storage, read> vector: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

fn store(r: u32, at: u32, sum: f32) {
  var v = sum;
  if (BIAS == 1u) { v += bias[r * p.bias_step]; }
  if (RESIDUAL == 1u) { v += residual[at]; }
  if (ACTIVATION >= 1u) { v = select(v, 0.0, v <= 0.0); }
  if (ACTIVATION == 2u) { v = select(v, 6.0, v >= 6.0); }
  y[at] = v;
}

var<workgroup> sums: array<vec4<f32>, 16>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let r = group.x + group.y * p.row;
  if (r >= p.rows) { return; }
  let m = group.z * p.matrix_batch + r * p.row_step;
  let v = group.z * p.vector_batch;
  var sum = 0.0;
  for (var k = local; k < p.k; k += 64u) { sum = fma(matrix[m + k * p.col_step], vector[v + k], sum); }
  let whole = subgroupAdd(sum);
  sums[local / 4u][local % 4u] = select(0.0, whole, lane == 0u);
  workgroupBarrier();
  if (local == 0u) {
    var four = sums[0];
    for (var i = 1u; i < 16u; i++) { four += sums[i]; }
    store(r, group.z * p.rows + r, four.x + four.y + four.z + four.w);
  }
}
