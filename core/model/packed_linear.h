// A linear layer for tagging on the CPU, in any precision: its weights lie as the product reads them
// (product_kernels.h), so that no call packs or rounds them again, and scales, bias and GELU are applied while a result
// is still in registers.
//
// In 8-bit integers weights are quantised for each output and inputs for each token (dynamic quantisation, symmetric,
// to -127...127; Jacob et al. 2017, arXiv:1712.05877, section 2.1, with zero points of 0). Where the processor sums in
// 16 bits (ProductKernels::short_sums), an output's weights are scaled to what these hold, usually -75...75, so that
// sums are exact there too.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "core/model/precision.h"
#include "core/model/product_kernels.h"

namespace fintag {

struct PackedWeight {
  const ProductKernels* kernels = nullptr;
  int64_t in = 0;
  int64_t out = 0;
  int64_t groups = 0;
  at::Tensor packed;
  std::vector<float> scale;    // [out, and on to a whole panel], int8 alone
  std::vector<int32_t> start;  // alike, where the inputs have an offset
  std::vector<float> bias;     // alike

  int64_t bytes() const;
};

// weight: [out, in], bias: [out]; any device, float32. `kernels` are BestProduct's of a precision, or a level's.
PackedWeight PackWeight(const at::Tensor& weight, const at::Tensor& bias, const ProductKernels& kernels);

// x w^T + bias: [tokens, out], float32. x: [tokens, in], float32, on the CPU. No gradient. A token's result does not
// depend on the other tokens or the number of threads.
at::Tensor PackedLinear(const at::Tensor& x, const PackedWeight& weight);

// PackedLinear's result rounded to bfloat16, for kernels that round.
at::Tensor PackedLinearRounded(const at::Tensor& x, const PackedWeight& weight);

// gelu(x w^T + bias), exact to 1e-6 of what PackedLinear gives.
at::Tensor PackedLinearGelu(const at::Tensor& x, const PackedWeight& weight);

// PackedLinear(PackedLinearGelu(x, intermediate), output), bit for bit. What lies between the two, four times as wide
// as the rest, is made a few rows at a time and stays in the cache.
at::Tensor PackedFeedForward(const at::Tensor& x, const PackedWeight& intermediate, const PackedWeight& output);

// What PackedLinear computes with these kernels, by plain LibTorch operations: what the tests compare to.
at::Tensor PackedLinearReference(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                 const ProductKernels& kernels);

}  // namespace fintag
