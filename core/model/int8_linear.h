// A linear layer in 8-bit integers, for tagging on the CPU: weights quantised once for each output, inputs for each
// token as they come (dynamic quantisation, symmetric, to -127...127; Jacob et al. 2017, arXiv:1712.05877, section 2.1,
// with zero points of 0).
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "core/model/bert_config.h"

namespace fintag {

struct Int8Weight {
  int64_t in = 0;
  int64_t out = 0;
  std::vector<int16_t> packed;  // int8_kernels.h
  std::vector<float> scale;     // [out]
  std::vector<float> bias;      // [out]

  int64_t bytes() const;
};

// weight: [out, in], bias: [out]; any device, float32.
Int8Weight QuantizeWeight(const at::Tensor& weight, const at::Tensor& bias);

// x w^T + bias: [tokens, out], float32. x: [tokens, in], float32, on the CPU. No gradient. A token's result does not
// depend on the other tokens, the processor or the number of threads.
at::Tensor Int8Linear(const at::Tensor& x, const Int8Weight& weight);

// gelu(x w^T + bias), exact to 1e-6 of what Int8Linear gives.
at::Tensor Int8LinearGelu(const at::Tensor& x, const Int8Weight& weight);

// What Int8Linear computes, by plain LibTorch operations from the float32 weight: what the tests compare to.
at::Tensor Int8LinearReference(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace fintag
