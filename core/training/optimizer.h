// AdamW over the model's parameters, with clipping by the global norm. With decay 0 it is Adam. Equal to torch's
// AdamW and clip_grad_norm_ but for rounding.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/training/training_options.h"

namespace fintag {

// What an optimiser has gathered so far, on the CPU, by the parameters' names. Moments have their parameter's shape, or
// where `rows` names it are those of these rows alone, in this order; a parameter that never had a gradient may be left
// out.
struct OptimizerState {
  int64_t steps = 0;
  std::map<std::string, at::Tensor> first, second;
  std::map<std::string, std::vector<int64_t>> rows;
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // One update by the gradients that the parameters hold, which are taken away afterwards. A parameter without a
  // gradient counts as one whose gradient is zero. A sparse gradient (rows of the word embedding) gives the same
  // result as its dense form; rows that never had one are not touched, since their moments are zero. Sparse
  // gradients are float32, others that or bfloat16. Returns the gradients' global norm before clipping;
  // MakeFusedOptimizer's returns 0, since on CUDA it would have to wait for it.
  virtual double Step(double learning_rate) = 0;

  // A copy; and back, into an optimiser of the same kind and parameters that has not stepped yet: it goes on bit for
  // bit. Restore throws c10::Error where the state is not of these parameters.
  virtual OptimizerState State() const = 0;
  virtual void Restore(const OptimizerState& state) = 0;
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

// Fills `first` and `second` with the moments of the parameter of this name. Throws c10::Error where they are missing
// or have another shape.
void CopyMoments(const OptimizerState& state, const std::string& name, const at::Tensor& first,
                 const at::Tensor& second);

// Whether weight decay applies to the parameter of this name.
bool HasDecay(const std::string& name);

}  // namespace fintag
