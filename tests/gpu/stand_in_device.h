// A device that is not the CPU, as far as the model sees: LibTorch's place for devices of others (PrivateUse1), whose
// operations fall back to the CPU. What a GPU would be asked for is thereby asked for everywhere; only a GPU's own
// kernels are not. Included by one file of a program.
#pragma once

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/EmptyTensor.h>
#include <ATen/SDPBackend.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <future>
#include <optional>
#include <tuple>
#include <vector>

#include "core/model/packed_attention.h"

namespace fintag::stand_in {

using OptionalTensor = std::optional<at::Tensor>;

inline at::Device Device() { return {at::kPrivateUse1, 0}; }

struct Memory final : at::Allocator {
  at::DataPtr allocate(size_t bytes) override {
    void* const data = bytes == 0 ? nullptr : std::malloc(bytes);
    return {data, data, &std::free, Device()};
  }
  at::DeleterFnPtr raw_deleter() const override { return &std::free; }
  void copy_data(void* to, const void* from, size_t bytes) const override { std::memcpy(to, from, bytes); }
};
inline Memory memory;

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(at::DeviceIndex) const override { return true; }
  const at::Generator& getDefaultGenerator(at::DeviceIndex) const override {
    return at::detail::getDefaultCPUGenerator();  // what the fallback draws from
  }
};
inline Hooks hooks;

// Before the device is used.
inline void Register() {
  c10::register_privateuse1_backend("stand_in");
  at::RegisterPrivateUse1HooksInterface(&hooks);
}

// Everything is done when it is asked for.
struct Guard final : c10::impl::NoOpDeviceGuardImpl<c10::DeviceType::PrivateUse1> {
  c10::Device getDevice() const override { return Device(); }
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  c10::Stream getStream(c10::Device) const noexcept override { return c10::Stream(c10::Stream::DEFAULT, Device()); }
  c10::Stream exchangeStream(c10::Stream) const noexcept override {
    return c10::Stream(c10::Stream::DEFAULT, Device());
  }
  void record(void**, const c10::Stream&, c10::DeviceIndex, c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
};

// The same memory, as a tensor of the CPU.
inline at::Tensor OnCpu(const at::Tensor& tensor) {
  if (tensor.is_cpu()) return tensor;
  return at::from_blob(tensor.data_ptr(), tensor.sizes(), tensor.strides(), tensor.options().device(at::kCPU));
}
inline at::Tensor ToStandIn(const at::Tensor& tensor) { return tensor.to(Device()); }

inline at::Tensor Empty(at::IntArrayRef sizes, std::optional<at::ScalarType> type, std::optional<at::Layout>,
                        std::optional<at::Device>, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(sizes, &memory, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                   type.value_or(at::kFloat), format);
}

inline at::Tensor EmptyStrided(at::IntArrayRef sizes, at::IntArrayRef strides, std::optional<at::ScalarType> type,
                               std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(sizes, strides, &memory, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                           type.value_or(at::kFloat));
}

inline at::Tensor CopyFrom(const at::Tensor& from, const at::Tensor& to, bool) {
  OnCpu(to).copy_(OnCpu(from));
  return to;
}

// For what the fallback wrote in place.
inline at::Tensor CopyBack(const at::Tensor& from, const at::Tensor& to) {
  TORCH_CHECK(from.sizes() == to.sizes(), "nothing is resized here");
  return CopyFrom(from, to, false);
}

inline int64_t Choice(const at::Tensor& query, const at::Tensor&, const at::Tensor&, const OptionalTensor&, double,
                      bool, std::optional<double>, bool) {
  return static_cast<int64_t>(query.scalar_type() == at::kBFloat16 ? at::SDPBackend::flash_attention
                                                                   : at::SDPBackend::efficient_attention);
}

inline std::atomic<int64_t> attention_calls = 0;

// Without dropout. q, k, v: [tokens, heads, head size].
inline at::Tensor Attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& offsets,
                            int64_t longest) {
  ++attention_calls;
  TORCH_CHECK(offsets.scalar_type() == at::kInt, "offsets must be int32");
  TORCH_CHECK(!offsets.is_cpu(), "offsets must be on the device");
  const at::Tensor places = OnCpu(offsets).to(at::kLong);
  TORCH_CHECK(places.diff().max().item<int64_t>() == longest, "longest is wrong");
  const at::Tensor qkv = at::stack({q, k, v}, 1).to(at::kFloat);
  return PackedAttentionReference(qkv.view({q.size(0), -1}), places, q.size(1), Dropout()).view(q.sizes());
}

struct Gradients {
  at::Tensor q, k, v;
};

