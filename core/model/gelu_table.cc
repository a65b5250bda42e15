#include "core/model/gelu_table.h"

#include <cmath>
#include <numbers>

namespace fintag {
namespace {

constexpr int64_t kPoints = GeluTable::kDegree + 1;

// Interpolates at the Chebyshev nodes of each interval, by Newton's divided differences.
GeluTable MakeTable() {
  GeluTable table;
  for (int64_t i = 0; i < 16; ++i) {
    double node[kPoints];
    double difference[kPoints];
    for (int64_t k = 0; k < kPoints; ++k) {
      node[k] = 0.5 * std::cos(std::numbers::pi * (static_cast<double>(k) + 0.5) / kPoints);
      const double x = (static_cast<double>(i) + 0.5 + node[k]) / GeluTable::kWidthsAUnit;
      difference[k] = 0.5 * std::erfc(x / std::numbers::sqrt2);
    }
    for (int64_t order = 1; order < kPoints; ++order) {
      for (int64_t k = kPoints - 1; k >= order; --k) {
        difference[k] = (difference[k] - difference[k - 1]) / (node[k] - node[k - order]);
      }
    }
    // From Newton's form to powers, the innermost factor first.
    double power[kPoints] = {difference[kPoints - 1]};
    for (int64_t k = kPoints - 2; k >= 0; --k) {
      for (int64_t j = kPoints - 1; j > 0; --j) power[j] = power[j - 1] - node[k] * power[j];
      power[0] = difference[k] - node[k] * power[0];
    }
    for (int64_t k = 0; k < kPoints; ++k) table.coefficient[k][i] = static_cast<float>(power[k]);
  }
  return table;
}

}  // namespace

const GeluTable kGeluTable = MakeTable();

}  // namespace fintag
