// Each level of the processor gives what sums in float64 give, whatever the size and however the work is cut.
#include "core/model/product_kernels.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/model/packed_linear.h"
#include "tests/core/model/random_tensors.h"

namespace fintag {
namespace {

class ProductKernelsTest : public testing::TestWithParam<std::tuple<Precision, const char*>> {
 protected:
  Precision precision_ = std::get<0>(GetParam());
  // Null where the processor lacks it: nothing to check.
  const ProductKernels* level_ = ProductLevel(precision_, std::get<1>(GetParam()));
};

// Element i of the converted row as a number, the processor's offset taken off.
float ConvertedInput(const ProductKernels& level, const int32_t* row, int64_t i) {
  switch (level.precision) {
    case Precision::kFloat32:
      return reinterpret_cast<const float*>(row)[i];
    case Precision::kBFloat16:
      return static_cast<float>(reinterpret_cast<const at::BFloat16*>(row)[i]);
    case Precision::kInt8:
      break;
  }
  if (level.group_inputs == 2) return reinterpret_cast<const int16_t*>(row)[i];
  if (level.input_offset == 0) return reinterpret_cast<const int8_t*>(row)[i];
  return static_cast<float>(reinterpret_cast<const uint8_t*>(row)[i] - level.input_offset);
}

TEST_P(ProductKernelsTest, ConvertsRows) {
  if (level_ == nullptr || level_->convert == nullptr) return;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (const int64_t columns : {1, 2, 7, 8, 33, 384}) {
    constexpr int64_t kRows = 5;
    int64_t groups = (columns + level_->group_inputs - 1) / level_->group_inputs;
    groups = (groups + level_->group_multiple - 1) / level_->group_multiple * level_->group_multiple;
    std::vector<float> x(static_cast<size_t>(kRows * columns));
    for (float& value : x) value = normal(random);
    std::fill_n(x.begin() + 2 * columns, columns, 0.0f);
    std::vector<int32_t> converted(static_cast<size_t>(kRows * groups), 99);
    std::vector<float> scale(kRows, 1);
    level_->convert(x.data(), columns, 0, kRows, groups, converted.data(), scale.data());
    for (int64_t row = 0; row < kRows; ++row) {
      const int32_t* row_groups = converted.data() + row * groups;
      float largest = 0;
      for (int64_t c = 0; c < columns; ++c) largest = std::max(largest, std::fabs(x[row * columns + c]));
      const float inverse = largest > 0 ? 127 / largest : 0;
      for (int64_t c = 0; c < columns; ++c) {
        const float value = x[row * columns + c];
        const float expected = precision_ == Precision::kBFloat16 ? static_cast<float>(at::BFloat16(value))
                                                                  : std::nearbyint(value * inverse);
        ASSERT_EQ(ConvertedInput(*level_, row_groups, c), expected) << row << ", " << c;
      }
      for (int64_t c = columns; c < groups * level_->group_inputs; ++c) {
        EXPECT_EQ(ConvertedInput(*level_, row_groups, c), 0);
      }
      if (precision_ == Precision::kInt8) {
        EXPECT_FLOAT_EQ(scale[row], largest / 127);
      }
    }
  }
}

TEST_P(ProductKernelsTest, EqualsSumsInDoublePrecision) {
  if (level_ == nullptr) return;
  at::manual_seed(2);
  std::mt19937 random(3);
  for (int i = 0; i < 60; ++i) {
    const int64_t rows = RandomSize(random, 1, 300);
    const int64_t in = RandomSize(random, 1, 1600);
    const int64_t out = RandomSize(random, 1, 140);
    const bool gelu = i % 2 == 1;
    SCOPED_TRACE(std::to_string(rows) + "x" + std::to_string(in) + "x" + std::to_string(out));
    const at::Tensor x = at::randn({rows, in});
    const at::Tensor weight = at::randn({out, in});
    const at::Tensor bias = at::randn({out});
    const PackedWeight packed = PackWeight(weight, bias, *level_);
    const int64_t padded_rows = (rows + level_->row_multiple - 1) / level_->row_multiple * level_->row_multiple;
    const at::Tensor converted = at::empty({padded_rows, packed.groups}, at::kInt);
    const at::Tensor scale = at::empty({rows});
    const at::Tensor y = at::full({rows, out}, NAN);
    const at::Tensor scratch = at::empty({level_->scratch_bytes}, at::kByte);
    PackedProduct product{.x = reinterpret_cast<const int32_t*>(x.const_data_ptr<float>()),
                          .x_scale = scale.const_data_ptr<float>(),
                          .weight = static_cast<const int32_t*>(packed.packed.const_data_ptr()),
                          .weight_scale = packed.scale.data(),
                          .start = packed.start.empty() ? nullptr : packed.start.data(),
                          .bias = packed.bias.data(),
                          .y = y.mutable_data_ptr<float>(),
                          .groups = packed.groups,
                          .columns = out,
                          .gelu = gelu,
                          .from_memory = i % 4 < 2,
                          .scratch = scratch.mutable_data_ptr()};
    if (level_->convert != nullptr) {
      level_->convert(x.const_data_ptr<float>(), in, 0, rows, packed.groups, converted.mutable_data_ptr<int32_t>(),
                      scale.mutable_data_ptr<float>());
      product.x = converted.const_data_ptr<int32_t>();
    }
    // In four pieces.
    const int64_t row = rows / 2 / level_->row_multiple * level_->row_multiple;
    const int64_t panels = (out + level_->panel_columns - 1) / level_->panel_columns;
    const int64_t panel = panels / 2;
    for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, row}, {row, rows}}) {
      level_->product(product, begin, end, 0, panel);
      level_->product(product, begin, end, panel, panels);
    }
    const at::Tensor reference = PackedLinearReference(x, weight, bias, *level_);
    const at::Tensor expected = (gelu ? at::gelu(reference.to(at::kDouble)) : reference.to(at::kDouble));
    // A sum of n terms is off by half of n units of its terms' magnitudes at worst, and far less in general.
    const at::Tensor magnitude = at::mm(x.abs(), weight.abs().t()) + bias.abs();
    const at::Tensor excess = (y - expected).abs() - 5e-7 * magnitude;
    EXPECT_LT(excess.max().item<double>(), 1e-6);
  }
}

std::string NameOfLevel(const testing::TestParamInfo<std::tuple<Precision, const char*>>& info) {
  return std::string(std::get<1>(info.param)) + "_" + std::to_string(static_cast<int>(std::get<0>(info.param)));
}
INSTANTIATE_TEST_SUITE_P(Levels, ProductKernelsTest,
                         testing::Combine(testing::Values(Precision::kFloat32, Precision::kBFloat16, Precision::kInt8),
                                          testing::Values("amx", "avx512", "avxvnni", "avx2", "generic")),
                         NameOfLevel);

TEST(ProductKernels, BestLevelIsOneOfThem) {
  for (const Precision precision : {Precision::kFloat32, Precision::kInt8}) {
    const ProductKernels* best = BestProduct(precision);
    ASSERT_NE(best, nullptr);
    EXPECT_EQ(best, ProductLevel(precision, best->level));
  }
}

}  // namespace
}  // namespace fintag
