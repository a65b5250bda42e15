#include "core/model/float_linear.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/core/model/random_tensors.h"

namespace fintag {
namespace {

TEST(FloatLinear, EqualsLibTorchAtRandomShapes) {
  at::manual_seed(3);
  std::mt19937 random(4);
  for (int i = 0; i < 40; ++i) {
    const int64_t rows = 1 + static_cast<int64_t>(random() % 300);
    const int64_t in = 1 + static_cast<int64_t>(random() % 900);
    const int64_t out = 1 + static_cast<int64_t>(random() % 100);
    const at::Tensor x = at::randn({rows, in});
    const at::Tensor weight = at::randn({out, in});
    const at::Tensor bias = at::randn({out});
    const at::Tensor expected = at::linear(x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble));
    const double tolerance = 2e-6 * (1 + expected.abs().max().item<double>());
    const FloatWeight packed = PackWeight(weight, bias);
    EXPECT_LE(LargestDifference(FloatLinear(x, packed), expected), tolerance);
    EXPECT_LE(LargestDifference(FloatLinearGelu(x, packed), at::gelu(expected)), tolerance + 1e-6);
  }
}

TEST(FloatLinear, ATokenDoesNotDependOnTheOthersOrOnThreads) {
  at::manual_seed(6);
  const at::Tensor x = at::randn({330, 400});
  const FloatWeight weight = PackWeight(at::randn({70, 400}), at::randn({70}));
  const int threads = at::get_num_threads();
  const at::Tensor together = FloatLinear(x, weight);
  for (const int count : {1, 2, 3, 7}) {
    at::set_num_threads(count);
    EXPECT_TRUE(at::equal(FloatLinear(x, weight), together)) << count;
    for (const int64_t row : {0, 1, 64, 329}) {
      EXPECT_TRUE(at::equal(FloatLinear(x.narrow(0, row, 1), weight), together.narrow(0, row, 1))) << row;
    }
  }
  at::set_num_threads(threads);
}

TEST(FloatLinear, TakesNoTokenAndPartsOfOtherTensors) {
  const at::Tensor bias = at::randn({20});
  const at::Tensor weight = at::randn({10, 20}).t();  // not contiguous
  const FloatWeight packed = PackWeight(weight, bias);
  EXPECT_EQ(FloatLinear(at::zeros({0, 10}), packed).sizes(), (at::IntArrayRef{0, 20}));
  const at::Tensor x = at::randn({3, 30}).narrow(1, 5, 10);
  EXPECT_LT(LargestDifference(FloatLinear(x, packed), at::linear(x, weight, bias)), 1e-5);
}

}  // namespace
}  // namespace fintag
