// Does nothing: compiled with an `enable` line above it, to learn whether the device's compiler takes the line.
@compute @workgroup_size(1)
fn main() {}
