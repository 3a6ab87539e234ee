// y[i,f,r,c] = x[i, r - top, c*phases + f - left] inside of x, else 0: planes [height,width] into [phases,rows,cols].
// top and left may be negative (as u32, wrapping): then x is cropped. phases > 1 takes the columns apart by their
// remainder, so that a convolution with that stride finds neighbours side by side.
// cols is a multiple of 4, y in fours (cols4 per row). ALIGNED: phases is 1, width and left are multiples of 4, so x is
// read in fours too. Bindings: x read, y read_write. Grid: one thread per four of y, rows of `row` threads.
const ALIGNED: u32 = 0u;

struct Params { size: u32, row: u32, height: u32, width: u32, rows: u32, cols4: u32, top: u32, left: u32, phases: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

fn at(start: u32, w: u32) -> f32 {
  let i = start + min(w, p.width - 1u);
  return select(0.0, x[i >> 2u][i & 3u], w < p.width);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.size) { return; }
  let line = i / p.cols4;
  let plane = line / p.rows;
  // Left of or above the image the difference wraps to a huge number.
  let h = line % p.rows - p.top;
  let w = i % p.cols4 * 4u * p.phases + plane % p.phases - p.left;
  let start = (plane / p.phases * p.height + h) * p.width;
  var v = vec4<f32>();
  if (h < p.height) {
    if (ALIGNED == 1u) {
      if (w < p.width) { v = x[(start + w) >> 2u]; }
    } else {
      v = vec4<f32>(at(start, w), at(start, w + p.phases), at(start, w + 2u * p.phases), at(start, w + 3u * p.phases));
    }
  }
  y[i] = v;
}
