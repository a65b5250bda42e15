// A linear layer's parameters, in the precision that it is computed in.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/model/bert_config.h"
#include "core/model/float_linear.h"
#include "core/model/int8_linear.h"

namespace fintag {

// What linear layers are computed in; everything else stays float32. kBFloat16: inputs and weights rounded to bfloat16,
// sums in float32. kInt8: int8_linear.h, on the CPU alone.
enum class Precision { kFloat32, kBFloat16, kInt8 };

// "fp32", "bf16", "int8", and back.
std::string_view PrecisionName(Precision precision);
std::optional<Precision> PrecisionOfName(std::string_view name);

// Those that `device` has instructions for: float32 (first); bfloat16 on a GPU, or with AVX-512's or AMX's instructions
// for it; int8 on the CPU.
std::vector<Precision> FastPrecisions(const at::Device& device);

struct Dense {
  at::Tensor weight = {};  // [out, in], float32 or bfloat16; undefined where one of the converted forms is there
  at::Tensor bias = {};    // [out], alike
  std::shared_ptr<const FloatWeight> packed = nullptr;
  std::shared_ptr<const Int8Weight> int8 = nullptr;

  int64_t bytes() const;
};

// For tagging alone: what is converted has no gradients.
Dense ConvertDense(const Dense& dense, Precision precision);

// x w^T + bias: [tokens, out], float32, differentiable where the layer is in float32. x: [tokens, in], float32.
at::Tensor Apply(const Dense& dense, const at::Tensor& x);
// activation(x w^T + bias), alike.
at::Tensor Apply(const Dense& dense, const at::Tensor& x, Activation activation);

}  // namespace fintag
