// Computes columns[q,k] = x[base(q) + tap[k]]: the matrix that makes a convolution a matrix product (im2col), in blocks
// of 64 k x 256 pixels, 64 KiB each, which im2col_product.wgsl binds as uniform arrays: block (q/256)*blocks + k/64
// holds element (q,k) at k%64*256 + q%256.
// Pixel q of N*rows*cols (plane = rows*cols) has base n*x_image + h*x_row + v*x_col; x carries its zero halo.
// What a block holds beyond the matrix is never read but beside outputs that aren't stored.
//
// The bindings are x (read), tap (uniform; of the taps from `first` on, in fours), and columns (read_write).
// The grid's x has one thread per 4 pixels, and y goes over blocks of 64 taps.
struct Params {
  pixels: u32, plane: u32, cols: u32, x_image: u32, x_row: u32, x_col: u32, first: u32, taps: u32, blocks: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<uniform> tap: array<vec4<u32>, 1024>;
@group(0) @binding(3) var<storage, read_write> columns: array<vec4<f32>>;

fn base(pixel: u32) -> u32 {
  let q = min(pixel, p.pixels - 1u);
  let n = q / p.plane;
  let r = q - n * p.plane;
  let h = r / p.cols;
  return n * p.x_image + h * p.x_row + (r - h * p.cols) * p.x_col;
}

fn pixels(b: vec4<u32>, offset: u32) -> vec4<f32> {
  return vec4<f32>(x[b.x + offset], x[b.y + offset], x[b.z + offset], x[b.w + offset]);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let q = 4u * gid.x;
  if (q >= p.pixels) { return; }
  let b = vec4<u32>(base(q), base(q + 1u), base(q + 2u), base(q + 3u));
  let start = p.first + 64u * gid.y;
  let at = ((q / 256u) * p.blocks + start / 64u) * 4096u + gid.x % 64u;
  let fours = (min(64u, p.taps - start) + 3u) / 4u;
  for (var k = 0u; k < fours; k++) {
    let t = tap[gid.y * 16u + k];
    let i = at + k * 256u;
    columns[i] = pixels(b, t.x);
    columns[i + 64u] = pixels(b, t.y);
    columns[i + 128u] = pixels(b, t.z);
    columns[i + 192u] = pixels(b, t.w);
  }
}
