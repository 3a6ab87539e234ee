// Computes y[n,f,h,v] = act(sum over the kernels j of filter f's list, r and k of w[j,r,k] x[base(n,h,v) + kernel[j] +
// r*x_row + k] + bias[f] + residual), as kernel_list.wgsl computes it, but with x in uniform arrays, which take less
// time and much less code to read on software adapters. Follows kernel_lines.wgsl, which says what a thread makes.
//
// x0 ... x3 are uniform panels of x, which is in fours of columns and carries its zero halo; `parts` of them show the
// same images, whose channels they share out. base = start + n*x_image + h*x_row + v/4 in the panels of its image, of
// which they hold `images`; kernel[j], x_row and all of these count vec4s. What lies beyond a row's end only reaches
// outputs that aren't stored. w has a vec4 per kernel row. bounds[first_bound + 6*l + i] is where list l's kernels in
// part i start in `kernel`, those of part i + 1 following; bounds[first_bound + 6*l + 5] is the list's filter.
//
// The bindings are x0..x3 (uniform), w, kernel, bounds, bias and residual (read; an unused one takes any buffer), and y
// (read_write). The grid's x goes over tiles, column tile fastest, then row tile, then image; y goes over lists.
const ALL: u32 = (1u << (KH * KW)) - 1u;

