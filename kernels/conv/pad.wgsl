// Computes y[i,f,r,c] = x[i, r - top, c*phases + f - left] inside of x, else 0, which turns planes [height,width] into
// [phases,rows,cols]. top and left may be negative (as u32, wrapping): then x is cropped. phases > 1 takes the columns
// apart by their remainder, so that a convolution with that stride finds neighbours side by side.
// cols is a multiple of 4, and y is in fours (cols4 per row). A thread makes FOURS of them side by side, since finding
// its place costs more than copying; rows are `runs` of so many. MODE says how x is read:
//   0  scalar
//   1  phases is 1: in fours, and what lies between two of them is put together
//   2  phases is 1, width and left are multiples of 4: in fours
//   3  phases is 2: in fours, of which each phase takes every second element
//
// The bindings are x (read) and y (read_write). The grid has one thread per run of y, in rows of `row` threads.
const MODE: u32 = 1u;
const FOURS: u32 = 3u;

struct Params {
  count: u32, row: u32, height: u32, width: u32, rows: u32, cols4: u32, runs: u32, top: u32, left: u32, phases: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

// Gives four of the eight elements in u and v, from `shift` on.
fn joined(u: vec4<f32>, v: vec4<f32>, shift: u32) -> vec4<f32> {
  let odd = (shift & 1u) == 1u;
  let near = select(u, vec4<f32>(u.yzw, v.x), vec4<bool>(odd));
  let far = select(v.xy, v.yz, vec2<bool>(odd));
  return select(near, vec4<f32>(near.zw, far), vec4<bool>(shift >= 2u));
}

fn at(start: u32, w: u32) -> f32 {
  let i = start + min(w, p.width - 1u);
  return select(0.0, x[i >> 2u][i & 3u], w < p.width);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.count) { return; }
  let line = i / p.runs;
  let plane = line / p.rows;
  let four = (i - line * p.runs) * FOURS;
  let phases = p.phases;
  let width = p.width;
  // Left of or above the image the difference wraps to a huge number.
  let h = line - plane * p.rows - p.top;
  let inside = h < p.height;
  var w = four * 4u * phases + plane % phases - p.left;
  let start = (plane / phases * p.height + h) * width;
  // Before the first plane the place is negative.
  let place = start + w;
  var q = bitcast<u32>(bitcast<i32>(place) >> 2u);
  var u = vec4<f32>();
  if (MODE == 1u || MODE == 3u) { u = x[q]; }
  for (var f = 0u; f < FOURS; f++) {
    var v = vec4<f32>();
    if (MODE == 0u) {
      v = vec4<f32>(at(start, w), at(start, w + phases), at(start, w + 2u * phases), at(start, w + 3u * phases));
      v = select(vec4<f32>(), v, vec4<bool>(inside));
    } else {
      q += 1u;
      if (MODE == 1u) {
        let next = x[q];
        v = joined(u, next, place & 3u);
        u = next;
      } else if (MODE == 3u) {
        let next = x[q];
        q += 1u;
        let last = x[q];
        v = vec4<f32>(joined(u, next, place & 3u).xz, joined(next, last, place & 3u).xz);
        u = last;
      } else {
        v = x[q - 1u];
      }
      let columns = vec4<u32>(w, w + phases, w + 2u * phases, w + 3u * phases);
      v = select(vec4<f32>(), v, (columns < vec4<u32>(width)) & vec4<bool>(inside));
    }
    w += 4u * phases;
    if (four + f < p.cols4) { y[line * p.cols4 + four + f] = v; }
  }
}
