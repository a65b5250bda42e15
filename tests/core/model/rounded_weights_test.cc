#include "core/model/rounded_weights.h"

#include <gtest/gtest.h>

#include "tests/core/model/random_tensors.h"

namespace fintag {
namespace {

TEST(RoundedWeights, AreRoundedOnceAndHaveExactGradients) {
  const std::vector<at::Tensor> weights = {Leaf({5, 3}), Leaf({7}), Leaf({2, 2})};
  const std::vector<at::Tensor> rounded = RoundWeights(weights);
  at::Tensor sum = at::zeros({});
  for (size_t i = 0; i < weights.size(); ++i) {
    EXPECT_TRUE(at::equal(rounded[i], weights[i].to(at::kBFloat16))) << i;
    sum = sum + static_cast<double>(i + 1) * rounded[i].to(at::kFloat).sum();
  }
  sum.backward();
  for (size_t i = 0; i < weights.size(); ++i) {
    EXPECT_TRUE(at::equal(weights[i].grad(), at::full_like(weights[i], static_cast<double>(i + 1)))) << i;
  }
}

TEST(RoundedWeights, MayGoUnused) {
  const std::vector<at::Tensor> weights = {Leaf({3}), Leaf({4})};
  RoundWeights(weights)[1].sum().backward();
  EXPECT_TRUE(at::equal(weights[0].grad(), at::zeros({3})));
  EXPECT_TRUE(at::equal(weights[1].grad(), at::ones({4})));
}

}  // namespace
}  // namespace fintag
