#include "core/model/embeddings.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "tests/core/model/random_tensors.h"

namespace fintag {
namespace {

TEST(EmbeddingSum, EqualsTheReferenceWithItsGradients) {
  at::manual_seed(12);
  std::mt19937 random(13);
  for (int i = 0; i < 12; ++i) {
    std::vector<at::Tensor> counts;
    for (const int64_t length : RandomLengths(random)) counts.push_back(at::arange(length));
    const at::Tensor positions = at::cat(counts);
    const int64_t tokens = positions.numel();
    const int64_t hidden = RandomSize(random, 1, 400);
    const at::Tensor ids = at::randint(RandomSize(random, 1, 2 * tokens), {tokens}, at::kLong);  // some more than once
    at::Tensor ours[3] = {Leaf({2 * tokens, hidden}), Leaf({512, hidden}), Leaf({2, hidden})};
    at::Tensor theirs[3] = {CopyOfLeaf(ours[0]), CopyOfLeaf(ours[1]), CopyOfLeaf(ours[2])};
    // Sums of up to all tokens: about 1 each, however many.
    const at::Tensor dy = at::randn({tokens, hidden}) / std::sqrt(static_cast<double>(tokens));
    const at::Tensor y = EmbeddingSum(ids, positions, {ours[0], ours[1], ours[2]});
    const at::Tensor expected = EmbeddingSumReference(ids, positions, {theirs[0], theirs[1], theirs[2]});
    EXPECT_LT(LargestDifference(y, expected), 1e-6);
    y.backward(dy);
    expected.backward(dy);
    EXPECT_LT(LargestDifference(ours[0].grad().to_dense(), theirs[0].grad().to_dense()), 1e-5);
    EXPECT_LT(LargestDifference(ours[1].grad(), theirs[1].grad()), 1e-5);
    EXPECT_LT(LargestDifference(ours[2].grad(), theirs[2].grad()), 1e-5);
  }
}

TEST(EmbeddingSum, GradientOfWordsHasOneAscendingRowForEachDistinctId) {
  const at::Tensor ids = at::tensor({7, 3, 7, 9, 3, 7}, at::kLong);
  at::Tensor words = Leaf({20, 4});
  EmbeddingSum(ids, at::arange(6), {words, Leaf({6, 4}), Leaf({2, 4})}).sum().backward();
  const at::Tensor& gradient = words.grad();
  ASSERT_TRUE(gradient.is_sparse());
  EXPECT_TRUE(at::equal(gradient._indices(), at::tensor({3, 7, 9}, at::kLong).unsqueeze(0)));
  EXPECT_TRUE(at::equal(gradient._values(), at::tensor({2.f, 3.f, 1.f}).unsqueeze(1).expand({3, 4})));
}

TEST(EmbeddingSum, GradientsOfSeveralBatchesAddUp) {
  at::Tensor words = Leaf({20, 4});
  const EmbeddingTables tables{words, Leaf({6, 4}), Leaf({2, 4})};
  EmbeddingSum(at::tensor({1, 2}, at::kLong), at::arange(2), tables).sum().backward();
  EmbeddingSum(at::tensor({2, 5}, at::kLong), at::arange(2), tables).sum().backward();
  const at::Tensor& gradient = words.grad();
  ASSERT_TRUE(gradient.is_sparse());
  EXPECT_TRUE(at::equal(gradient.coalesce()._indices(), at::tensor({1, 2, 5}, at::kLong).unsqueeze(0)));
  EXPECT_TRUE(at::equal(gradient.coalesce()._values().select(1, 0), at::tensor({1.f, 2.f, 1.f})));
}

}  // namespace
}  // namespace fintag
