// What a tagger's linear layers are computed in.
#pragma once

namespace fintag {

// Everything else stays float32. kBFloat16: inputs and weights rounded to bfloat16, sums in float32. kInt8: weights
// rounded to 8 bits once for each output, inputs for each token as they come; on the CPU alone.
enum class Precision { kFloat32, kBFloat16, kInt8 };

}  // namespace fintag
