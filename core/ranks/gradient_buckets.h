// Sums the gradients of a training step over the ranks while the backward pass still runs. Parameters are gathered in
// buckets of a few MiB, those used last first, since their gradients come first; a bucket whose gradients are there is
// on its way while the pass goes on below it. (Li et al. 2020, "PyTorch Distributed: Experiences on Accelerating Data
// Parallel Training".)
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/ranks/rank_group.h"

namespace fintag {

class GradientBuckets {
 public:
  static constexpr int64_t kBucketBytes = int64_t{4} << 20;

  // `parameters` in the order in which the forward pass uses them, float32, the same at all ranks. The gradient of the
  // one named `sparse` (or of none) is sparse: rows. Parameters and group must outlive the buckets.
  GradientBuckets(const std::vector<std::pair<std::string, at::Tensor>>& parameters, const std::string& sparse,
                  RankGroup& group, int64_t bucket_bytes = kBucketBytes);
  ~GradientBuckets();
  GradientBuckets(const GradientBuckets&) = delete;
  GradientBuckets& operator=(const GradientBuckets&) = delete;

  // Begins a step. `rows`: those of the sparse parameter in which any rank may have a gradient, distinct and ascending,
  // the same at all ranks: so rows are summed as a dense bucket, and no rank has to ask the others for theirs.
  void Begin(std::vector<int64_t> rows);
  // The next backward() is the last of this step at this rank: what is ready during it is sent.
  void SendDuringBackward() { sending_ = true; }
  // Sends what was not (a rank without sentences has no backward pass), waits for all, and gives every parameter the
  // sum for its gradient; the sparse one has distinct, ascending rows.
  absl::Status Finish();

 private:
  struct Slot {
    at::Tensor parameter;
    size_t bucket;
    int64_t begin;  // in the bucket, elements
    bool ready = false;
  };
  struct Bucket {
    at::Tensor sums;  // flat, on the CPU; that of the sparse parameter is made anew in every step
    std::vector<size_t> slots;
    size_t ready = 0;
    RankGroup::Waiting waiting;
  };
  class Hook;

  void OnGradient(size_t slot);
  void Take(Slot& slot);  // its gradient goes into its bucket
  void TakeRows(const at::Tensor& gradient, const at::Tensor& sums) const;
  void SendReady();

  RankGroup& group_;
  std::vector<Slot> slots_;
  std::vector<Bucket> buckets_;
  int64_t sparse_slot_ = -1;
  at::Tensor rows_;
  size_t sent_ = 0;  // buckets, in order: all ranks send in the same
  bool sending_ = false;
};

}  // namespace fintag
