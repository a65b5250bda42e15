#include "core/ranks/gradient_buckets.h"

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <memory>

namespace fintag {

// Called by autograd once a leaf has its gradient.
class GradientBuckets::Hook : public torch::autograd::PostAccumulateGradHook {
 public:
  Hook(GradientBuckets& buckets, size_t slot) : buckets_(buckets), slot_(slot) {}
  void operator()(const at::Tensor&) override { buckets_.OnGradient(slot_); }

 private:
  GradientBuckets& buckets_;
  const size_t slot_;
};

GradientBuckets::GradientBuckets(const std::vector<std::pair<std::string, at::Tensor>>& parameters,
                                 const std::string& sparse, RankGroup& group, int64_t bucket_bytes)
    : group_(group) {
  const int64_t most = bucket_bytes / static_cast<int64_t>(sizeof(float));
  int64_t elements = 0;  // of the last bucket
  for (auto entry = parameters.rbegin(); entry != parameters.rend(); ++entry) {
    const auto& [name, parameter] = *entry;
    const bool is_sparse = name == sparse;
    if (buckets_.empty() || is_sparse || (elements > 0 && elements + parameter.numel() > most)) {
      if (elements > 0) buckets_.back().sums = at::empty({elements}, at::kFloat);
      buckets_.emplace_back();
      elements = 0;
    }
    if (is_sparse) sparse_slot_ = static_cast<int64_t>(slots_.size());
    buckets_.back().slots.push_back(slots_.size());
    slots_.push_back({parameter, buckets_.size() - 1, elements});
    elements = is_sparse ? most : elements + parameter.numel();  // nothing else goes into the bucket of rows
  }
  if (elements > 0) buckets_.back().sums = at::empty({elements}, at::kFloat);
  for (size_t slot = 0; slot < slots_.size(); ++slot) {
    torch::autograd::impl::set_post_acc_grad_hooks(slots_[slot].parameter, std::make_unique<Hook>(*this, slot));
  }
}

GradientBuckets::~GradientBuckets() {
  for (const Slot& slot : slots_) torch::autograd::impl::set_post_acc_grad_hooks(slot.parameter, nullptr);
  // What is still on its way writes into the buckets.
  for (const Bucket& bucket : buckets_) {
    if (bucket.waiting) bucket.waiting().IgnoreError();
  }
}

void GradientBuckets::Begin(std::vector<int64_t> rows) {
  for (Slot& slot : slots_) slot.ready = false;
  for (Bucket& bucket : buckets_) bucket.ready = 0;
  sent_ = 0;
  sending_ = false;
  if (sparse_slot_ < 0) return;
  rows_ = at::tensor(rows, at::kLong);
  const Slot& slot = slots_[static_cast<size_t>(sparse_slot_)];
  buckets_[slot.bucket].sums = at::zeros({rows_.size(0) * slot.parameter.size(1)}, at::kFloat);
}

void GradientBuckets::OnGradient(size_t slot) {
  if (!sending_) return;
  Take(slots_[slot]);
  SendReady();
}

void GradientBuckets::Take(Slot& slot) {
  const c10::NoGradGuard no_gradient;
  Bucket& bucket = buckets_[slot.bucket];
  const at::Tensor gradient = std::exchange(slot.parameter.mutable_grad(), at::Tensor());
  if (&slot - slots_.data() == sparse_slot_) {
    if (gradient.defined()) TakeRows(gradient, bucket.sums);
  } else {
    const at::Tensor sums = bucket.sums.narrow(0, slot.begin, slot.parameter.numel()).view(slot.parameter.sizes());
    if (gradient.defined()) {
      sums.copy_(gradient);
    } else {
      sums.zero_();
    }
  }
  slot.ready = true;
  ++bucket.ready;
}

void GradientBuckets::TakeRows(const at::Tensor& gradient, const at::Tensor& sums) const {
  const at::Tensor indices = gradient._indices()[0].to(at::kCPU);
  const at::Tensor values = gradient._values().to(at::kCPU);
  const at::Tensor places = at::searchsorted(rows_, indices);
  TORCH_CHECK(places.lt(rows_.size(0)).all().item<bool>() && rows_.index_select(0, places).equal(indices),
              "a gradient in a row that the step's sentences do not have");
  sums.view({rows_.size(0), values.size(1)}).index_add_(0, places, values);
}

void GradientBuckets::SendReady() {
  while (sent_ < buckets_.size() && buckets_[sent_].ready == buckets_[sent_].slots.size()) {
    Bucket& bucket = buckets_[sent_++];
    bucket.waiting = group_.StartSum(bucket.sums);
  }
}

absl::Status GradientBuckets::Finish() {
  const c10::NoGradGuard no_gradient;
  for (Slot& slot : slots_) {
    if (!slot.ready) Take(slot);
  }
  SendReady();
  absl::Status status;
  for (Bucket& bucket : buckets_) {
    const absl::Status summed = std::exchange(bucket.waiting, nullptr)();
    if (status.ok()) status = summed;
  }
  if (!status.ok()) return status;
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    const at::Tensor& parameter = slot.parameter;
    const at::Tensor& sums = buckets_[slot.bucket].sums;
    if (static_cast<int64_t>(i) == sparse_slot_) {
      const at::Tensor values = sums.view({rows_.size(0), parameter.size(1)}).to(parameter.device());
      parameter.mutable_grad() =
          at::_sparse_coo_tensor_unsafe(rows_.unsqueeze(0).to(parameter.device()), values, parameter.sizes(),
                                        values.options(), /*is_coalesced=*/true);
    } else {
      const at::Tensor part = sums.narrow(0, slot.begin, parameter.numel()).view(parameter.sizes());
      parameter.mutable_grad() = part.to(parameter.device());
    }
  }
  return absl::OkStatus();
}

}  // namespace fintag
