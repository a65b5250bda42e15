#include "core/model/int8_linear.h"

#include <algorithm>
#include <memory>

#include "core/model/int8_kernels.h"
#include "core/model/parallel.h"

namespace fintag {
namespace {

// [rows, n] to whole numbers -127 to 127, still as floats, and the rows' scales [rows, 1].
std::pair<at::Tensor, at::Tensor> QuantizeRows(const at::Tensor& x) {
  const at::Tensor magnitude = x.abs().amax(1, /*keepdim=*/true);
  const at::Tensor inverse = at::where(magnitude > 0, 127.0 / magnitude, at::zeros_like(magnitude));
  return {at::round(x * inverse), magnitude / 127.0};
}

int64_t Panels(int64_t out) { return (out + kInt8PanelColumns - 1) / kInt8PanelColumns; }

at::Tensor Product(const at::Tensor& x, const Int8Weight& weight, bool gelu) {
  const at::Tensor input = x.contiguous();
  const int64_t rows = input.size(0);
  const int64_t pairs = (weight.in + 1) / 2;
  const float* from = input.const_data_ptr<float>();
  at::Tensor quantized = at::empty({rows, 2 * pairs}, at::kShort);
  at::Tensor scale = at::empty({rows}, at::kFloat);
  int16_t* to = quantized.mutable_data_ptr<int16_t>();
  float* scales = scale.mutable_data_ptr<float>();
  ParallelFor(rows, 64,
              [&](int64_t begin, int64_t end) { Int8Simd().quantize(from, weight.in, begin, end, pairs, to, scales); });

  at::Tensor y = at::empty({rows, weight.out}, input.options());
  const Int8Product product{.x = to,
                            .x_scale = scales,
                            .weight = weight.packed.data(),
                            .weight_scale = weight.scale.data(),
                            .bias = weight.bias.data(),
                            .y = y.mutable_data_ptr<float>(),
                            .pairs = pairs,
                            .columns = weight.out,
                            .gelu = gelu};
  // A few rows are shared out by columns, many by rows.
  constexpr int64_t kRowsPerTask = 48;
  const int64_t panels = Panels(weight.out);
  const int64_t row_tasks = (rows + kRowsPerTask - 1) / kRowsPerTask;
  const int64_t column_tasks = std::clamp<int64_t>(2 * ParallelThreads() / std::max<int64_t>(row_tasks, 1), 1, panels);
  ParallelFor(row_tasks * column_tasks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t row = task / column_tasks * kRowsPerTask;
      const int64_t part = task % column_tasks;
      Int8Simd().product(product, row, std::min(row + kRowsPerTask, rows), part * panels / column_tasks,
                         (part + 1) * panels / column_tasks);
    }
  });
  return y;
}

}  // namespace

int64_t Int8Weight::bytes() const {
  return static_cast<int64_t>(packed.size() * sizeof(int16_t) + (scale.size() + bias.size()) * sizeof(float));
}

Int8Weight QuantizeWeight(const at::Tensor& weight, const at::Tensor& bias) {
  const auto [whole, scale] = QuantizeRows(weight.detach().to(at::kCPU, at::kFloat));
  const at::Tensor values = whole.to(at::kShort).contiguous();
  const at::Tensor scales = scale.contiguous();
  const at::Tensor biases = bias.detach().to(at::kCPU, at::kFloat).contiguous();
  Int8Weight result;
  result.in = weight.size(1);
  result.out = weight.size(0);
  const int64_t pairs = (result.in + 1) / 2;
  result.packed.assign(static_cast<size_t>(Panels(result.out) * kInt8PanelColumns * 2 * pairs), 0);
  const int16_t* from = values.const_data_ptr<int16_t>();
  for (int64_t column = 0; column < result.out; ++column) {
    for (int64_t i = 0; i < result.in; ++i) {
      result.packed[static_cast<size_t>(Int8PackedIndex(column, i, pairs))] = from[column * result.in + i];
    }
  }
  result.scale.assign(scales.const_data_ptr<float>(), scales.const_data_ptr<float>() + result.out);
  result.bias.assign(biases.const_data_ptr<float>(), biases.const_data_ptr<float>() + result.out);
  return result;
}

at::Tensor Int8Linear(const at::Tensor& x, const Int8Weight& weight) { return Product(x, weight, /*gelu=*/false); }

at::Tensor Int8LinearGelu(const at::Tensor& x, const Int8Weight& weight) { return Product(x, weight, /*gelu=*/true); }

at::Tensor Int8LinearReference(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const auto [inputs, input_scale] = QuantizeRows(x);
  const auto [weights, weight_scale] = QuantizeRows(weight);
  // Sums of whole numbers up to 127 * 127 * in are exact in float64.
  const at::Tensor sums = at::mm(inputs.to(at::kDouble), weights.to(at::kDouble).t()).to(at::kFloat);
  return sums * input_scale * weight_scale.t() + bias;
}

}  // namespace fintag
