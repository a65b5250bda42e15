// Each level of the processor gives what sums in float64 give, whatever the size and however the work is cut.
#include "core/model/float_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace fintag {
namespace {

class FloatKernelsTest : public testing::TestWithParam<const char*> {
 protected:
  const FloatKernels* level_ = FloatLevel(GetParam());  // null where the processor lacks it: nothing to check
};

TEST_P(FloatKernelsTest, EqualsSumsInDoublePrecision) {
  if (level_ == nullptr) return;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (int i = 0; i < 60; ++i) {
    const int64_t rows = 1 + static_cast<int64_t>(random() % 300);
    const int64_t in = 1 + static_cast<int64_t>(random() % 600);
    const int64_t out = 1 + static_cast<int64_t>(random() % 70);
    const bool gelu = i % 2 == 1;
    SCOPED_TRACE(std::to_string(rows) + "x" + std::to_string(in) + "x" + std::to_string(out));
    const int64_t panels = (out + kFloatPanelColumns - 1) / kFloatPanelColumns;
    std::vector<float> x(static_cast<size_t>(rows * in));
    std::vector<float> weight(static_cast<size_t>(panels * kFloatPanelColumns * in));
    std::vector<float> bias(static_cast<size_t>(out));
    std::vector<float> y(static_cast<size_t>(rows * out), NAN);
    for (float& value : x) value = normal(random);
    for (float& value : bias) value = normal(random);
    for (int64_t column = 0; column < out; ++column) {
      for (int64_t k = 0; k < in; ++k) weight[static_cast<size_t>(FloatPackedIndex(column, k, in))] = normal(random);
    }
    const FloatProduct product{.x = x.data(),
                               .weight = weight.data(),
                               .bias = bias.data(),
                               .y = y.data(),
                               .in = in,
                               .columns = out,
                               .gelu = gelu};
    // In four pieces.
    const int64_t row = rows / 2;
    const int64_t panel = panels / 2;
    for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, row}, {row, rows}}) {
      level_->product(product, begin, end, 0, panel);
      level_->product(product, begin, end, panel, panels);
    }
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < out; ++c) {
        double sum = bias[static_cast<size_t>(c)];
        double magnitude = std::fabs(sum);
        for (int64_t k = 0; k < in; ++k) {
          const double term = double{x[static_cast<size_t>(r * in + k)]} *
                              double{weight[static_cast<size_t>(FloatPackedIndex(c, k, in))]};
          sum += term;
          magnitude += std::fabs(term);
        }
        const double expected = gelu ? sum * 0.5 * std::erfc(-sum / std::sqrt(2.0)) : sum;
        // A sum of n terms is off by half of n units of its terms' magnitudes at worst, and far less in general.
        ASSERT_NEAR(y[static_cast<size_t>(r * out + c)], expected, 1e-6 + 5e-7 * magnitude) << r << ", " << c;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, FloatKernelsTest, testing::Values("avx2", "generic"),
                         [](const auto& level) { return std::string(level.param); });

TEST(FloatKernels, BestLevelIsOneOfThem) { EXPECT_EQ(&FloatSimd(), FloatLevel(FloatSimd().level)); }

}  // namespace
}  // namespace fintag
