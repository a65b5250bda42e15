#include "core/model/linear.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "core/model/parallel.h"
#include "core/model/processor.h"
#include "core/model/simd_kernels.h"

namespace fintag {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

using OneDnnLinear = at::Tensor(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                                std::string_view attribute, c10::List<std::optional<at::Scalar>> scalars,
                                std::optional<std::string_view> algorithm);

// The operator has no C++ function of its own. Null where this LibTorch has none.
const c10::TypedOperatorHandle<OneDnnLinear>* OneDnn() {
  static const auto kOperator = []() -> std::optional<c10::TypedOperatorHandle<OneDnnLinear>> {
    if (!at::hasMKLDNN()) return std::nullopt;
    const auto found = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
    if (!found) return std::nullopt;
    return found->typed<OneDnnLinear>();
  }();
  return kOperator ? &*kOperator : nullptr;
}

LinearBackend& Backend() {
  static LinearBackend backend = BestLinearBackend();
  return backend;
}

bool UsesOneDnn(const at::Tensor& x) {
  return Backend() == LinearBackend::kOneDnn && x.device().is_cpu() && x.scalar_type() == at::kFloat && x.size(0) > 0;
}

at::Tensor CallOneDnn(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                      std::string_view attribute, std::string_view algorithm) {
  return OneDnn()->call(x, weight, bias, attribute, c10::List<std::optional<at::Scalar>>(), algorithm);
}

// x w^T + bias without autograd.
at::Tensor Product(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias) {
  if (UsesOneDnn(x)) return CallOneDnn(x, weight, bias, "none", "");
  return at::linear(x, weight, bias);
}

// A contiguous transpose: LibTorch's own strided copy takes a fifth of the product's time.
at::Tensor Transposed(const at::Tensor& x) {
  at::Tensor result = at::empty({x.size(1), x.size(0)}, x.options());
  const float* from = x.const_data_ptr<float>();
  float* to = result.mutable_data_ptr<float>();
  const int64_t blocks = (x.size(1) + 15) / 16;
  ParallelFor(blocks, 8, [&](int64_t begin, int64_t end) {
    Simd().transpose(from, to, x.size(0), x.size(1), begin * 16, std::min(end * 16, x.size(1)));
  });
  return result;
}

class LinearFunction : public torch::autograd::Function<LinearFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias) {
    const at::Tensor input = x.contiguous();
    context->save_for_backward({input, weight});
    return Product(input, weight, bias);
  }

  // dx = dy w and dw = dy^T x as the same kind of product.
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor dy = gradients[0].contiguous();
    at::Tensor dx;
    if (context->needs_input_grad(0)) dx = Product(dy, saved[1].t(), std::nullopt);
    at::Tensor dweight =
        UsesOneDnn(dy) ? Product(Transposed(dy), saved[0].t(), std::nullopt) : at::mm(dy.t(), saved[0]);
    at::Tensor dbias = dy.device().is_cpu() ? SumOfRows(dy) : dy.sum(0);
    return {dx, dweight, dbias};
  }
};

// For-each over a flat float tensor in parallel.
template <typename Run>
void ForElements(int64_t count, const Run& run) {
  constexpr int64_t kBlock = 4096;
  ParallelFor((count + kBlock - 1) / kBlock, 4,
              [&](int64_t begin, int64_t end) { run(begin * kBlock, std::min(end * kBlock, count) - begin * kBlock); });
}

class GeluFunction : public torch::autograd::Function<GeluFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x) {
    const at::Tensor input = x.contiguous();
    context->save_for_backward({input});
    at::Tensor y = at::empty_like(input);
    const float* from = input.const_data_ptr<float>();
    float* to = y.mutable_data_ptr<float>();
    ForElements(input.numel(),
                [&](int64_t first, int64_t count) { Simd().gelu_forward(from + first, to + first, count); });
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const at::Tensor x = context->get_saved_variables()[0];
    const at::Tensor dy = gradients[0].contiguous();
    at::Tensor dx = at::empty_like(x);
    const float* in = x.const_data_ptr<float>();
    const float* out_gradient = dy.const_data_ptr<float>();
    float* gradient = dx.mutable_data_ptr<float>();
    ForElements(x.numel(), [&](int64_t first, int64_t count) {
      Simd().gelu_backward(out_gradient + first, in + first, gradient + first, count);
    });
    return {dx};
  }
};

}  // namespace

at::Tensor SumOfRows(const at::Tensor& x) {
  at::Tensor result = at::empty({x.size(1)}, x.options());
  const float* from = x.const_data_ptr<float>();
  float* to = result.mutable_data_ptr<float>();
  const int64_t blocks = (x.size(1) + 63) / 64;
  ParallelFor(blocks, 4, [&](int64_t begin, int64_t end) {
    Simd().column_sums(from, x.size(0), x.size(1), begin * 64, std::min(end * 64, x.size(1)), to);
  });
  return result;
}

LinearBackend BestLinearBackend() {
  return IsAmd() && HasAvx512() && OneDnn() != nullptr ? LinearBackend::kOneDnn : LinearBackend::kAten;
}

void SetLinearBackend(LinearBackend backend) { Backend() = OneDnn() == nullptr ? LinearBackend::kAten : backend; }

int64_t PaddedRows(int64_t rows, at::Device device) {
  if (Backend() != LinearBackend::kOneDnn || !device.is_cpu()) return rows;
  int64_t step = 16;
  while (step * 32 < rows) step *= 2;
  return (rows + step - 1) / step * step;
}

at::Tensor Linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (!at::GradMode::is_enabled()) return Product(x, weight, bias);
  return LinearFunction::apply(x, weight, bias);
}

at::Tensor Activate(const at::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return x.device().is_cpu() ? GeluFunction::apply(x) : at::gelu(x);
    case Activation::kGeluTanh:
      return at::gelu(x, "tanh");
    case Activation::kRelu:
      return at::relu(x);
  }
  return x;
}

at::Tensor LinearActivation(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            Activation activation) {
  if (at::GradMode::is_enabled() || !UsesOneDnn(x)) return Activate(Linear(x, weight, bias), activation);
  switch (activation) {
    case Activation::kGelu:
      return CallOneDnn(x, weight, bias, "gelu", "none");
    case Activation::kGeluTanh:
      return CallOneDnn(x, weight, bias, "gelu", "tanh");
    case Activation::kRelu:
      return CallOneDnn(x, weight, bias, "relu", "");
  }
  return x;
}

}  // namespace fintag
