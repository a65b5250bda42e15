// The inner loops of linear layers in 8-bit integers, over raw pointers, in one version for each level of the
// processor. Sums of products are exact integers, so all levels give the same sums whatever the order; int8_linear.h
// says what is computed.
#pragma once

#include <cstdint>

namespace fintag {

// Columns of the result that one panel of weights holds, side by side.
constexpr int64_t kInt8PanelColumns = 16;

// Where the element of output `column` and input `index` stands in the packed weights [panels][pairs][16][2]: two
// neighbouring inputs of a column stand together, since the processor multiplies and adds them as one.
inline int64_t Int8PackedIndex(int64_t column, int64_t index, int64_t pairs) {
  return ((column / kInt8PanelColumns * pairs + index / 2) * kInt8PanelColumns + column % kInt8PanelColumns) * 2 +
         index % 2;
}

struct Int8Product {
  const int16_t* x;           // [rows, 2 * pairs], -127 to 127; 16 bits wide, as the products take them
  const float* x_scale;       // [rows]
  const int16_t* weight;      // packed, -127 to 127; columns and inputs beyond the layer's are 0
  const float* weight_scale;  // [columns]
  const float* bias;          // [columns]
  float* y;                   // [rows, columns]: scale of the row * scale of the column * sum + bias
  int64_t pairs;
  int64_t columns;
  bool gelu;  // y = gelu of that, as simd_kernels.h computes it
};

struct Int8Kernels {
  const char* level;  // "avx2", "generic"
  // Rows begin to end of `x`, [rows, columns]: q[row, i] = round(x[row, i] / scale[row]), to even, with scale[row] =
  // the row's largest magnitude / 127; 0 from `columns` to 2 * pairs.
  void (*quantize)(const float* x, int64_t columns, int64_t begin, int64_t end, int64_t pairs, int16_t* q,
                   float* scale);
  // Rows begin to end of the panels first to last.
  void (*product)(const Int8Product& product, int64_t begin, int64_t end, int64_t first, int64_t last);
};

// The best that this processor runs.
const Int8Kernels& Int8Simd();

// The level of that name, or null where this processor (or this build) lacks it: for tests.
const Int8Kernels* Int8Level(const char* level);

}  // namespace fintag
