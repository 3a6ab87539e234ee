// y[i,f,r,c] = x[i, r - top, c*phases + f - left] inside of x, else 0: planes [height,width] into [phases,rows,cols].
// top and left may be negative (as u32, wrapping): then x is cropped. phases > 1 takes the columns apart by their
// remainder, so that a convolution with that stride finds neighbours side by side. Bindings: x read, y read_write.
// Grid: one thread per element of y, rows of `row` threads.
struct Params { size: u32, row: u32, height: u32, width: u32, rows: u32, cols: u32, top: u32, left: u32, phases: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.size) { return; }
  let c = i % p.cols;
  let line = i / p.cols;
  // Left of or above the image the difference wraps to a huge number.
  let h = line % p.rows - p.top;
  let plane = line / p.rows;
  let w = c * p.phases + plane % p.phases - p.left;
  var v = 0.0;
  if (h < p.height && w < p.width) { v = x[(plane / p.phases * p.height + h) * p.width + w]; }
  y[i] = v;
}
