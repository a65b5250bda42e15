// A linear layer in float32 for tagging on the CPU: its weights lie as the product reads them, so that no call packs
// them again, and bias and GELU are added while a result is still in registers.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

namespace fintag {

struct FloatWeight {
  int64_t in = 0;
  int64_t out = 0;
  at::Tensor packed;  // float_kernels.h
  at::Tensor bias;    // [out]

  int64_t bytes() const;
};

// True where this product is the fastest that the processor has: with AVX2 and without AVX-512, for which LibTorch's
// libraries have better ones.
bool PrefersFloatLinear();

// weight: [out, in], bias: [out]; on the CPU, float32.
FloatWeight PackWeight(const at::Tensor& weight, const at::Tensor& bias);

// x w^T + bias: [tokens, out], float32. x: [tokens, in], float32, on the CPU. No gradient. A token's result does not
// depend on the other tokens or the number of threads.
at::Tensor FloatLinear(const at::Tensor& x, const FloatWeight& weight);

// gelu(x w^T + bias), exact to 1e-6 of what FloatLinear gives.
at::Tensor FloatLinearGelu(const at::Tensor& x, const FloatWeight& weight);

}  // namespace fintag
