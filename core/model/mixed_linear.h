// A linear layer trained in mixed precision on the CPU (Micikevicius et al. 2017, arXiv:1710.03740): the three products
// of forward and backward pass take their factors rounded to bfloat16 and sum in float32; parameters and everything
// else stay float32. bfloat16 has float32's range, so the loss needs no scaling.
#pragma once

#include <ATen/ATen.h>

namespace fintag {

// Whether this processor has instructions for it.
bool HasMixedLinear();

// x w^T + bias, differentiable: [tokens, out], float32. x: [tokens, in], weight: [out, in], bias: [out], float32, on
// the CPU. The weight's gradient is of its grad_dtype, float32 or bfloat16; torch.autocast rounds it too, and an
// optimiser waits for memory.
at::Tensor MixedLinear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace fintag
