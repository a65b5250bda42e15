// A linear layer's parameters, in the precision that it is computed in.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/model/bert_config.h"
#include "core/model/packed_linear.h"
#include "core/model/precision.h"

namespace fintag {

// "fp32", "bf16", "int8", and back.
std::string_view PrecisionName(Precision precision);
std::optional<Precision> PrecisionOfName(std::string_view name);

// Those that `device` has instructions for: float32 (first); bfloat16 on a GPU, or with AVX-512's or AMX's instructions
// for it; int8 on the CPU.
std::vector<Precision> FastPrecisions(const at::Device& device);

struct Dense {
  at::Tensor weight = {};  // [out, in], float32 or bfloat16; undefined where the packed form is there
  at::Tensor bias = {};    // [out], alike
  std::shared_ptr<const PackedWeight> packed = nullptr;
  bool mixed = false;    // trains in mixed precision, on the CPU by mixed_linear.h
  bool rounded = false;  // Apply's result is bfloat16: for attention where it is packed for kernels that round, and
                         // wherever a GPU's weights are

  int64_t bytes() const;
};

// For tagging alone: what is converted has no gradients.
Dense ConvertDense(const Dense& dense, Precision precision);

// x w^T + bias: [tokens, out], float32 unless rounded, differentiable where the layer is in float32. x: [tokens, in],
// float32.
at::Tensor Apply(const Dense& dense, const at::Tensor& x);
// activation(x w^T + bias), alike.
at::Tensor Apply(const Dense& dense, const at::Tensor& x, Activation activation);
// output(activation(intermediate(x))), alike.
at::Tensor FeedForward(const Dense& intermediate, const Dense& output, const at::Tensor& x, Activation activation);

}  // namespace fintag
