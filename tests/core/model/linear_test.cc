#include "core/model/linear.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <tuple>
#include <vector>

#include "tests/core/model/random_tensors.h"

namespace fintag {
namespace {

class LinearTest : public testing::TestWithParam<LinearBackend> {
 protected:
  void SetUp() override { SetLinearBackend(GetParam()); }
  void TearDown() override { SetLinearBackend(BestLinearBackend()); }
};

// Sums of up to 300 products of numbers about 1.
constexpr double kTolerance = 2e-4;

TEST_P(LinearTest, EqualsLibTorchWithItsGradients) {
  at::manual_seed(9);
  std::mt19937 random(11);
  std::vector<std::tuple<int64_t, int64_t, int64_t>> shapes = {{1, 3, 5}, {200, 128, 300}, {61, 300, 9}};
  for (int i = 0; i < 12; ++i) {
    shapes.emplace_back(RandomSize(random, 1, 300), RandomSize(random, 1, 300), RandomSize(random, 1, 300));
  }
  for (const auto& [rows, in, out] : shapes) {
    at::Tensor ours[3] = {Leaf({rows, in}), Leaf({out, in}), Leaf({out})};
    at::Tensor theirs[3] = {CopyOfLeaf(ours[0]), CopyOfLeaf(ours[1]), CopyOfLeaf(ours[2])};
    const at::Tensor dy = at::randn({rows, out});
    const at::Tensor y = Linear(ours[0], ours[1], ours[2]);
    const at::Tensor expected = at::linear(theirs[0], theirs[1], theirs[2]);
    EXPECT_LT(LargestDifference(y, expected), kTolerance);
    y.backward(dy);
    expected.backward(dy);
    for (int i = 0; i < 3; ++i) EXPECT_LT(LargestDifference(ours[i].grad(), theirs[i].grad()), kTolerance) << i;
  }
}

at::Tensor Plain(const at::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return at::gelu(x);
    case Activation::kGeluTanh:
      return at::gelu(x, "tanh");
    case Activation::kRelu:
      return at::relu(x);
  }
  return x;
}

TEST_P(LinearTest, FusesEachActivation) {
  at::manual_seed(10);
  for (const Activation activation : {Activation::kGelu, Activation::kGeluTanh, Activation::kRelu}) {
    const at::Tensor x = at::randn({37, 24});
    const at::Tensor weight = at::randn({50, 24});
    const at::Tensor bias = at::randn({50});
    const at::Tensor expected = Plain(at::linear(x, weight, bias), activation);
    EXPECT_LT(LargestDifference(LinearActivation(x, weight, bias, activation), expected), kTolerance);
    const at::NoGradGuard no_gradient;
    EXPECT_LT(LargestDifference(LinearActivation(x, weight, bias, activation), expected), kTolerance);
  }
}

TEST_P(LinearTest, TakesNoRows) {
  const at::NoGradGuard no_gradient;
  const at::Tensor y = LinearActivation(at::empty({0, 8}), at::randn({4, 8}), at::randn({4}), Activation::kGelu);
  EXPECT_EQ(y.sizes(), at::IntArrayRef({0, 4}));
}

TEST_P(LinearTest, PadsRowsALittle) {
  std::set<int64_t> shapes;
  for (int64_t rows = 0; rows <= 8192; ++rows) {
    const int64_t padded = PaddedRows(rows, at::kCPU);
    EXPECT_GE(padded, rows);
    EXPECT_LE(padded, rows + std::max<int64_t>(15, rows / 16));
    shapes.insert(padded);
  }
  // Where this LibTorch has no oneDNN, asking for it has changed nothing.
  EXPECT_TRUE(shapes.size() < 170 || shapes.size() == 8193);
}

INSTANTIATE_TEST_SUITE_P(Backends, LinearTest, testing::Values(LinearBackend::kAten, LinearBackend::kOneDnn),
                         [](const auto& test) { return test.param == LinearBackend::kAten ? "Aten" : "OneDnn"; });

TEST(Activate, GeluIsExactToOneInAMillionWithItsGradient) {
  at::Tensor ours = at::linspace(-12, 12, 20011).requires_grad_();
  at::Tensor theirs = ours.detach().to(at::kDouble).requires_grad_();
  const at::Tensor y = Activate(ours, Activation::kGelu);
  const at::Tensor expected = at::gelu(theirs);
  EXPECT_LT(LargestDifference(y, expected), 1e-6);
  y.sum().backward();
  expected.sum().backward();
  EXPECT_LT(LargestDifference(ours.grad(), theirs.grad()), 1e-6);
}

}  // namespace
}  // namespace fintag
