#include "core/ranks/gradient_buckets.h"

#include <gtest/gtest.h>

#include "tests/core/ranks/rank_threads.h"

namespace fintag {
namespace {

using Parameters = std::vector<std::pair<std::string, at::Tensor>>;

Parameters MakeParameters() {
  const auto leaf = [](at::Tensor tensor) { return tensor.requires_grad_(); };
  return {{"words", leaf(at::arange(20, at::kFloat).view({10, 2}))},
          {"first", leaf(at::full({2, 3}, 0.5))},
          {"unused", leaf(at::ones({4}))},
          {"last", leaf(at::full({3}, 2.0))}};
}

// Of the rows `ids` of words.
at::Tensor Loss(const Parameters& p, const std::vector<int64_t>& ids) {
  const at::Tensor rows =
      at::embedding(p[0].second, at::tensor(ids, at::kLong), /*padding_idx=*/-1, /*scale_grad_by_freq=*/false,
                    /*sparse=*/true);
  return (at::matmul(rows, p[1].second).square() * p[3].second).sum();
}

at::Tensor Dense(const at::Tensor& gradient) { return gradient.is_sparse() ? gradient.to_dense() : gradient; }

// Sizes that put every parameter in a bucket of its own, and all but the rows in one.
class GradientBucketsTest : public ::testing::TestWithParam<int64_t> {};

TEST_P(GradientBucketsTest, SumOverTheRanks) {
  const std::vector<std::vector<int64_t>> ids = {{1, 3, 3}, {3, 7}, {}};
  Parameters expected = MakeParameters();
  for (const std::vector<int64_t>& of_rank : ids) {
    if (!of_rank.empty()) Loss(expected, of_rank).backward();
  }
  RunRanks(3, [&](RankGroup& group) {
    Parameters parameters = MakeParameters();
    GradientBuckets buckets(parameters, "words", group, GetParam());
    for (int step = 0; step < 3; ++step) {
      buckets.Begin({1, 3, 7, 9});
      const std::vector<int64_t>& own = ids[static_cast<size_t>(group.place().rank)];
      if (!own.empty()) {
        buckets.SendDuringBackward();
        Loss(parameters, own).backward();
      }
      const absl::Status finished = buckets.Finish();
      ASSERT_TRUE(finished.ok()) << finished;
      for (size_t i = 0; i < parameters.size(); ++i) {
        const at::Tensor gradient = std::exchange(parameters[i].second.mutable_grad(), at::Tensor());
        ASSERT_TRUE(gradient.defined());
        EXPECT_EQ(gradient.is_sparse(), i == 0);
        const at::Tensor& sum = expected[i].second.grad();
        if (sum.defined()) {
          EXPECT_TRUE(at::allclose(Dense(gradient), Dense(sum))) << parameters[i].first;
        } else {
          EXPECT_TRUE(gradient.eq(0).all().item<bool>()) << parameters[i].first;
        }
      }
    }
  });
}

// Two passes a step, as with accumulation: what the first one gathered is sent with the second.
TEST_P(GradientBucketsTest, SendOnceAStep) {
  Parameters expected = MakeParameters();
  for (int pass = 0; pass < 4; ++pass) Loss(expected, {pass, 5}).backward();
  RunRanks(2, [&](RankGroup& group) {
    Parameters parameters = MakeParameters();
    GradientBuckets buckets(parameters, "words", group, GetParam());
    buckets.Begin({0, 1, 2, 3, 5});
    for (int pass = 0; pass < 2; ++pass) {
      if (pass == 1) buckets.SendDuringBackward();
      Loss(parameters, {2 * group.place().rank + pass, 5}).backward();
    }
    ASSERT_TRUE(buckets.Finish().ok());
    for (const size_t i : {size_t{0}, size_t{1}, size_t{3}}) {
      EXPECT_TRUE(at::allclose(Dense(parameters[i].second.grad()), Dense(expected[i].second.grad())));
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Sizes, GradientBucketsTest, ::testing::Values(4, 1 << 20));

}  // namespace
}  // namespace fintag
