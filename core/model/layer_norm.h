// Layer norm with what BERT does just before it: dropout and the residual sum (Ba et al. 2016, arXiv:1607.06450).
#pragma once

#include <ATen/ATen.h>

#include "core/model/dropout.h"

namespace fintag {

struct LayerNorm {
  at::Tensor weight;  // [hidden]
  at::Tensor bias;    // [hidden]
  double epsilon = 1e-12;
};

// LayerNorm(dropout(x) + residual), differentiable in x, residual, weight and bias. x and residual: [tokens, hidden];
// an undefined residual counts as 0. One pass over memory on the CPU; sums are in a fixed order. All are float32; on a
// GPU x may be bfloat16, or everything.
at::Tensor ResidualLayerNorm(const at::Tensor& x, const at::Tensor& residual, const LayerNorm& norm,
                             const Dropout& dropout);

// LayerNorm(x) without gradients, x on the CPU, and the reciprocal deviations of its rows, [tokens].
struct NormalizedRows {
  at::Tensor y;
  at::Tensor rstd;
};
NormalizedRows NormalizeRows(const at::Tensor& x, const LayerNorm& norm);

// The same in plain LibTorch operations: the one used on other devices, and what the tests compare to.
at::Tensor ResidualLayerNormReference(const at::Tensor& x, const at::Tensor& residual, const LayerNorm& norm,
                                      const Dropout& dropout);

}  // namespace fintag
