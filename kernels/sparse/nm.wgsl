// Computes Y[m,n] = act(sum_k X[m,k] W[n,k] + bias[n] + residual[m,n]) where of every OF neighbours along k a row of W
// keeps at most KEPT (N:M sparsity, N = KEPT, M = OF). X, Y and residual are row-major; k is a multiple of OF.
//
// value is [groups, KEPT, n8, 8] in eights of rows of W, zero where fewer are kept. place[group, kept, n8] says for
// each of the eight rows, in 4 bits from the lowest on, which of the group's OF columns its number is in.
// A thread makes 4 rows x 8 columns of Y in named vec4 accumulators, one per column; the row's number is multiplied
// with a column of X picked by selects, since an indexed private array would be spilled. Rows beyond the edge read the
// last one and aren't stored.
//
// The bindings are x, value, place, bias and residual (read; an unused one takes any buffer), and y (read_write).
// The grid's x goes over n8 * tiles_m, tile of rows fastest, with rows of `row` threads folded into y.
const KEPT: u32 = 2u;
const OF: u32 = 4u;
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;

struct Params { m: u32, n: u32, k4: u32, groups: u32, n8: u32, tiles_m: u32, row: u32 }

// Holds four rows of X at a group of columns: column i is a[i] or, from 4 on, b[i - 4].
struct Values { a: mat4x4<f32>, b: mat4x4<f32> }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> value: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> place: array<u32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read> residual: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;

fn load_x(r: vec4<u32>, k4: u32) -> mat4x4<f32> {
  return transpose(mat4x4<f32>(x[r.x + k4], x[r.y + k4], x[r.z + k4], x[r.w + k4]));
}

fn pick_four(v: mat4x4<f32>, i: u32) -> vec4<f32> {
  let odd = vec4<bool>((i & 1u) != 0u);
  return select(select(v[0], v[1], odd), select(v[2], v[3], odd), vec4<bool>((i & 2u) != 0u));
}

fn pick(v: Values, i: u32) -> vec4<f32> {
  if (OF == 4u) { return pick_four(v.a, i); }
  return select(pick_four(v.a, i), pick_four(v.b, i), vec4<bool>((i & 4u) != 0u));
}

fn store(m: u32, n: u32, sum: f32) {
  if (m >= p.m) { return; }
  let i = m * p.n + n;
  var v = sum;
  if (BIAS == 1u) { v += bias[n]; }
  if (RESIDUAL == 1u) { v += residual[i]; }
  if (ACTIVATION >= 1u) { v = select(v, 0.0, v <= 0.0); }
  if (ACTIVATION == 2u) { v = select(v, 6.0, v >= 6.0); }
  y[i] = v;
}

fn store_column(m: u32, n: u32, c: vec4<f32>) {
  if (n >= p.n) { return; }
  store(m, n, c.x);
  store(m + 1u, n, c.y);
  store(m + 2u, n, c.z);
  store(m + 3u, n, c.w);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let tile = gid.x + gid.y * p.row;
  if (tile >= p.tiles_m * p.n8) { return; }
  let m = tile % p.tiles_m * 4u;
  let eight = tile / p.tiles_m;
  let r = min(vec4<u32>(m, m + 1u, m + 2u, m + 3u), vec4<u32>(p.m - 1u)) * p.k4;
  var c0 = vec4<f32>();
  var c1 = vec4<f32>();
  var c2 = vec4<f32>();
  var c3 = vec4<f32>();
  var c4 = vec4<f32>();
  var c5 = vec4<f32>();
  var c6 = vec4<f32>();
  var c7 = vec4<f32>();
  for (var g = 0u; g < p.groups; g++) {
    var v = Values();
    v.a = load_x(r, g * (OF / 4u));
    if (OF == 8u) { v.b = load_x(r, g * 2u + 1u); }
    for (var s = 0u; s < KEPT; s++) {
      let at = (g * KEPT + s) * p.n8 + eight;
      let i = place[at];
      let l = value[2u * at];
      let h = value[2u * at + 1u];
      c0 = fma(pick(v, i), vec4<f32>(l.x), c0);
      c1 = fma(pick(v, i >> 4u), vec4<f32>(l.y), c1);
      c2 = fma(pick(v, i >> 8u), vec4<f32>(l.z), c2);
      c3 = fma(pick(v, i >> 12u), vec4<f32>(l.w), c3);
      c4 = fma(pick(v, i >> 16u), vec4<f32>(h.x), c4);
      c5 = fma(pick(v, i >> 20u), vec4<f32>(h.y), c5);
      c6 = fma(pick(v, i >> 24u), vec4<f32>(h.z), c6);
      c7 = fma(pick(v, i >> 28u), vec4<f32>(h.w), c7);
    }
  }
  let n = eight * 8u;
  store_column(m, n, c0);
  store_column(m, n + 1u, c1);
  store_column(m, n + 2u, c2);
  store_column(m, n + 3u, c3);
  store_column(m, n + 4u, c4);
  store_column(m, n + 5u, c5);
  store_column(m, n + 6u, c6);
  store_column(m, n + 7u, c7);
}
