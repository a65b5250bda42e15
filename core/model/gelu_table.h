// GELU's upper tail by polynomials, for the inner loops: a table that fits the processor's registers.
#pragma once

#include <cstdint>

namespace fintag {

// 1 - Phi(x), Phi the normal distribution's cumulative function, for 0 <= x < kLimit in 16 intervals of equal width: in
// interval i the sum over k of coefficient[k][i] * t^k, t the distance from its middle in widths (-0.5 to 0.5). Off by
// less than 2e-7.
struct GeluTable {
  static constexpr float kLimit = 5.4999f;  // 1 - Phi is below 2e-8 beyond
  static constexpr float kWidthsAUnit = 16 / 5.5f;
  static constexpr int64_t kDegree = 4;
  alignas(64) float coefficient[kDegree + 1][16];
};

extern const GeluTable kGeluTable;

}  // namespace fintag
