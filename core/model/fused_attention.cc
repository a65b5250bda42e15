#include "core/model/fused_attention.h"

#include <ATen/SDPBackend.h>
#include <ATen/core/grad_mode.h>

#include <map>
#include <mutex>
#include <tuple>
#include <vector>

namespace fintag {
namespace {

// What LibTorch itself takes for padded sequences of this kind; it knows which kernels were built, and for which GPUs.
bool HasKernel(at::Device device, at::ScalarType type, int64_t head_size) {
  const at::Tensor sample = at::empty({1, 1, 16, head_size}, at::TensorOptions(device).dtype(type));
  const auto choice = static_cast<at::SDPBackend>(at::_fused_sdp_choice(sample, sample, sample));
  switch (choice) {
    case at::SDPBackend::flash_attention:
    case at::SDPBackend::cudnn_attention:  // preferred where it is there, and then the other is as well
      return type == at::kBFloat16;
    case at::SDPBackend::efficient_attention:
      return type == at::kFloat;
    default:
      return false;
  }
}

}  // namespace

bool HasFusedAttention(const at::Tensor& qkv, int64_t heads) {
  const int64_t head_size = qkv.size(1) / 3 / heads;
  if (head_size % 8 != 0) return false;  // flash attention would have to fill them up
  static std::mutex mutex;
  static std::map<std::tuple<at::DeviceIndex, at::ScalarType, int64_t>, bool> known;
  const std::lock_guard lock(mutex);
  const auto [place, added] = known.try_emplace({qkv.device().index(), qkv.scalar_type(), head_size});
  if (added) place->second = HasKernel(qkv.device(), qkv.scalar_type(), head_size);
  return place->second;
}

at::Tensor FusedAttention(const at::Tensor& qkv, const at::Tensor& offsets, int64_t longest, int64_t heads,
                          double dropout) {
  const int64_t hidden = qkv.size(1) / 3;
  // Not three times select: each would have a gradient of the whole.
  const std::vector<at::Tensor> split = qkv.view({qkv.size(0), 3, heads, hidden / heads}).unbind(1);
  const at::Tensor& q = split[0];
  const at::Tensor& k = split[1];
  const at::Tensor& v = split[2];
  at::Tensor context;
  if (qkv.scalar_type() == at::kBFloat16) {
    context = std::get<0>(at::_flash_attention_forward(q, k, v, offsets, offsets, longest, longest, dropout,
                                                       /*is_causal=*/false, /*return_debug_mask=*/false));
  } else {
    constexpr int64_t kNoMask = 0;
    context = std::get<0>(at::_efficient_attention_forward(q.unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0), /*bias=*/{},
                                                           offsets, offsets, longest, longest, dropout, kNoMask,
                                                           /*compute_log_sumexp=*/at::GradMode::is_enabled()));
  }
  return context.reshape({qkv.size(0), hidden});
}

}  // namespace fintag
