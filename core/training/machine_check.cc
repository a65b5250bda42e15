#include "core/training/machine_check.h"

#include "core/model/device.h"
#include "core/model/mixed_linear.h"

namespace fintag {

std::vector<FieldError> CheckMachine(const TrainingOptions& options) {
  if (options.device == "cuda") {
    if (SelectDevice("cuda").ok()) return {};
    return {{"device", "is cuda, but this LibTorch has no CUDA, or no GPU is here: use cpu or auto"}};
  }
  if (options.precision != "bf16" || HasMixedLinear()) return {};
  // Every GPU computes in bfloat16.
  if (options.device == "auto" && SelectDevice("cuda").ok()) return {};
  return {{"precision", "is bf16, but this processor has no instructions for bfloat16: use fp32"}};
}

}  // namespace fintag
