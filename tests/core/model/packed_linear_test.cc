#include "core/model/packed_linear.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>

#include "core/model/dense.h"
#include "tests/core/model/random_tensors.h"

namespace fintag {
namespace {

// In each precision that this processor has.
class PackedLinearTest : public testing::TestWithParam<Precision> {
 protected:
  PackedWeight Pack(const at::Tensor& weight, const at::Tensor& bias) const {
    return PackWeight(weight, bias, *kernels_);
  }
  void SetUp() override {
    if (kernels_ == nullptr) GTEST_SKIP() << "this processor has no instructions for it";
  }
  const ProductKernels* kernels_ = BestProduct(GetParam());
};

TEST_P(PackedLinearTest, EqualsTheReferenceAtRandomShapes) {
  at::manual_seed(3);
  std::mt19937 random(4);
  for (int i = 0; i < 40; ++i) {
    const int64_t rows = RandomSize(random, 1, 300);
    const int64_t in = RandomSize(random, 1, 900);
    const int64_t out = RandomSize(random, 1, 100);
    const at::Tensor x = at::randn({rows, in}) * 3;
    const at::Tensor weight = at::randn({out, in});
    const at::Tensor bias = at::randn({out});
    const PackedWeight packed = Pack(weight, bias);
    const at::Tensor expected = PackedLinearReference(x, weight, bias, *kernels_);
    const double tolerance = 2e-6 * (1 + expected.abs().max().item<double>());
    EXPECT_LE(LargestDifference(PackedLinear(x, packed), expected), tolerance);
    EXPECT_LE(LargestDifference(PackedLinearGelu(x, packed), at::gelu(expected)), tolerance + 1e-6);
  }
}

TEST_P(PackedLinearTest, RoundsItsResults) {
  if (!kernels_->rounds || BestProduct(Precision::kBFloat16) == nullptr) GTEST_SKIP() << "these kernels do not round";
  at::manual_seed(4);
  for (const int64_t rows : {1, 17, 300}) {
    for (const int64_t out : {1, 16, 33, 70, 1152}) {
      const at::Tensor x = at::randn({rows, 50});
      const PackedWeight packed = Pack(at::randn({out, 50}), at::randn({out}));
      EXPECT_TRUE(at::equal(PackedLinearRounded(x, packed), PackedLinear(x, packed).to(at::kBFloat16)));
    }
  }
}

TEST_P(PackedLinearTest, StaysNearFloats) {
  at::manual_seed(5);
  const at::Tensor x = at::randn({50, 384});
  const at::Tensor weight = at::randn({100, 384});
  const at::Tensor bias = at::randn({100});
  const at::Tensor expected = at::linear(x, weight, bias);
  const at::Tensor error = PackedLinear(x, Pack(weight, bias)) - expected;
  // Rounding errors of uniform distribution: in 8 bits about 1 % of what the numbers themselves spread.
  EXPECT_LT((error.square().mean().sqrt() / expected.square().mean().sqrt()).item<double>(), 0.015);
}

TEST_P(PackedLinearTest, ATokenDoesNotDependOnTheOthersOrOnThreads) {
  at::manual_seed(6);
  const at::Tensor x = at::randn({330, 400});
  const PackedWeight weight = Pack(at::randn({70, 400}), at::randn({70}));
  const int threads = at::get_num_threads();
  const at::Tensor together = PackedLinear(x, weight);
  for (const int count : {1, 2, 3, 7}) {
    at::set_num_threads(count);
    EXPECT_TRUE(at::equal(PackedLinear(x, weight), together)) << count;
    for (const int64_t row : {0, 1, 64, 329}) {
      EXPECT_TRUE(at::equal(PackedLinear(x.narrow(0, row, 1), weight), together.narrow(0, row, 1))) << row;
    }
  }
  at::set_num_threads(threads);
}

TEST_P(PackedLinearTest, FeedForwardIsTheTwoLayersBitForBit) {
  at::manual_seed(7);
  const PackedWeight intermediate = Pack(at::randn({150, 40}), at::randn({150}));
  const PackedWeight output = Pack(at::randn({40, 150}) / 10, at::randn({40}));
  const int threads = at::get_num_threads();
  for (const int count : {1, 2, 3}) {
    at::set_num_threads(count);
    for (const int64_t rows : {1, 47, 96, 97, 500, 1201}) {
      const at::Tensor x = at::randn({rows, 40});
      const at::Tensor expected = PackedLinear(PackedLinearGelu(x, intermediate), output);
      EXPECT_TRUE(at::equal(PackedFeedForward(x, intermediate, output), expected)) << rows << " rows, " << count;
    }
  }
  at::set_num_threads(threads);
}

TEST_P(PackedLinearTest, ZerosGiveTheBias) {
  const at::Tensor bias = at::randn({20});
  const PackedWeight weight = Pack(at::zeros({20, 10}), bias);
  EXPECT_TRUE(at::equal(PackedLinear(at::zeros({3, 10}), weight), bias.expand({3, 20})));
}

TEST_P(PackedLinearTest, TakesNoTokenAndPartsOfOtherTensors) {
  const at::Tensor bias = at::randn({20});
  const at::Tensor weight = at::randn({10, 20}).t();  // not contiguous
  const PackedWeight packed = Pack(weight, bias);
  EXPECT_EQ(PackedLinear(at::zeros({0, 10}), packed).sizes(), (at::IntArrayRef{0, 20}));
  const at::Tensor x = at::randn({3, 30}).narrow(1, 5, 10);
  EXPECT_LT(LargestDifference(PackedLinear(x, packed), PackedLinearReference(x, weight, bias, *kernels_)), 1e-5);
}

// A number that is none stays visible.
TEST_P(PackedLinearTest, KeepsWhatIsNotANumber) {
  if (GetParam() == Precision::kInt8) GTEST_SKIP() << "8 bits have none";
  const at::Tensor x = at::randn({3, 40});
  x[1][7] = NAN;
  const at::Tensor y = PackedLinearGelu(x, Pack(at::randn({20, 40}), at::randn({20})));
  EXPECT_TRUE(y[1].isnan().all().item<bool>());
  EXPECT_FALSE(y[0].isnan().any().item<bool>());
}

TEST_P(PackedLinearTest, TakesNoMoreMemoryThanItsNumbers) {
  const int64_t bytes = Pack(at::randn({384, 384}), at::randn({384})).bytes();
  const int64_t input_bytes = 4 / kernels_->group_inputs;
  EXPECT_LE(bytes, 384 * (384 * input_bytes + 12));
}

// The largest inputs and weights, of one sign, of alternating ones, of any, and of one size in a few.
TEST_P(PackedLinearTest, HoldsTheLargestSums) {
  at::manual_seed(8);
  constexpr int64_t kIn = 400, kOut = 64;
  const auto signs = [](int64_t rows) { return at::randint(0, 2, {rows, kIn}).to(at::kFloat) * 2 - 1; };
  const at::Tensor bias = at::zeros({kOut});
  const at::Tensor few = at::zeros({kOut, kIn});
  few.narrow(1, 16, 8).fill_(1);
  for (const at::Tensor& x : {at::ones({40, kIn}), -at::ones({40, kIn}), signs(40), at::randn({40, kIn})}) {
    for (const at::Tensor& weight : {at::ones({kOut, kIn}), -at::ones({kOut, kIn}), signs(kOut), few, -few}) {
      const at::Tensor expected = PackedLinearReference(x, weight, bias, *kernels_);
      EXPECT_LE(LargestDifference(PackedLinear(x, Pack(weight, bias)), expected), 2e-4);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Precisions, PackedLinearTest,
                         testing::Values(Precision::kFloat32, Precision::kBFloat16, Precision::kInt8),
                         [](const auto& precision) { return std::string(PrecisionName(precision.param)); });

// Where sums are made in 16 bits, weights are coarser.
TEST(PackedLinear, EightBitsAreTheSameAtEveryOtherLevel) {
  at::manual_seed(7);
  const at::Tensor x = at::randn({70, 200});
  const at::Tensor weight = at::randn({50, 200});
  const at::Tensor bias = at::randn({50});
  const at::Tensor expected = PackedLinear(x, PackWeight(weight, bias, *ProductLevel(Precision::kInt8, "generic")));
  for (const char* name : {"amx", "avx512", "avxvnni", "avx2"}) {
    const ProductKernels* level = ProductLevel(Precision::kInt8, name);
    if (level == nullptr || level->short_sums) continue;
    // The sums are equal; what is multiplied and added to them may be rounded once or twice.
    EXPECT_LT(LargestDifference(PackedLinear(x, PackWeight(weight, bias, *level)), expected), 1e-5) << name;
  }
}

}  // namespace
}  // namespace fintag
