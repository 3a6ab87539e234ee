// Computes y[n,f,h,v] = act(sum over r, s of w[f,r,s] x[n,f/M,STRIDE_V*h+r*dilation-top,STRIDE*v+s-left] + bias[f] +
// residual): a depthwise convolution with M filters to a channel, of x as it is: a thread that loads a pixel tests for
// itself whether it lies in the map, so that nothing is padded before.
//
// A thread makes four neighbouring columns of a row, whose taps meet many of the same pixels (the compiler loads each
// once); neighbouring threads have neighbouring columns.
//
// The bindings are x, w, bias and residual (read; an unused one takes any buffer), and y (read_write). The grid has one
// thread for four columns, then row, then plane of y, with rows of `row` threads folded into y.
const KW: u32 = 3u;
const STRIDE: u32 = 1u;
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;

struct Params {
  threads: u32, row: u32, filters: u32, per_channel: u32, channels: u32, height: u32, width: u32,
  rows: u32, cols: u32, fours: u32, kernel_h: u32, stride_v: u32, dilation_v: u32, top: u32, left: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

// Loads the pixel `at` columns behind place i of x, which is column h of the map.
fn pixel(i: u32, h: u32, at: u32) -> f32 { return select(0.0, x[i + at], h + at < p.width); }

// Adds tap s of a row of the kernel, whose weights begin at place k.
fn tap(c: vec4<f32>, s: u32, k: u32, i: u32, h: u32) -> vec4<f32> {
  if (s >= KW) { return c; }
  let four = vec4<f32>(
    pixel(i, h, s), pixel(i, h, s + STRIDE), pixel(i, h, s + 2u * STRIDE), pixel(i, h, s + 3u * STRIDE));
  return fma(vec4<f32>(w[k + s]), four, c);
}

fn store(i: u32, sum: f32) {
  var s = sum;
  if (RESIDUAL == 1u) { s += residual[i]; }
  if (ACTIVATION >= 1u) { s = select(s, 0.0, s <= 0.0); }
  if (ACTIVATION == 2u) { s = select(s, 6.0, s >= 6.0); }
  y[i] = s;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let thread = gid.x + gid.y * p.row;
  if (thread >= p.threads) { return; }
  let v = thread % p.fours * 4u;
  let line = thread / p.fours;
  let plane = line / p.rows;
  let f = plane % p.filters;
  let channel = plane / p.filters * p.channels + f / p.per_channel;
  let h = v * STRIDE - p.left;
  let first = line % p.rows * p.stride_v - p.top;
  var c = vec4<f32>();
  for (var r = 0u; r < p.kernel_h; r++) {
    let at = first + r * p.dilation_v;
    if (at < p.height) {
      let i = (channel * p.height + at) * p.width + h;
      let k = (f * p.kernel_h + r) * KW;
      c = tap(c, 0u, k, i, h);
      c = tap(c, 1u, k, i, h);
      c = tap(c, 2u, k, i, h);
      c = tap(c, 3u, k, i, h);
      c = tap(c, 4u, k, i, h);
      c = tap(c, 5u, k, i, h);
      c = tap(c, 6u, k, i, h);
    }
  }
  if (BIAS == 1u) { c += vec4<f32>(bias[f]); }
  let i = line * p.cols + v;
  store(i, c.x);
  if (v + 1u < p.cols) { store(i + 1u, c.y); }
  if (v + 2u < p.cols) { store(i + 2u, c.z); }
  if (v + 3u < p.cols) { store(i + 3u, c.w); }
}
