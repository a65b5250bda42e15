// What a tagger is computed in.
#pragma once

#include <string_view>

namespace fintag {

// Of the linear layers kBFloat16 has inputs and weights rounded to bfloat16 and sums in float32, kInt8 weights rounded
// to 8 bits once for each output (to about 7 where the processor sums in 16 bits, packed_linear.h), and inputs for each
// token as they come, on the CPU alone. With both, attention on a CPU that has instructions for bfloat16 is computed in
// it. Everything else stays float32.
enum class Precision { kFloat32, kBFloat16, kInt8 };

// What the precision's F1 is recorded under: the same on all processors that round alike. "int8_short_sums" for int8
// where weights are rounded more coarsely (ProductKernels::short_sums), else the precision's name.
std::string_view ScoreName(Precision precision);

}  // namespace fintag
