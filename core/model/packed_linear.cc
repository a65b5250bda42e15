#include "core/model/packed_linear.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/model/product_parts.h"

namespace fintag {
namespace {

// [rows, n] to whole numbers -127 to 127, still as floats, and the rows' scales [rows, 1]: `magnitude`, [rows, 1] and
// at least a row's largest, becomes 127.
std::pair<at::Tensor, at::Tensor> QuantizeRows(const at::Tensor& x, const at::Tensor& magnitude) {
  const at::Tensor inverse = at::where(magnitude > 0, 127.0 / magnitude, at::zeros_like(magnitude));
  return {at::round(x * inverse), magnitude / 127.0};
}

std::pair<at::Tensor, at::Tensor> QuantizeRows(const at::Tensor& x) {
  return QuantizeRows(x, x.abs().amax(1, /*keepdim=*/true));
}

// Alike, the weights [out, in] of these kernels.
std::pair<at::Tensor, at::Tensor> QuantizeWeight(const at::Tensor& weight, const ProductKernels& kernels) {
  if (!kernels.short_sums) return QuantizeRows(weight);
  constexpr int64_t kGroups = 2, kSums = 2, kMeet = 4;  // a sum has two weights of each group
  const int64_t inputs = weight.size(1);
  const int64_t padded = RoundUp(inputs, kGroups * kMeet);
  const at::Tensor sums =
      at::constant_pad_nd(weight, {0, padded - inputs}).view({weight.size(0), -1, kGroups, kSums, kMeet / kGroups});
  const auto largest = [&](const at::Tensor& one_sign) {
    return one_sign.clamp_min(0).sum(at::IntArrayRef{2, 4}).amax(at::IntArrayRef{1, 2}).unsqueeze(1);
  };
  // Rounding may add a half to each.
  const at::Tensor fits = at::maximum(largest(sums), largest(-sums)) * (127.0 / (kShortSumWeights - kMeet * 0.5));
  return QuantizeRows(weight, at::maximum(fits, weight.abs().amax(1, /*keepdim=*/true)));
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

PackedProduct ProductOf(const PackedWeight& weight, bool gelu) {
  return {.x = nullptr,
          .x_scale = nullptr,
          .weight = static_cast<const int32_t*>(weight.packed.const_data_ptr()),
          .weight_scale = weight.scale.data(),
          .start = weight.start.empty() ? nullptr : weight.start.data(),
          .bias = weight.bias.data(),
          .y = nullptr,
          .groups = weight.groups,
          .columns = weight.out,
          .gelu = gelu,
          .from_memory = true};
}

// Rows of inputs as the kernels read them, for as long as this lives.
class ProductInput {
 public:
  ProductInput(const float* x, int64_t rows, const PackedWeight& weight, PackedProduct& product) {
    const ProductKernels& kernels = *weight.kernels;
    product.x = reinterpret_cast<const int32_t*>(x);
    if (kernels.convert == nullptr) return;
    groups_ = at::empty({RoundUp(rows, kernels.row_multiple), weight.groups}, at::kInt);
    int32_t* to = groups_.mutable_data_ptr<int32_t>();
    float* scales = nullptr;
    if (kernels.precision == Precision::kInt8) {
      scale_ = at::empty({rows}, at::kFloat);
      scales = scale_.mutable_data_ptr<float>();
    }
    kernels.convert(x, weight.in, 0, rows, weight.groups, to, scales);
    product.x = to;
    product.x_scale = scales;
  }

 private:
  at::Tensor groups_;
  at::Tensor scale_;
};

// All columns of a part's rows, by the calling thread. `product` has the part's inputs, and where its results go.
void MultiplyRows(const PackedProduct& product, const ProductPart& part, const PackedWeight& weight) {
  MultiplyPart(*weight.kernels, product,
               {.row = 0,
                .row_end = part.row_end - part.row,
                .panel = 0,
                .panel_end = Panels(*weight.kernels, weight.out),
                .first = part.first});
}

// `product` with results from row `row` of y, [rows, columns], float32 or bfloat16.
PackedProduct To(PackedProduct product, const at::Tensor& y, int64_t row) {
  if (y.scalar_type() == at::kBFloat16) {
    product.rounded = reinterpret_cast<uint16_t*>(y.mutable_data_ptr<at::BFloat16>()) + row * y.size(1);
    product.rounded_stride = y.size(1);
  } else {
    product.y = y.mutable_data_ptr<float>() + row * y.size(1);
  }
  return product;
}

at::Tensor Product(const at::Tensor& x, const PackedWeight& weight, bool gelu, at::ScalarType type) {
  const at::Tensor input = x.contiguous();
  const auto* from = input.const_data_ptr<float>();
  const int64_t rows = input.size(0);
  at::Tensor y = at::empty({rows, weight.out}, type);
  const ProductParts parts(*weight.kernels, rows, weight.out);
  if (parts.whole_rows()) {
    parts.Run([&](const ProductPart& part) {
      PackedProduct product = ProductOf(weight, gelu);
      const ProductInput converted(from + part.row * weight.in, part.row_end - part.row, weight, product);
      MultiplyRows(To(product, y, part.row), part, weight);
    });
    return y;
  }
  PackedProduct product = ProductOf(weight, gelu);
  const ProductInput converted(from, rows, weight, product);  // once, for all parts
  product = To(product, y, 0);
  parts.Run([&](const ProductPart& part) { MultiplyPart(*weight.kernels, product, part); });
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
    auto [whole, scale] = QuantizeWeight(values, kernels);
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

at::Tensor PackedLinear(const at::Tensor& x, const PackedWeight& weight) {
  return Product(x, weight, /*gelu=*/false, at::kFloat);
}

at::Tensor PackedLinearRounded(const at::Tensor& x, const PackedWeight& weight) {
  return Product(x, weight, /*gelu=*/false, at::kBFloat16);
}

at::Tensor PackedLinearGelu(const at::Tensor& x, const PackedWeight& weight) {
  return Product(x, weight, /*gelu=*/true, at::kFloat);
}

at::Tensor PackedFeedForward(const at::Tensor& x, const PackedWeight& intermediate, const PackedWeight& output) {
  const at::Tensor input = x.contiguous();
  const int64_t rows = input.size(0);
  const ProductParts parts(*output.kernels, rows, output.out);
  if (!parts.whole_rows()) return PackedLinear(PackedLinearGelu(input, intermediate), output);
  const auto* from = input.const_data_ptr<float>();
  at::Tensor y = at::empty({rows, output.out}, input.options());
  // Where the second layer takes bfloat16, the first writes it.
  const bool rounds = output.kernels->rounds && output.kernels->precision == Precision::kBFloat16;
  parts.Run([&](const ProductPart& part) {
    const int64_t part_rows = part.row_end - part.row;
    PackedProduct first = ProductOf(intermediate, /*gelu=*/true);
    const ProductInput converted(from + part.row * intermediate.in, part_rows, intermediate, first);
    PackedProduct second = ProductOf(output, /*gelu=*/false);
    at::Tensor between;
    std::optional<ProductInput> between_converted;
    if (rounds) {
      const int64_t width = output.groups * output.kernels->group_inputs;
      between = at::empty({RoundUp(part_rows, output.kernels->row_multiple), width}, at::kBFloat16);
      if (width > output.in) between.narrow(1, output.in, width - output.in).zero_();
      MultiplyRows(To(first, between, 0), part, intermediate);
      second.x = static_cast<const int32_t*>(between.const_data_ptr());
    } else {
      between = at::empty({part_rows, intermediate.out}, at::kFloat);
      MultiplyRows(To(first, between, 0), part, intermediate);
      between_converted.emplace(between.const_data_ptr<float>(), part_rows, output, second);
    }
    MultiplyRows(To(second, y, part.row), part, output);
  });
  return y;
}

at::Tensor PackedLinearReference(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                 const ProductKernels& kernels) {
  // Sums of products are exact in float64, or nearly.
  const auto product = [](const at::Tensor& a, const at::Tensor& b) {
    return at::mm(a.to(at::kDouble), b.to(at::kDouble).t());
  };
  switch (kernels.precision) {
    case Precision::kFloat32:
      return (product(x, weight) + bias).to(at::kFloat);
    case Precision::kBFloat16:
      return (product(x.to(at::kBFloat16), weight.to(at::kBFloat16)) + bias).to(at::kFloat);
    case Precision::kInt8:
      break;
  }
  const auto [inputs, input_scale] = QuantizeRows(x);
  const auto [weights, weight_scale] = QuantizeWeight(weight, kernels);
  return product(inputs, weights).to(at::kFloat) * input_scale * weight_scale.t() + bias;
}

}  // namespace fintag
