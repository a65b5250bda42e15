#include "core/model/float_linear.h"

#include <algorithm>

#include "core/model/float_kernels.h"
#include "core/model/parallel.h"
#include "core/model/simd_kernels.h"

namespace fintag {
namespace {

int64_t Panels(int64_t out) { return (out + kFloatPanelColumns - 1) / kFloatPanelColumns; }

at::Tensor Product(const at::Tensor& x, const FloatWeight& weight, bool gelu) {
  const at::Tensor input = x.contiguous();
  const int64_t rows = input.size(0);
  at::Tensor y = at::empty({rows, weight.out}, input.options());
  const FloatProduct product{.x = input.const_data_ptr<float>(),
                             .weight = weight.packed.const_data_ptr<float>(),
                             .bias = weight.bias.const_data_ptr<float>(),
                             .y = y.mutable_data_ptr<float>(),
                             .in = weight.in,
                             .columns = weight.out,
                             .gelu = gelu};
  // Many rows are shared out in equal parts, so that each thread reads the weights once; a few rows by columns.
  constexpr int64_t kFewestRows = 48;
  const int64_t threads = std::max(ParallelThreads(), 1);
  const int64_t panels = Panels(weight.out);
  const int64_t row_parts = std::clamp<int64_t>(rows / kFewestRows, 1, threads);
  const int64_t column_parts = std::clamp<int64_t>((threads + row_parts - 1) / row_parts, 1, panels);
  ParallelFor(row_parts * column_parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      const int64_t row = part / column_parts;
      const int64_t column = part % column_parts;
      FloatSimd().product(product, row * rows / row_parts, (row + 1) * rows / row_parts, column * panels / column_parts,
                          (column + 1) * panels / column_parts);
    }
  });
  return y;
}

}  // namespace

int64_t FloatWeight::bytes() const { return static_cast<int64_t>(packed.nbytes() + bias.nbytes()); }

bool PrefersFloatLinear() {
  static const bool kPrefers = FloatLevel("avx2") != nullptr && SimdLevel("avx512") == nullptr;
  return kPrefers;
}

FloatWeight PackWeight(const at::Tensor& weight, const at::Tensor& bias) {
  FloatWeight result;
  result.in = weight.size(1);
  result.out = weight.size(0);
  const int64_t panels = Panels(result.out);
  at::Tensor padded = weight.detach();
  if (panels * kFloatPanelColumns != result.out) {
    padded = at::zeros({panels * kFloatPanelColumns, result.in}, weight.options());
    padded.narrow(0, 0, result.out).copy_(weight.detach());
  }
  result.packed = padded.reshape({panels, kFloatPanelColumns, result.in}).transpose(1, 2).contiguous();
  result.bias = bias.detach().contiguous().clone();
  return result;
}

at::Tensor FloatLinear(const at::Tensor& x, const FloatWeight& weight) { return Product(x, weight, /*gelu=*/false); }

at::Tensor FloatLinearGelu(const at::Tensor& x, const FloatWeight& weight) { return Product(x, weight, /*gelu=*/true); }

}  // namespace fintag
