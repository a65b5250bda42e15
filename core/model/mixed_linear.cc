#include "core/model/mixed_linear.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "core/model/linear.h"
#include "core/model/parallel.h"
#include "core/model/product_kernels.h"
#include "core/model/product_parts.h"
#include "core/model/simd_kernels.h"

namespace fintag {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

const ProductKernels& Kernels() {
  static const ProductKernels& kernels = *BestProduct(Precision::kBFloat16);
  return kernels;
}

// A factor of a product: its rows as groups of inputs [rows, groups], or its columns in panels.
struct Factor {
  at::Tensor groups;
  int64_t count = 0;  // rows or columns
  int64_t width = 0;  // groups of one

  int32_t* data() const { return groups.mutable_data_ptr<int32_t>(); }
};

Factor MakeFactor(int64_t count, int64_t inputs, int64_t multiple) {
  const int64_t width = Groups(Kernels(), inputs);
  return {at::empty({RoundUp(count, multiple), width}, at::kInt), count, width};
}
Factor MakeRows(int64_t count, int64_t inputs) { return MakeFactor(count, inputs, Kernels().row_multiple); }
Factor MakePanels(int64_t count, int64_t inputs) { return MakeFactor(count, inputs, Kernels().panel_columns); }

// Groups of four bytes, turned about.
void Transpose(const int32_t* x, int32_t* y, int64_t rows, int64_t columns) {
  Simd().transpose(reinterpret_cast<const float*>(x), reinterpret_cast<float*>(y), rows, columns, 0, columns);
}

// Rows of x, [rows, inputs].
Factor RowsOf(const at::Tensor& x) {
  Factor rows = MakeRows(x.size(0), x.size(1));
  const float* from = x.const_data_ptr<float>();
  int32_t* to = rows.data();
  ParallelFor(x.size(0), 32, [&](int64_t begin, int64_t end) {
    Kernels().convert(from, x.size(1), begin, end, rows.width, to, nullptr);
  });
  return rows;
}

// Panels of the columns that are x's rows, [columns, inputs].
Factor PanelsOfRows(const at::Tensor& x) {
  const int64_t panel_columns = Kernels().panel_columns;
  Factor panels = MakePanels(x.size(0), x.size(1));
  const float* from = x.const_data_ptr<float>();
  int32_t* to = panels.data();
  ParallelFor(Panels(Kernels(), x.size(0)), 1, [&](int64_t begin, int64_t end) {
    const at::Tensor converted = at::zeros({panel_columns, panels.width}, at::kInt);
    auto* rows = converted.mutable_data_ptr<int32_t>();
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t row = panel * panel_columns;
      const int64_t count = std::min(panel_columns, x.size(0) - row);
      if (count < panel_columns) converted.zero_();
      Kernels().convert(from + row * x.size(1), x.size(1), 0, count, panels.width, rows, nullptr);
      Transpose(rows, to + row * panels.width, panel_columns, panels.width);
    }
  });
  return panels;
}

// Panels of x's columns, [inputs, columns].
Factor PanelsOfColumns(const at::Tensor& x) {
  Factor panels = MakePanels(x.size(1), x.size(0));
  const float* from = x.const_data_ptr<float>();
  int32_t* to = panels.data();
  ParallelFor(Panels(Kernels(), x.size(1)), 1, [&](int64_t begin, int64_t end) {
    Kernels().pack_columns(from, x.size(0), x.size(1), panels.width, begin, end,
                           to + begin * panels.width * Kernels().panel_columns);
  });
  return panels;
}

// Rows of x's transpose, x: [inputs, rows].
Factor RowsOfColumns(const at::Tensor& x) {
  const int64_t panel_columns = Kernels().panel_columns;
  Factor rows = MakePanels(x.size(1), x.size(0));  // a whole panel's rows are written
  const float* from = x.const_data_ptr<float>();
  int32_t* to = rows.data();
  ParallelFor(Panels(Kernels(), x.size(1)), 1, [&](int64_t begin, int64_t end) {
    const at::Tensor packed = at::empty({rows.width, panel_columns}, at::kInt);
    auto* panel_groups = packed.mutable_data_ptr<int32_t>();
    for (int64_t panel = begin; panel < end; ++panel) {
      Kernels().pack_columns(from, x.size(0), x.size(1), rows.width, panel, panel + 1, panel_groups);
      Transpose(panel_groups, to + panel * panel_columns * rows.width, rows.width, panel_columns);
    }
  });
  return rows;
}

// [rows, columns] + bias, [columns]; in float32 or bfloat16.
at::Tensor Multiply(const Factor& rows, const Factor& panels, const at::Tensor& bias,
                    at::ScalarType type = at::kFloat) {
  const bool rounded = type == at::kBFloat16;
  at::Tensor y = at::empty({rows.count, panels.count}, type);
  at::Tensor padded = bias;
  const int64_t columns = Panels(Kernels(), panels.count) * Kernels().panel_columns;
  if (!bias.defined() || bias.numel() < columns) {
    padded = at::zeros({columns}, at::kFloat);
    if (bias.defined()) padded.narrow(0, 0, bias.numel()).copy_(bias);
  }
  const PackedProduct product{.x = rows.data(),
                              .x_scale = nullptr,
                              .weight = panels.data(),
                              .weight_scale = nullptr,
                              .start = nullptr,
                              .bias = padded.const_data_ptr<float>(),
                              .y = rounded ? nullptr : y.mutable_data_ptr<float>(),
                              .groups = rows.width,
                              .columns = panels.count,
                              .gelu = false,
                              .rounded = rounded ? static_cast<uint16_t*>(y.mutable_data_ptr()) : nullptr,
                              .rounded_stride = panels.count};
  ProductParts(Kernels(), rows.count, panels.count).Run([&](const ProductPart& part) {
    MultiplyPart(Kernels(), product, part);
  });
  return y;
}

class MixedLinearFunction : public torch::autograd::Function<MixedLinearFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias) {
    const at::Tensor input = x.contiguous();
    context->save_for_backward({input, weight});
    return Multiply(RowsOf(input), PanelsOfRows(weight.detach().contiguous()), bias.detach().contiguous());
  }

  // dx = dy w and dw = dy^T x as the same kind of product.
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor dy = gradients[0].contiguous();
    at::Tensor dx;
    if (context->needs_input_grad(0)) {
      dx = Multiply(RowsOf(dy), PanelsOfColumns(saved[1].detach().contiguous()), at::Tensor());
    }
    const at::ScalarType type = saved[1].grad_dtype().value_or(at::kFloat);
    at::Tensor dweight = Multiply(RowsOfColumns(dy), PanelsOfColumns(saved[0]), at::Tensor(), type);
    return {dx, dweight, SumOfRows(dy)};
  }
};

}  // namespace

bool HasMixedLinear() { return BestProduct(Precision::kBFloat16) != nullptr; }

at::Tensor MixedLinear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return MixedLinearFunction::apply(x, weight, bias);
}

}  // namespace fintag
