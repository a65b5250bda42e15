// Each level of the processor gives the sums that whole numbers have, whatever the size and however the work is cut.
#include "core/model/int8_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace fintag {
namespace {

struct Problem {
  int64_t rows;
  int64_t in;
  int64_t out;
  int64_t pairs() const { return (in + 1) / 2; }
  int64_t panels() const { return (out + kInt8PanelColumns - 1) / kInt8PanelColumns; }
};

int16_t RandomByte(std::mt19937& random) { return static_cast<int16_t>(static_cast<int>(random() % 255) - 127); }

class Int8KernelsTest : public testing::TestWithParam<const char*> {
 protected:
  const Int8Kernels* level_ = Int8Level(GetParam());  // null where the processor lacks it: nothing to check
};

TEST_P(Int8KernelsTest, QuantisesEachRowToItsLargestMagnitude) {
  if (level_ == nullptr) return;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (const int64_t columns : {1, 2, 7, 8, 33, 384}) {
    constexpr int64_t kRows = 5;
    const int64_t pairs = (columns + 1) / 2;
    std::vector<float> x(static_cast<size_t>(kRows * columns));
    for (float& value : x) value = normal(random);
    std::fill_n(x.begin() + 2 * columns, columns, 0.0f);
    std::vector<int16_t> q(static_cast<size_t>(kRows * 2 * pairs), 99);
    std::vector<float> scale(kRows);
    level_->quantize(x.data(), columns, 0, kRows, pairs, q.data(), scale.data());
    for (int64_t row = 0; row < kRows; ++row) {
      float largest = 0;
      for (int64_t c = 0; c < columns; ++c) largest = std::max(largest, std::fabs(x[row * columns + c]));
      EXPECT_FLOAT_EQ(scale[row], largest / 127);
      const float inverse = largest > 0 ? 127 / largest : 0;
      for (int64_t c = 0; c < columns; ++c) {
        ASSERT_EQ(q[row * 2 * pairs + c], static_cast<int16_t>(std::nearbyint(x[row * columns + c] * inverse)));
      }
      for (int64_t c = columns; c < 2 * pairs; ++c) EXPECT_EQ(q[row * 2 * pairs + c], 0);
    }
  }
}

TEST_P(Int8KernelsTest, SumsAreExact) {
  if (level_ == nullptr) return;
  std::mt19937 random(2);
  const std::vector<Problem> problems = {{1, 1, 1},    {2, 3, 16},  {5, 8, 17},    {6, 9, 40},
                                         {13, 64, 33}, {97, 31, 5}, {200, 20, 50}, {7, 1536, 20}};
  for (const Problem& problem : problems) {
    SCOPED_TRACE(std::to_string(problem.rows) + "x" + std::to_string(problem.in) + "x" + std::to_string(problem.out));
    std::vector<int16_t> x(static_cast<size_t>(problem.rows * 2 * problem.pairs()));
    std::vector<int16_t> weight(static_cast<size_t>(problem.panels() * kInt8PanelColumns * 2 * problem.pairs()));
    const auto input = [&](int64_t row, int64_t i) -> int16_t& { return x[row * 2 * problem.pairs() + i]; };
    const auto packed = [&](int64_t column, int64_t i) -> int16_t& {
      return weight[static_cast<size_t>(Int8PackedIndex(column, i, problem.pairs()))];
    };
    for (int64_t i = 0; i < problem.in; ++i) {
      for (int64_t row = 0; row < problem.rows; ++row) input(row, i) = RandomByte(random);
      for (int64_t column = 0; column < problem.out; ++column) packed(column, i) = RandomByte(random);
    }
    const std::vector<float> row_scale(static_cast<size_t>(problem.rows), 2.0f);
    const std::vector<float> column_scale(static_cast<size_t>(problem.out), 0.5f);
    const std::vector<float> bias(static_cast<size_t>(problem.out), 3.0f);
    std::vector<float> y(static_cast<size_t>(problem.rows * problem.out), NAN);
    const Int8Product product{.x = x.data(),
                              .x_scale = row_scale.data(),
                              .weight = weight.data(),
                              .weight_scale = column_scale.data(),
                              .bias = bias.data(),
                              .y = y.data(),
                              .pairs = problem.pairs(),
                              .columns = problem.out,
                              .gelu = false};
    // In four pieces.
    const int64_t row = problem.rows / 2;
    const int64_t panel = problem.panels() / 2;
    for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, row}, {row, problem.rows}}) {
      level_->product(product, begin, end, 0, panel);
      level_->product(product, begin, end, panel, problem.panels());
    }
    for (int64_t r = 0; r < problem.rows; ++r) {
      for (int64_t c = 0; c < problem.out; ++c) {
        int64_t sum = 0;
        for (int64_t i = 0; i < problem.in; ++i) sum += int64_t{input(r, i)} * packed(c, i);
        ASSERT_EQ(y[r * problem.out + c], static_cast<float>(sum) + 3.0f) << r << ", " << c;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, Int8KernelsTest, testing::Values("avx2", "generic"),
                         [](const auto& level) { return std::string(level.param); });

TEST(Int8Kernels, BestLevelIsOneOfThem) { EXPECT_EQ(&Int8Simd(), Int8Level(Int8Simd().level)); }

}  // namespace
}  // namespace fintag
