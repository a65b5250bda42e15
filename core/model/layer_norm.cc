#include "core/model/layer_norm.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <optional>

#include "core/model/dropout_bits.h"
#include "core/model/parallel.h"

namespace fintag {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kRowsPerTask = 16;
// Rows whose parameter gradients are summed together; fixed, so that the order of the sums is.
constexpr int64_t kRowsPerSum = 32;

struct Normalized {
  at::Tensor y;
  at::Tensor normalized;  // undefined where not kept
  at::Tensor rstd;
};

Normalized Forward(const at::Tensor& x, const at::Tensor& residual, const LayerNorm& norm, const Dropout& dropout,
                   bool keep) {
  const at::Tensor input = x.contiguous();
  const at::Tensor other = residual.defined() ? residual.contiguous() : at::Tensor();
  Normalized result;
  result.y = at::empty_like(input);
  result.rstd = at::empty({input.size(0)}, input.options());
  if (keep) result.normalized = at::empty_like(input);
  const LayerNormForward arguments{.x = input.const_data_ptr<float>(),
                                   .residual = other.defined() ? other.const_data_ptr<float>() : nullptr,
                                   .weight = norm.weight.const_data_ptr<float>(),
                                   .bias = norm.bias.const_data_ptr<float>(),
                                   .y = result.y.mutable_data_ptr<float>(),
                                   .normalized = keep ? result.normalized.mutable_data_ptr<float>() : nullptr,
                                   .rstd = result.rstd.mutable_data_ptr<float>(),
                                   .columns = input.size(1),
                                   .epsilon = static_cast<float>(norm.epsilon),
                                   .dropout = BitsOf(dropout)};
  ParallelFor(input.size(0), kRowsPerTask,
              [&](int64_t begin, int64_t end) { Simd().layer_norm_forward(arguments, begin, end); });
  return result;
}

class ResidualLayerNormFunction : public torch::autograd::Function<ResidualLayerNormFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const std::optional<at::Tensor>& residual,
                            const at::Tensor& weight, const at::Tensor& bias, double epsilon, double probability,
                            int64_t key) {
    Normalized result =
        Forward(x, residual.value_or(at::Tensor()), {weight, bias, epsilon}, {probability, static_cast<uint64_t>(key)},
                /*keep=*/true);
    context->save_for_backward({result.normalized, result.rstd, weight});
    context->saved_data["residual"] = residual.has_value();
    context->saved_data["probability"] = probability;
    context->saved_data["key"] = key;
    return result.y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor dy = gradients[0].contiguous();
    const bool has_residual = context->saved_data["residual"].toBool();
    const Dropout dropout{context->saved_data["probability"].toDouble(),
                          static_cast<uint64_t>(context->saved_data["key"].toInt())};
    const int64_t rows = dy.size(0);
    const int64_t columns = dy.size(1);
    at::Tensor dx = at::empty_like(dy);
    // Without dropout both gradients are the same.
    at::Tensor dresidual;
    if (has_residual) dresidual = dropout.active() ? at::empty_like(dy) : dx;
    const LayerNormBackward arguments{
        .dy = dy.const_data_ptr<float>(),
        .normalized = saved[0].const_data_ptr<float>(),
        .rstd = saved[1].const_data_ptr<float>(),
        .weight = saved[2].const_data_ptr<float>(),
        .dx = dx.mutable_data_ptr<float>(),
        .dresidual = has_residual && dropout.active() ? dresidual.mutable_data_ptr<float>() : nullptr,
        .columns = columns,
        .dropout = BitsOf(dropout)};
    const int64_t blocks = (rows + kRowsPerSum - 1) / kRowsPerSum;
    at::Tensor sums = at::zeros({blocks, 2, columns}, dy.options());
    float* const sums_data = sums.mutable_data_ptr<float>();
    ParallelFor(blocks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        float* const dweight = sums_data + block * 2 * columns;
        Simd().layer_norm_backward(arguments, block * kRowsPerSum, std::min(rows, (block + 1) * kRowsPerSum), dweight,
                                   dweight + columns);
      }
    });
    at::Tensor dweight = at::zeros({columns}, dy.options());
    at::Tensor dbias = at::zeros({columns}, dy.options());
    for (int64_t block = 0; block < blocks; ++block) {
      Simd().add(sums_data + block * 2 * columns, dweight.mutable_data_ptr<float>(), columns);
      Simd().add(sums_data + (block * 2 + 1) * columns, dbias.mutable_data_ptr<float>(), columns);
    }
    return {dx, dresidual, dweight, dbias, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor ResidualLayerNorm(const at::Tensor& x, const at::Tensor& residual, const LayerNorm& norm,
                             const Dropout& dropout) {
  if (!x.device().is_cpu()) return ResidualLayerNormReference(x, residual, norm, dropout);
  if (!at::GradMode::is_enabled()) return Forward(x, residual, norm, dropout, /*keep=*/false).y;
  // An undefined tensor cannot be an argument of a recorded function, an absent one can.
  const std::optional<at::Tensor> present = residual.defined() ? std::optional(residual) : std::nullopt;
  return ResidualLayerNormFunction::apply(x, present, norm.weight, norm.bias, norm.epsilon, dropout.probability,
                                          static_cast<int64_t>(dropout.key));
}

NormalizedRows NormalizeRows(const at::Tensor& x, const LayerNorm& norm) {
  const Normalized result = Forward(x, at::Tensor(), norm, Dropout(), /*keep=*/false);
  return {result.y, result.rstd};
}

at::Tensor ResidualLayerNormReference(const at::Tensor& x, const at::Tensor& residual, const LayerNorm& norm,
                                      const Dropout& dropout) {
  at::Tensor sum = ApplyDropout(x, dropout);
  if (residual.defined()) sum = sum + residual;
  return at::layer_norm(sum, {x.size(1)}, norm.weight, norm.bias, norm.epsilon);
}

}  // namespace fintag
