#include "core/model/layer_norm.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <random>
#include <utility>
#include <vector>

#include "tests/core/model/random_tensors.h"

namespace fintag {
namespace {

struct Case {
  int64_t rows;
  int64_t columns;
  double dropout;
  bool residual;
};

class ResidualLayerNormTest : public testing::TestWithParam<Case> {};

TEST_P(ResidualLayerNormTest, EqualsTheReferenceWithItsGradients) {
  const auto [rows, columns, probability, residual] = GetParam();
  at::manual_seed(rows * 1000 + columns);
  const Dropout dropout = DropoutAt(probability, 1, 2);
  at::Tensor ours[4] = {Leaf({rows, columns}), residual ? Leaf({rows, columns}) : at::Tensor(), Leaf({columns}),
                        Leaf({columns})};
  at::Tensor theirs[4];
  for (int i = 0; i < 4; ++i) theirs[i] = ours[i].defined() ? CopyOfLeaf(ours[i]) : at::Tensor();
  const at::Tensor dy = at::randn({rows, columns});

  const at::Tensor y = ResidualLayerNorm(ours[0], ours[1], {ours[2], ours[3], 1e-12}, dropout);
  const at::Tensor expected = ResidualLayerNormReference(theirs[0], theirs[1], {theirs[2], theirs[3], 1e-12}, dropout);
  EXPECT_LT(LargestDifference(y, expected), 1e-5);
  y.backward(dy);
  expected.backward(dy);
  for (int i = 0; i < 4; ++i) {
    // Parameter gradients are sums over the rows.
    if (ours[i].defined()) {
      EXPECT_LT(LargestDifference(ours[i].grad(), theirs[i].grad()), i < 2 ? 3e-5 : 1e-4) << i;
    }
  }
  const at::NoGradGuard no_gradient;
  EXPECT_TRUE(at::equal(ResidualLayerNorm(ours[0], ours[1], {ours[2], ours[3], 1e-12}, dropout), y));
}

INSTANTIATE_TEST_SUITE_P(Shapes, ResidualLayerNormTest,
                         testing::Values(Case{1, 8, 0, true}, Case{5, 24, 0.1, true}, Case{33, 37, 0.5, true},
                                         Case{100, 384, 0.1, true}, Case{64, 768, 0, true}, Case{40, 384, 0, false},
                                         Case{17, 20, 0.2, false}));

std::vector<Case> RandomCases() {
  std::mt19937 random(14);
  std::vector<Case> cases;
  for (int i = 0; i < 24; ++i) {
    cases.push_back(
        {RandomSize(random, 1, 600), RandomSize(random, 2, 800), static_cast<double>(i % 3) / 10, i % 4 > 0});
  }
  return cases;
}
INSTANTIATE_TEST_SUITE_P(RandomShapes, ResidualLayerNormTest, testing::ValuesIn(RandomCases()));

// The variance is that of the distances, not a difference of squares.
TEST(ResidualLayerNorm, KeepsPrecisionFarFromZero) {
  const at::Tensor x = at::randn({10, 384}) + 1000;
  const LayerNorm norm{at::ones({384}), at::zeros({384}), 1e-12};
  const at::Tensor expected =
      at::layer_norm(x.to(at::kDouble), {384}, std::nullopt, std::nullopt, 1e-12).to(at::kFloat);
  EXPECT_LT(LargestDifference(ResidualLayerNorm(x, at::Tensor(), norm, Dropout()), expected), 1e-3);
}

}  // namespace
}  // namespace fintag
