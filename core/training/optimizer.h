// AdamW over the model's parameters, with clipping by the global norm. With decay 0 it is Adam. Equal to torch's
// AdamW and clip_grad_norm_ but for rounding.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/training/training_options.h"

namespace fintag {

class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // One update by the gradients that the parameters hold, which are taken away afterwards. A parameter without a
  // gradient counts as one whose gradient is zero. A sparse gradient (rows of the word embedding) gives the same
  // result as its dense form; rows that never had one are not touched, since their moments are zero. Returns the
  // gradients' global norm before clipping; MakeFusedOptimizer's returns 0, since on CUDA it would have to wait for it.
  virtual double Step(double learning_rate) = 0;
};

// Parameters by name: those named "*.bias" or "*LayerNorm*" have no decay, as transformers' Trainer has it. All are
// float32, contiguous and on one device. Uses adam_*, weight_decay and max_gradient_norm of `options`.
std::unique_ptr<Optimizer> MakeOptimizer(const std::vector<std::pair<std::string, at::Tensor>>& parameters,
                                         const TrainingOptions& options);

// The two behind it: our own pass over memory on the CPU, LibTorch's fused one for CUDA (it runs on the CPU as well).
std::unique_ptr<Optimizer> MakeCpuOptimizer(const std::vector<std::pair<std::string, at::Tensor>>& parameters,
                                            const TrainingOptions& options);
std::unique_ptr<Optimizer> MakeFusedOptimizer(const std::vector<std::pair<std::string, at::Tensor>>& parameters,
                                              const TrainingOptions& options);

// Whether weight decay applies to the parameter of this name.
bool HasDecay(const std::string& name);

}  // namespace fintag
