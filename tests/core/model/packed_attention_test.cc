#include "core/model/packed_attention.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
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

std::vector<Case> RandomCases() {
  std::mt19937 random(12);
  std::vector<Case> cases;
  for (int i = 0; i < 16; ++i) {
    cases.push_back({RandomLengths(random), RandomSize(random, 1, 4), RandomSize(random, 1, 80),
                     static_cast<double>(i % 3) / 10, RandomSize(random, 0, 20)});
  }
  return cases;
}
INSTANTIATE_TEST_SUITE_P(RandomShapes, PackedAttentionTest, testing::ValuesIn(RandomCases()));

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

class RoundedAttentionTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!AttendsRounded()) GTEST_SKIP() << "this processor has no instructions for bfloat16";
  }
  const at::NoGradGuard no_gradient_;
};

at::Tensor Rounded(const at::Tensor& qkv, const at::Tensor& offsets, int64_t heads) {
  return PackedAttention(qkv.to(at::kBFloat16), offsets, heads, Dropout());
}

// Of the rounded numbers; what is left is the probabilities' own rounding, 2^-9 of each at most.
TEST_F(RoundedAttentionTest, EqualsTheReferenceAtRandomShapes) {
  at::manual_seed(8);
  std::mt19937 random(9);
  for (const int64_t size : {2, 5, 8, 20, 32, 40, 64}) {
    for (int i = 0; i < 4; ++i) {
      std::vector<int64_t> lengths = RandomLengths(random);
      lengths.insert(lengths.begin(), {0, 1});
      const int64_t heads = RandomSize(random, 1, 3);
      const at::Tensor offsets = OffsetsOf(lengths);
      const int64_t rest = i;
      const at::Tensor qkv = at::randn({offsets[-1].item<int64_t>() + rest, 3 * heads * size});
      const at::Tensor expected =
          PackedAttentionReference(qkv.to(at::kBFloat16).to(at::kFloat), offsets, heads, Dropout());
      EXPECT_LT(LargestDifference(Rounded(qkv, offsets, heads), expected), 0.003 * qkv.abs().max().item<double>());
    }
  }
}

TEST_F(RoundedAttentionTest, SurvivesHugeScores) {
  at::manual_seed(10);
  at::Tensor qkv = at::randn({20, 96});
  qkv.narrow(1, 0, 64) *= 300;
  const at::Tensor offsets = OffsetsOf({20});
  const at::Tensor expected = PackedAttentionReference(qkv.to(at::kBFloat16).to(at::kFloat), offsets, 1, Dropout());
  EXPECT_LT(LargestDifference(Rounded(qkv, offsets, 1), expected), 0.01);
}

TEST_F(RoundedAttentionTest, KeepsWhatIsNotANumber) {
  for (const int64_t column : {3, 35, 70}) {  // of a query, a key, a value
    at::Tensor qkv = at::randn({40, 96});
    qkv[7][column] = NAN;
    const at::Tensor y = Rounded(qkv, OffsetsOf({5, 20, 15}), 1);
    EXPECT_TRUE(y[7].isnan().any().item<bool>()) << column;
    EXPECT_FALSE(y.narrow(0, 0, 5).isnan().any().item<bool>()) << column;
    EXPECT_FALSE(y.narrow(0, 25, 15).isnan().any().item<bool>()) << column;
  }
}

TEST_F(RoundedAttentionTest, DoesNotDependOnThreadsOrCompany) {
  const at::Tensor offsets = OffsetsOf({30, 3, 60, 11});
  const at::Tensor qkv = at::randn({104, 192});
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = Rounded(qkv, offsets, 2);
  at::set_num_threads(2);
  EXPECT_TRUE(at::equal(Rounded(qkv, offsets, 2), one));
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(one.narrow(0, 33, 60), Rounded(qkv.narrow(0, 33, 60), OffsetsOf({60}), 2)));
}

}  // namespace
}  // namespace fintag
