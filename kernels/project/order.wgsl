// This is shared by the top-k shaders, which follow this text.

/// Gives a u32 that orders as the float does, −0 as +0; NaN sorts highest.
fn orderKey(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) { return 0xffffffffu; }
  if (magnitude == 0u) { return 0x80000000u; }
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

fn isFinite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

var<workgroup> scanned: array<u32, 256>;

/// Gives Σ of `value` over the lanes ≥ lane, in a workgroup of 256. All lanes must call it.
fn sumFrom(lane: u32, value: u32) -> u32 {
  scanned[lane] = value;
  workgroupBarrier();
  for (var d = 1u; d < 256u; d <<= 1u) {
    var more = 0u;
    if (lane + d < 256u) { more = scanned[lane + d]; }
    workgroupBarrier();
    scanned[lane] += more;
    workgroupBarrier();
  }
  return scanned[lane];
}

/// Gives Σ of `value` over the lanes < lane, in a workgroup of 256. All lanes must call it.
fn sumBefore(lane: u32, value: u32) -> u32 {
  scanned[lane] = value;
  workgroupBarrier();
  for (var d = 1u; d < 256u; d <<= 1u) {
    var more = 0u;
    if (lane >= d) { more = scanned[lane - d]; }
    workgroupBarrier();
    scanned[lane] += more;
    workgroupBarrier();
  }
  return scanned[lane] - value;
}