inline Gradients AttentionGradients(const at::Tensor& gradient, const at::Tensor& q, const at::Tensor& k,
                                    const at::Tensor& v, const at::Tensor& offsets, int64_t longest) {
  std::vector<at::Tensor> leaves;
  for (const at::Tensor& tensor : {q, k, v}) leaves.push_back(OnCpu(tensor).to(at::kFloat).clone().requires_grad_());
  // A kernel's own thread is below autograd.
  std::async(std::launch::async, [&] {
    Attention(leaves[0], leaves[1], leaves[2], offsets, longest).backward(OnCpu(gradient).to(at::kFloat).contiguous());
  }).get();
  const auto given = [&](const at::Tensor& leaf) { return ToStandIn(leaf.grad().to(q.scalar_type())); };
  return {given(leaves[0]), given(leaves[1]), given(leaves[2])};
}

inline std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor> Flash(
    const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const OptionalTensor& offsets, const OptionalTensor&,
    int64_t longest, int64_t, double, bool is_causal, bool, std::optional<double>, std::optional<int64_t>,
    std::optional<int64_t>, const OptionalTensor&, const OptionalTensor&, const OptionalTensor&,
    std::optional<int64_t>) {
  TORCH_CHECK(q.scalar_type() == at::kBFloat16 && !is_causal, "another call than expected");
  const at::Tensor context = Attention(OnCpu(q), OnCpu(k), OnCpu(v), *offsets, longest);
  const at::Tensor none = ToStandIn(at::zeros({1}));
  return {ToStandIn(context.to(at::kBFloat16)), none, none, none, none};
}

inline std::tuple<at::Tensor, at::Tensor, at::Tensor> FlashBackward(
    const at::Tensor& gradient, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor&,
    const at::Tensor&, const at::Tensor& offsets, const at::Tensor&, int64_t longest, int64_t, double, bool,
    const at::Tensor&, const at::Tensor&, std::optional<double>, std::optional<int64_t>, std::optional<int64_t>) {
  const Gradients gradients = AttentionGradients(gradient, q, k, v, offsets, longest);
  return {gradients.q, gradients.k, gradients.v};
}

inline std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, c10::SymInt, c10::SymInt> Efficient(
    const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const OptionalTensor& bias,
    const OptionalTensor& offsets, const OptionalTensor&, std::optional<int64_t> longest, std::optional<int64_t>,
    double, int64_t mask, bool, std::optional<double>, const OptionalTensor&, std::optional<int64_t>) {
  TORCH_CHECK(q.scalar_type() == at::kFloat && !bias && mask == 0, "another call than expected");
  TORCH_CHECK(q.dim() == 4 && q.size(0) == 1, "must be one batch");
  const at::Tensor context =
      Attention(OnCpu(q).squeeze(0), OnCpu(k).squeeze(0), OnCpu(v).squeeze(0), *offsets, *longest);
  const at::Tensor none = ToStandIn(at::zeros({1}));
  return {ToStandIn(context.unsqueeze(0)), none, none, none, *longest, *longest};
}

inline std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor> EfficientBackward(
    const at::Tensor& gradient, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const OptionalTensor&,
    const at::Tensor&, const OptionalTensor& offsets, const OptionalTensor&, int64_t longest, int64_t,
    const at::Tensor&, double, const at::Tensor&, const at::Tensor&, int64_t, bool, std::optional<double>,
    std::optional<int64_t>, std::optional<int64_t>, bool) {
  const Gradients gradients =
      AttentionGradients(gradient.squeeze(0), q.squeeze(0), k.squeeze(0), v.squeeze(0), *offsets, longest);
  return {gradients.q.unsqueeze(0), gradients.k.unsqueeze(0), gradients.v.unsqueeze(0), at::Tensor()};
}

inline void FallBack(const c10::OperatorHandle& op, torch::jit::Stack* stack) { at::native::cpu_fallback(op, stack); }

}  // namespace fintag::stand_in

namespace c10::impl {
C10_REGISTER_GUARD_IMPL(PrivateUse1, fintag::stand_in::Guard);
}  // namespace c10::impl

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) {
  m.fallback(torch::CppFunction::makeFromBoxedFunction<&fintag::stand_in::FallBack>());
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", TORCH_FN(fintag::stand_in::Empty));
  m.impl("empty_strided", TORCH_FN(fintag::stand_in::EmptyStrided));
  m.impl("_copy_from", TORCH_FN(fintag::stand_in::CopyFrom));
  m.impl("_copy_from_and_resize", TORCH_FN(fintag::stand_in::CopyBack));
  m.impl("as_strided", TORCH_FN(at::native::as_strided_tensorimpl));
  m.impl("view", TORCH_FN(at::native::view));
  m.impl("view.dtype", TORCH_FN(at::native::view_dtype));
  m.impl("_reshape_alias", TORCH_FN(at::native::_reshape_alias));
  m.impl("_fused_sdp_choice", TORCH_FN(fintag::stand_in::Choice));
  m.impl("_flash_attention_forward", TORCH_FN(fintag::stand_in::Flash));
  m.impl("_flash_attention_backward", TORCH_FN(fintag::stand_in::FlashBackward));
  m.impl("_efficient_attention_forward", TORCH_FN(fintag::stand_in::Efficient));
  m.impl("_efficient_attention_backward", TORCH_FN(fintag::stand_in::EfficientBackward));
}
