#include "core/model/packed_attention.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/core/model/random_tensors.h"

namespace fintag {
namespace {

struct Case {
  std::vector<int64_t> lengths;
  int64_t heads;
  int64_t head_size;
  double dropout;
  int64_t rest = 0;  // rows of no sequence
};

class PackedAttentionTest : public testing::TestWithParam<Case> {};

TEST_P(PackedAttentionTest, EqualsTheReferenceWithItsGradient) {
  const Case& given = GetParam();
  at::manual_seed(given.heads * 100 + given.head_size);
  const at::Tensor offsets = OffsetsOf(given.lengths);
  const int64_t tokens = offsets[-1].item<int64_t>() + given.rest;
  const int64_t hidden = given.heads * given.head_size;
  const Dropout dropout = DropoutAt(given.dropout, 3, 4);
  at::Tensor ours = Leaf({tokens, 3 * hidden});
  at::Tensor theirs = CopyOfLeaf(ours);
  const at::Tensor dy = at::randn({tokens, hidden});

  const at::Tensor y = PackedAttention(ours, offsets, given.heads, dropout);
  const at::Tensor expected = PackedAttentionReference(theirs, offsets, given.heads, dropout);
  EXPECT_LT(LargestDifference(y, expected), 1e-5);
  y.backward(dy);
  expected.backward(dy);
  EXPECT_LT(LargestDifference(ours.grad(), theirs.grad()), 3e-5);
  const at::NoGradGuard no_gradient;
  EXPECT_TRUE(at::equal(PackedAttention(ours, offsets, given.heads, dropout), y));
}

INSTANTIATE_TEST_SUITE_P(Shapes, PackedAttentionTest,
                         testing::Values(Case{{1}, 1, 8, 0}, Case{{5, 1, 0, 16, 17}, 3, 8, 0.2, 4},
                                         Case{{25, 31, 12, 48, 49, 2}, 12, 32, 0.1}, Case{{97, 33}, 2, 64, 0, 14},
                                         Case{{300, 7}, 2, 32, 0.1}, Case{{20, 50}, 2, 5, 0.3}, Case{{512}, 1, 64, 0.1},
                                         Case{{47, 49}, 2, 20, 0}));

// One large score must not overflow, and equal huge ones share.
TEST(PackedAttention, SurvivesHugeScores) {
  at::Tensor qkv = at::randn({20, 96});
  qkv.narrow(1, 0, 64) *= 300;
  const at::Tensor offsets = OffsetsOf({20});
  const at::Tensor y = PackedAttention(qkv, offsets, 1, Dropout());
  EXPECT_TRUE(y.isfinite().all().item<bool>());
  EXPECT_LT(LargestDifference(y, PackedAttentionReference(qkv, offsets, 1, Dropout())), 1e-3);
}

TEST(PackedAttention, DoesNotDependOnThreadsOrCompany) {
  const at::Tensor offsets = OffsetsOf({30, 3, 60, 11});
  const at::Tensor qkv = at::randn({104, 192});
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = PackedAttention(qkv, offsets, 2, DropoutAt(0.1, 1, 1));
  at::set_num_threads(2);
  EXPECT_TRUE(at::equal(PackedAttention(qkv, offsets, 2, DropoutAt(0.1, 1, 1)), one));
  at::set_num_threads(threads);
  const at::Tensor together = PackedAttention(qkv, offsets, 2, Dropout());
  const at::Tensor alone = PackedAttention(qkv.narrow(0, 33, 60).contiguous(), OffsetsOf({60}), 2, Dropout());
  EXPECT_TRUE(at::equal(together.narrow(0, 33, 60), alone));
}

}  // namespace
}  // namespace fintag
