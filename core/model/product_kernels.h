// The inner loops of linear layers with packed weights, over raw pointers: in float32, bfloat16 and 8-bit integers, in
// one version for each level of the processor. packed_linear.h says what is computed.
//
// Inputs and weights are taken in groups of four bytes, since that is what the processor's instructions multiply and
// add as one: a float32, two bfloat16 or two 16-bit integers, four 8-bit integers. The weights lie in panels of a few
// columns of the result, side by side: [panels][groups][panel columns].
#pragma once

#include <cstdint>

#include "core/model/precision.h"

namespace fintag {

struct PackedProduct {
  const int32_t* x;           // [rows, groups], as ProductKernels::convert writes them
  const float* x_scale;       // [rows]; int8 alone
  const int32_t* weight;      // packed; columns and inputs beyond the layer's are 0
  const float* weight_scale;  // [columns, and on to a whole panel]; int8 alone
  const int32_t* start;       // alike: what a column's sum begins with, or null; int8 alone
  const float* bias;          // alike
  float* y;                   // [rows, columns]: the sum of products (int8: times both scales) + bias
  int64_t groups;             // of a row
  int64_t columns;
  bool gelu;                    // y = gelu of that, as simd_vector.inl computes it
  bool from_memory = false;     // the weights are in no cache yet: they are to be fetched ahead
  void* scratch = nullptr;      // ProductKernels::scratch_bytes of the calling thread's, at a multiple of 64
  uint16_t* rounded = nullptr;  // where not null, what y would be is written here in bfloat16
  int64_t rounded_stride = 0;   // from row to row
};

struct ProductKernels {
  const char* level;  // "amx", "avx512", "avxvnni", "avx2", "generic"
  Precision precision;
  int64_t group_inputs;      // inputs in a group
  int64_t group_multiple;    // a row's groups are a multiple of this
  int64_t panel_columns;     // columns of a panel
  int64_t row_multiple;      // work is cut between rows at multiples of this, and x is readable up to one
  int32_t input_offset = 0;  // int8: added to each input, since the processor wants them without a sign
  // Rows begin to end of `x`, [rows, columns], to groups. int8: round(x[row, i] / scale[row]), to even, with
  // scale[row] = the row's largest magnitude / 127. Null for float32: its groups are the inputs.
  void (*convert)(const float* x, int64_t columns, int64_t begin, int64_t end, int64_t groups, int32_t* to,
                  float* scale);
  // Packs a matrix whose inputs lie below each other, as a transposed weight's do: x[i, c], [inputs, columns], is input
  // i of output column c. Panels first to last, the first at `to`; what is beyond is 0. bfloat16 alone, for training.
  void (*pack_columns)(const float* x, int64_t inputs, int64_t columns, int64_t groups, int64_t first, int64_t last,
                       int32_t* to);
  // Rows begin to end of the panels first to last. float32: an element's sum is made in the same order, whatever rows
  // and panels are computed beside it. int8: sums are exact, so the same weights give the same at all levels.
  void (*product)(const PackedProduct& product, int64_t begin, int64_t end, int64_t first, int64_t last);
  int64_t scratch_bytes = 0;  // what `product` writes to meanwhile
  bool rounds = false;        // knows PackedProduct::rounded, where the processor has instructions for bfloat16
  // int8: products are summed in 16 bits first, of inputs 0 and 1, and of 2 and 3, of two groups that follow each
  // other. Weights of one sign that meet there are to add up to kShortSumWeights at most.
  bool short_sums = false;
};

// Times the largest input, 255, it is the largest multiple that 16 bits hold.
inline constexpr int kShortSumWeights = 128;

// The best that this processor runs. Null for bfloat16 where it has no instructions for it.
const ProductKernels* BestProduct(Precision precision);

// The level of that name, or null where this processor (or this build) lacks it: for tests.
const ProductKernels* ProductLevel(Precision precision, const char* level);

}  // namespace fintag
