#include "core/model/packed_linear.h"

#include <algorithm>
#include <utility>

#include "core/model/product_parts.h"

namespace fintag {
namespace {

// [rows, n] to whole numbers -127 to 127, still as floats, and the rows' scales [rows, 1].
std::pair<at::Tensor, at::Tensor> QuantizeRows(const at::Tensor& x) {
  const at::Tensor magnitude = x.abs().amax(1, /*keepdim=*/true);
  const at::Tensor inverse = at::where(magnitude > 0, 127.0 / magnitude, at::zeros_like(magnitude));
  return {at::round(x * inverse), magnitude / 127.0};
}

at::ScalarType InputType(const ProductKernels& kernels) {
  switch (kernels.precision) {
    case Precision::kFloat32:
      return at::kFloat;
    case Precision::kBFloat16:
      return at::kBFloat16;
    case Precision::kInt8:
      return kernels.group_inputs == 4 ? at::kChar : at::kShort;
  }
  return at::kFloat;
}

// The numbers, and zeros on to `size` of them.
std::vector<float> Floats(const at::Tensor& tensor, int64_t size) {
  const at::Tensor values = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
  std::vector<float> result(static_cast<size_t>(size));
  std::copy_n(values.const_data_ptr<float>(), values.numel(), result.begin());
  return result;
}

at::Tensor Product(const at::Tensor& x, const PackedWeight& weight, bool gelu) {
  const ProductKernels& kernels = *weight.kernels;
  const at::Tensor input = x.contiguous();
  const float* from = input.const_data_ptr<float>();
  const int64_t rows = input.size(0);
  at::Tensor y = at::empty({rows, weight.out}, input.options());
  PackedProduct product{.x = reinterpret_cast<const int32_t*>(from),
                        .x_scale = nullptr,
                        .weight = static_cast<const int32_t*>(weight.packed.const_data_ptr()),
                        .weight_scale = weight.scale.data(),
                        .start = weight.start.empty() ? nullptr : weight.start.data(),
                        .bias = weight.bias.data(),
                        .y = y.mutable_data_ptr<float>(),
                        .groups = weight.groups,
                        .columns = weight.out,
                        .gelu = gelu};
  at::Tensor groups;
  at::Tensor scale;
  int32_t* to = nullptr;
  float* scales = nullptr;
  if (kernels.convert != nullptr) {
    groups = at::empty({RoundUp(rows, kernels.row_multiple), weight.groups}, at::kInt);
    to = groups.mutable_data_ptr<int32_t>();
    product.x = to;
    if (kernels.precision == Precision::kInt8) {
      scale = at::empty({rows}, at::kFloat);
      scales = scale.mutable_data_ptr<float>();
      product.x_scale = scales;
    }
  }

  const auto convert = [&](int64_t begin, int64_t end) {
    if (to != nullptr) kernels.convert(from, weight.in, begin, end, weight.groups, to, scales);
  };
  const ProductParts parts(kernels, rows, weight.out);
  // Each thread converts its own inputs where no other needs them.
  if (!parts.whole_rows()) convert(0, rows);
  parts.Run([&](const ProductPart& part) {
    if (parts.whole_rows()) convert(part.row, part.row_end);
    MultiplyPart(kernels, product, part);
  });
  return y;
}

}  // namespace

int64_t PackedWeight::bytes() const {
  return static_cast<int64_t>(packed.nbytes() + (scale.size() + start.size() + bias.size()) * sizeof(float));
}

PackedWeight PackWeight(const at::Tensor& weight, const at::Tensor& bias, const ProductKernels& kernels) {
  PackedWeight result;
  result.kernels = &kernels;
  result.in = weight.size(1);
  result.out = weight.size(0);
  result.groups = Groups(kernels, result.in);
  const int64_t columns = Panels(kernels, result.out) * kernels.panel_columns;
  result.bias = Floats(bias, columns);
  at::Tensor values = weight.detach().to(at::kCPU, at::kFloat);
  if (kernels.precision == Precision::kInt8) {
    auto [whole, scale] = QuantizeRows(values);
    values = std::move(whole);
    result.scale = Floats(scale, columns);
    if (kernels.input_offset != 0) {
      for (const float sum : Floats(values.sum(1), columns)) {
        result.start.push_back(-kernels.input_offset * static_cast<int32_t>(sum));
      }
    }
  }
  at::Tensor padded = at::zeros({columns, result.groups * kernels.group_inputs}, InputType(kernels));
  padded.narrow(0, 0, result.out).narrow(1, 0, result.in).copy_(values);
  result.packed =
      padded.reshape({columns / kernels.panel_columns, kernels.panel_columns, result.groups, kernels.group_inputs})
          .transpose(1, 2)
          .contiguous();
  return result;
}

at::Tensor PackedLinear(const at::Tensor& x, const PackedWeight& weight) { return Product(x, weight, /*gelu=*/false); }

at::Tensor PackedLinearGelu(const at::Tensor& x, const PackedWeight& weight) {
  return Product(x, weight, /*gelu=*/true);
}

at::Tensor PackedLinearReference(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                 Precision precision) {
  // Sums of products are exact in float64, or nearly.
  const auto product = [](const at::Tensor& a, const at::Tensor& b) {
    return at::mm(a.to(at::kDouble), b.to(at::kDouble).t());
  };
  switch (precision) {
    case Precision::kFloat32:
      return (product(x, weight) + bias).to(at::kFloat);
    case Precision::kBFloat16:
      return (product(x.to(at::kBFloat16), weight.to(at::kBFloat16)) + bias).to(at::kFloat);
    case Precision::kInt8:
      break;
  }
  const auto [inputs, input_scale] = QuantizeRows(x);
  const auto [weights, weight_scale] = QuantizeRows(weight);
  return product(inputs, weights).to(at::kFloat) * input_scale * weight_scale.t() + bias;
}

}  // namespace fintag
