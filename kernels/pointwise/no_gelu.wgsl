// Stands where gelu.wgsl would, in shaders whose activation is another one.
fn gelu(v: V) -> V { return v; }
fn gelu_tanh(v: V) -> V { return v; }
