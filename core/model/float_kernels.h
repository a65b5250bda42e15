// The inner loops of linear layers in float32 with packed weights, over raw pointers, in one version for each level of
// the processor; float_linear.h says what is computed.
#pragma once

#include <cstdint>

namespace fintag {

// Columns of the result that one panel of weights holds, side by side.
constexpr int64_t kFloatPanelColumns = 16;

// Where the weight of output `column` and input `index` stands in the packed weights [panels][in][16].
inline int64_t FloatPackedIndex(int64_t column, int64_t index, int64_t in) {
  return (column / kFloatPanelColumns * in + index) * kFloatPanelColumns + column % kFloatPanelColumns;
}

struct FloatProduct {
  const float* x;       // [rows, in]
  const float* weight;  // packed; columns beyond the layer's are 0
  const float* bias;    // [columns]
  float* y;             // [rows, columns]: products' sum + bias
  int64_t in;
  int64_t columns;
  bool gelu;  // y = gelu of that, as simd_vector.inl computes it
};

struct FloatKernels {
  const char* level;  // "avx2", "generic"
  // Rows begin to end of the panels first to last. An element's sum is made in the order of its inputs, whatever rows
  // and panels are computed beside it.
  void (*product)(const FloatProduct& product, int64_t begin, int64_t end, int64_t first, int64_t last);
};

// The best that this processor runs.
const FloatKernels& FloatSimd();

// The level of that name, or null where this processor (or this build) lacks it: for tests.
const FloatKernels* FloatLevel(const char* level);

}  // namespace fintag
