#include "core/model/int8_linear.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/core/model/random_tensors.h"

namespace fintag {
namespace {

TEST(Int8Linear, EqualsTheReferenceAtRandomShapes) {
  at::manual_seed(3);
  std::mt19937 random(4);
  for (int i = 0; i < 40; ++i) {
    const int64_t rows = 1 + static_cast<int64_t>(random() % 300);
    const int64_t in = 1 + static_cast<int64_t>(random() % 200);
    const int64_t out = 1 + static_cast<int64_t>(random() % 100);
    const at::Tensor x = at::randn({rows, in}) * 3;
    const at::Tensor weight = at::randn({out, in});
    const at::Tensor bias = at::randn({out});
    const Int8Weight quantized = QuantizeWeight(weight, bias);
    const at::Tensor expected = Int8LinearReference(x, weight, bias);
    const double tolerance = 1e-6 * (1 + expected.abs().max().item<double>());
    EXPECT_LE(LargestDifference(Int8Linear(x, quantized), expected), tolerance);
    EXPECT_LE(LargestDifference(Int8LinearGelu(x, quantized), at::gelu(expected)), tolerance + 1e-6);
  }
}

TEST(Int8Linear, StaysNearFloats) {
  at::manual_seed(5);
  const at::Tensor x = at::randn({50, 384});
  const at::Tensor weight = at::randn({100, 384});
  const at::Tensor bias = at::randn({100});
  const at::Tensor expected = at::linear(x, weight, bias);
  const at::Tensor error = Int8Linear(x, QuantizeWeight(weight, bias)) - expected;
  // Rounding errors of uniform distribution: about 1 % of what the numbers themselves spread.
  EXPECT_LT((error.square().mean().sqrt() / expected.square().mean().sqrt()).item<double>(), 0.015);
}

TEST(Int8Linear, ATokenDoesNotDependOnTheOthersOrOnThreads) {
  at::manual_seed(6);
  const at::Tensor x = at::randn({130, 96});
  const Int8Weight weight = QuantizeWeight(at::randn({70, 96}), at::randn({70}));
  const int threads = at::get_num_threads();
  const at::Tensor together = Int8Linear(x, weight);
  at::set_num_threads(1);
  const at::Tensor by_one_thread = Int8Linear(x, weight);
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(by_one_thread, together));
  for (const int64_t row : {0, 1, 64, 129}) {
    EXPECT_TRUE(at::equal(Int8Linear(x.narrow(0, row, 1), weight), together.narrow(0, row, 1))) << row;
  }
}

TEST(Int8Linear, ZerosGiveTheBias) {
  const at::Tensor bias = at::randn({20});
  const Int8Weight weight = QuantizeWeight(at::zeros({20, 10}), bias);
  EXPECT_TRUE(at::equal(Int8Linear(at::zeros({3, 10}), weight), bias.expand({3, 20})));
  EXPECT_EQ(Int8Linear(at::zeros({0, 10}), weight).sizes(), (at::IntArrayRef{0, 20}));
}

TEST(Int8Linear, HalvesTheWeightsMemory) {
  EXPECT_LT(QuantizeWeight(at::randn({384, 384}), at::randn({384})).bytes(), 384 * 384 * 2 + 384 * 9);
}

}  // namespace
}  // namespace fintag
