#include "core/model/rounded_weights.h"

#include <torch/csrc/autograd/custom_function.h>

namespace fintag {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

variable_list Converted(at::TensorList tensors, at::ScalarType type) {
  variable_list results;
  results.reserve(tensors.size());
  for (const at::Tensor& tensor : tensors) results.push_back(at::empty_like(tensor, tensor.options().dtype(type)));
  at::_foreach_copy_(results, tensors);
  return results;
}

class RoundFunction : public torch::autograd::Function<RoundFunction> {
 public:
  static variable_list forward(AutogradContext*, at::TensorList weights) { return Converted(weights, at::kBFloat16); }
  static variable_list backward(AutogradContext*, const variable_list& gradients) {
    return Converted(gradients, at::kFloat);
  }
};

}  // namespace

std::vector<at::Tensor> RoundWeights(const std::vector<at::Tensor>& weights) {
  return RoundFunction::apply(at::TensorList(weights));
}

}  // namespace fintag
