#include "core/model/mixed_linear.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/core/model/random_tensors.h"

namespace fintag {
namespace {

at::Tensor Rounded(const at::Tensor& x) { return x.detach().to(at::kBFloat16).to(at::kDouble); }

class MixedLinearTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!HasMixedLinear()) GTEST_SKIP() << "this processor has no instructions for bfloat16";
    at::manual_seed(1);
  }
};

// The products of rounded factors, summed in double precision.
TEST_F(MixedLinearTest, EqualsProductsOfRoundedFactorsAtRandomShapes) {
  std::mt19937 random(2);
  for (int i = 0; i < 40; ++i) {
    const int64_t rows = RandomSize(random, 1, 300);
    const int64_t in = RandomSize(random, 1, 200);
    const int64_t out = RandomSize(random, 1, 200);
    SCOPED_TRACE(std::to_string(rows) + "x" + std::to_string(in) + "x" + std::to_string(out));
    const at::Tensor x = Leaf({rows, in});
    const at::Tensor weight = Leaf({out, in});
    const at::Tensor bias = Leaf({out});
    const at::Tensor dy = at::randn({rows, out});
    const at::Tensor y = MixedLinear(x, weight, bias);
    y.backward(dy);
    EXPECT_LT(LargestDifference(y.detach(), Rounded(x).mm(Rounded(weight).t()) + bias.detach()), 1e-4);
    EXPECT_LT(LargestDifference(x.grad(), Rounded(dy).mm(Rounded(weight))), 1e-4);
    EXPECT_LT(LargestDifference(weight.grad(), Rounded(dy).t().mm(Rounded(x))), 1e-4);
    EXPECT_LT(LargestDifference(bias.grad(), dy.sum(0)), 1e-4);
  }
}

TEST_F(MixedLinearTest, RoundsTheWeightsGradientWhereItMay) {
  const at::Tensor x = Leaf({130, 70});
  const at::Tensor weight = Leaf({90, 70});
  const at::Tensor rounding = CopyOfLeaf(weight);
  rounding.set_grad_dtype(at::kBFloat16);
  const at::Tensor bias = Leaf({90});
  const at::Tensor dy = at::randn({130, 90});
  MixedLinear(x, weight, bias).backward(dy);
  MixedLinear(x, rounding, bias).backward(dy);
  ASSERT_EQ(rounding.grad().scalar_type(), at::kBFloat16);
  EXPECT_TRUE(at::equal(rounding.grad(), weight.grad().to(at::kBFloat16)));
}

TEST_F(MixedLinearTest, IsTheSameWithAnyNumberOfThreads) {
  const at::Tensor x = Leaf({130, 70});
  const at::Tensor weight = Leaf({90, 70});
  const at::Tensor bias = Leaf({90});
  const at::Tensor dy = at::randn({130, 90});
  const int threads = at::get_num_threads();
  at::Tensor first_y;
  at::Tensor first_dweight;
  for (const int count : {1, 2, 5}) {
    at::set_num_threads(count);
    weight.mutable_grad().reset();
    const at::Tensor y = MixedLinear(x, weight, bias);
    y.backward(dy);
    if (!first_y.defined()) {
      first_y = y.detach();
      first_dweight = weight.grad();
    }
    EXPECT_TRUE(at::equal(y.detach(), first_y)) << count;
    EXPECT_TRUE(at::equal(weight.grad(), first_dweight)) << count;
  }
  at::set_num_threads(threads);
}

TEST_F(MixedLinearTest, LeavesOutTheInputsGradientWhereNobodyWantsIt) {
  const at::Tensor x = at::randn({5, 7});
  const at::Tensor weight = Leaf({3, 7});
  const at::Tensor bias = Leaf({3});
  MixedLinear(x, weight, bias).sum().backward();
  EXPECT_FALSE(x.grad().defined());
  EXPECT_TRUE(weight.grad().defined());
}

}  // namespace
}  // namespace fintag