struct Params {
  start0: u32, start1: u32, start2: u32, start3: u32,
  tiles: u32, tiles_h: u32, tiles_v: u32, parts: u32,
  images: u32, first_image: u32, filters: u32, rows: u32,
  cols: u32, x_image: u32, x_row: u32, first_bound: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<uniform> x0: array<vec4<f32>, 4096>;
@group(0) @binding(2) var<uniform> x1: array<vec4<f32>, 4096>;
@group(0) @binding(3) var<uniform> x2: array<vec4<f32>, 4096>;
@group(0) @binding(4) var<uniform> x3: array<vec4<f32>, 4096>;
@group(0) @binding(5) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> kernel: array<u32>;
@group(0) @binding(7) var<storage, read> bounds: array<u32>;
@group(0) @binding(8) var<storage, read> bias: array<f32>;
@group(0) @binding(9) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(10) var<storage, read_write> y: array<vec4<f32>>;

fn line0(i: u32) -> Line {
  var t = Line();
  t.l = x0[i];
  if (KW > 1u || FOURS > 1u) { t.m = x0[i + 1u]; }
  if (KW > 1u && FOURS > 1u) { t.r = x0[i + 2u]; }
  return t;
}

fn lines0(i: u32) -> Lines {
  var t = Lines();
  t.l0 = line0(i);
  if (ROWS + KH > 2u) { t.l1 = line0(i + p.x_row); }
  if (ROWS + KH > 3u) { t.l2 = line0(i + 2u * p.x_row); }
  if (ROWS + KH > 4u) { t.l3 = line0(i + 3u * p.x_row); }
  if (ROWS + KH > 5u) { t.l4 = line0(i + 4u * p.x_row); }
  if (ROWS + KH > 6u) { t.l5 = line0(i + 5u * p.x_row); }
  if (ROWS + KH > 7u) { t.l6 = line0(i + 6u * p.x_row); }
  if (ROWS + KH > 8u) { t.l7 = line0(i + 7u * p.x_row); }
  if (ROWS + KH > 9u) { t.l8 = line0(i + 8u * p.x_row); }
  if (ROWS + KH > 10u) { t.l9 = line0(i + 9u * p.x_row); }
  return t;
}

fn line1(i: u32) -> Line {
  var t = Line();
  t.l = x1[i];
  if (KW > 1u || FOURS > 1u) { t.m = x1[i + 1u]; }
  if (KW > 1u && FOURS > 1u) { t.r = x1[i + 2u]; }
  return t;
}

fn lines1(i: u32) -> Lines {
  var t = Lines();
  t.l0 = line1(i);
  if (ROWS + KH > 2u) { t.l1 = line1(i + p.x_row); }
  if (ROWS + KH > 3u) { t.l2 = line1(i + 2u * p.x_row); }
  if (ROWS + KH > 4u) { t.l3 = line1(i + 3u * p.x_row); }
  if (ROWS + KH > 5u) { t.l4 = line1(i + 4u * p.x_row); }
  if (ROWS + KH > 6u) { t.l5 = line1(i + 5u * p.x_row); }
  if (ROWS + KH > 7u) { t.l6 = line1(i + 6u * p.x_row); }
  if (ROWS + KH > 8u) { t.l7 = line1(i + 7u * p.x_row); }
  if (ROWS + KH > 9u) { t.l8 = line1(i + 8u * p.x_row); }
  if (ROWS + KH > 10u) { t.l9 = line1(i + 9u * p.x_row); }
  return t;
}

fn line2(i: u32) -> Line {
  var t = Line();
  t.l = x2[i];
  if (KW > 1u || FOURS > 1u) { t.m = x2[i + 1u]; }
  if (KW > 1u && FOURS > 1u) { t.r = x2[i + 2u]; }
  return t;
}

fn lines2(i: u32) -> Lines {
  var t = Lines();
  t.l0 = line2(i);
  if (ROWS + KH > 2u) { t.l1 = line2(i + p.x_row); }
  if (ROWS + KH > 3u) { t.l2 = line2(i + 2u * p.x_row); }
  if (ROWS + KH > 4u) { t.l3 = line2(i + 3u * p.x_row); }
  if (ROWS + KH > 5u) { t.l4 = line2(i + 4u * p.x_row); }
  if (ROWS + KH > 6u) { t.l5 = line2(i + 5u * p.x_row); }
  if (ROWS + KH > 7u) { t.l6 = line2(i + 6u * p.x_row); }
  if (ROWS + KH > 8u) { t.l7 = line2(i + 7u * p.x_row); }
  if (ROWS + KH > 9u) { t.l8 = line2(i + 8u * p.x_row); }
  if (ROWS + KH > 10u) { t.l9 = line2(i + 9u * p.x_row); }
  return t;
}

fn line3(i: u32) -> Line {
  var t = Line();
  t.l = x3[i];
  if (KW > 1u || FOURS > 1u) { t.m = x3[i + 1u]; }
  if (KW > 1u && FOURS > 1u) { t.r = x3[i + 2u]; }
  return t;
}

fn lines3(i: u32) -> Lines {
  var t = Lines();
  t.l0 = line3(i);
  if (ROWS + KH > 2u) { t.l1 = line3(i + p.x_row); }
  if (ROWS + KH > 3u) { t.l2 = line3(i + 2u * p.x_row); }
  if (ROWS + KH > 4u) { t.l3 = line3(i + 3u * p.x_row); }
  if (ROWS + KH > 5u) { t.l4 = line3(i + 4u * p.x_row); }
  if (ROWS + KH > 6u) { t.l5 = line3(i + 5u * p.x_row); }
  if (ROWS + KH > 7u) { t.l6 = line3(i + 6u * p.x_row); }
  if (ROWS + KH > 8u) { t.l7 = line3(i + 7u * p.x_row); }
  if (ROWS + KH > 9u) { t.l8 = line3(i + 8u * p.x_row); }
  if (ROWS + KH > 10u) { t.l9 = line3(i + 9u * p.x_row); }
  return t;
}

fn weights_at(j: u32) -> Kernel {
  var t = Kernel();
  t.r0 = w[j * KH];
  if (KH > 1u) { t.r1 = w[j * KH + 1u]; }
  if (KH > 2u) { t.r2 = w[j * KH + 2u]; }
  return t;
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let tile = group.x * 8u + local.x;
  if (tile >= p.tiles) { return; }
  let v = tile % p.tiles_v * 4u * FOURS;
  let h = tile / p.tiles_v % p.tiles_h * ROWS;
  let n = tile / p.tiles_v / p.tiles_h;
  let base = n % p.images * p.x_image + h * p.x_row + v / 4u;
  let views = n / p.images;
  let b = p.first_bound + group.y * 6u;
  // Panel i shows part i % parts of the images views == i / parts.
  let own = vec4<u32>(0u, 1u, 2u, 3u) / p.parts == vec4<u32>(views);
  let part = b + vec4<u32>(0u, 1u, 2u, 3u) % p.parts;
  let first = vec4<u32>(bounds[part.x], bounds[part.y], bounds[part.z], bounds[part.w]);
  let last = vec4<u32>(bounds[part.x + 1u], bounds[part.y + 1u], bounds[part.z + 1u], bounds[part.w + 1u]);
  let end = select(first, last, own);
  var c = Tile();
  for (var j = first.x; j < end.x; j++) {
    c = add_kernel(ALL, c, weights_at(j), lines0(p.start0 + base + kernel[j]));
  }
  for (var j = first.y; j < end.y; j++) {
    c = add_kernel(ALL, c, weights_at(j), lines1(p.start1 + base + kernel[j]));
  }
  for (var j = first.z; j < end.z; j++) {
    c = add_kernel(ALL, c, weights_at(j), lines2(p.start2 + base + kernel[j]));
  }
  for (var j = first.w; j < end.w; j++) {
    c = add_kernel(ALL, c, weights_at(j), lines3(p.start3 + base + kernel[j]));
  }
  store_tile(p.first_image + n, bounds[b + 5u], h, v, c);
}
