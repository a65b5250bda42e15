// Mixed precision on a GPU (Micikevicius et al. 2017, arXiv:1710.03740): the parameters of all layers rounded at once.
#pragma once

#include <ATen/ATen.h>

#include <vector>

namespace fintag {

// Each tensor as bfloat16; gradients come back as float32. One launch each way for all of them, where a conversion at
// every layer, as torch.autocast has it, takes one for each.
std::vector<at::Tensor> RoundWeights(const std::vector<at::Tensor>& weights);

}  // namespace fintag
