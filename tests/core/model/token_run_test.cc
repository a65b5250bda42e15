#include "core/model/token_run.h"

#include <gtest/gtest.h>

namespace fintag {
namespace {

at::Tensor Longs(const std::vector<int64_t>& values) { return at::tensor(values, at::kLong); }

TEST(TokenRun, IsTheBatchFilledWithItsFirst) {
  PackedBatch batch;
  batch.Add({7, 8, 9});
  batch.Add({4, 5});
  const TokenRun run = MakeTokenRun(batch, {2, 3}, /*filled_tokens=*/8, /*filled_rows=*/3, at::kCPU);
  EXPECT_TRUE(at::equal(run.ids, Longs({7, 8, 9, 4, 5, 7, 7, 7})));
  EXPECT_TRUE(at::equal(run.positions, Longs({0, 1, 2, 0, 1, 0, 0, 0})));
  EXPECT_TRUE(at::equal(run.rows, Longs({2, 3, 2})));
  EXPECT_TRUE(at::equal(run.offsets.host, Longs({0, 3, 5})));
  EXPECT_FALSE(run.offsets.device.defined());
}

TEST(TokenRun, OfNothingIsEmpty) {
  const TokenRun run = MakeTokenRun(PackedBatch(), {}, 0, 0, at::kCPU);
  EXPECT_EQ(run.ids.numel() + run.positions.numel() + run.rows.numel(), 0);
  EXPECT_TRUE(at::equal(run.offsets.host, Longs({0})));
}

}  // namespace
}  // namespace fintag
