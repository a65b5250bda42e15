#include "core/model/dense.h"

#include <ATen/core/grad_mode.h>

#include "core/model/linear.h"
#include "core/model/mixed_linear.h"

namespace fintag {
namespace {

constexpr Precision kPrecisions[] = {Precision::kFloat32, Precision::kBFloat16, Precision::kInt8};

int64_t BytesOf(const at::Tensor& tensor) { return tensor.defined() ? static_cast<int64_t>(tensor.nbytes()) : 0; }

}  // namespace

std::string_view PrecisionName(Precision precision) {
  switch (precision) {
    case Precision::kFloat32:
      return "fp32";
    case Precision::kBFloat16:
      return "bf16";
    case Precision::kInt8:
      return "int8";
  }
  return "";
}

std::optional<Precision> PrecisionOfName(std::string_view name) {
  for (const Precision precision : kPrecisions) {
    if (PrecisionName(precision) == name) return precision;
  }
  return std::nullopt;
}

std::vector<Precision> FastPrecisions(const at::Device& device) {
  if (!device.is_cpu()) return {Precision::kFloat32, Precision::kBFloat16};
  std::vector<Precision> precisions;
  for (const Precision precision : kPrecisions) {
    if (BestProduct(precision) != nullptr) precisions.push_back(precision);
  }
  return precisions;
}

std::string_view ScoreName(Precision precision) {
  const ProductKernels* kernels = BestProduct(precision);
  return kernels != nullptr && kernels->short_sums ? "int8_short_sums" : PrecisionName(precision);
}

int64_t Dense::bytes() const { return BytesOf(weight) + BytesOf(bias) + (packed ? packed->bytes() : 0); }

Dense ConvertDense(const Dense& dense, Precision precision) {
  const ProductKernels* kernels = dense.weight.is_cpu() ? BestProduct(precision) : nullptr;
  if (kernels != nullptr) {
    return {.packed = std::make_shared<const PackedWeight>(PackWeight(dense.weight, dense.bias, *kernels))};
  }
  if (precision == Precision::kFloat32) return dense;
  return {.weight = dense.weight.detach().to(at::kBFloat16),
          .bias = dense.bias.detach().to(at::kBFloat16),
          .rounded = !dense.weight.is_cpu()};
}

at::Tensor Apply(const Dense& dense, const at::Tensor& x) {
  if (dense.packed) return dense.rounded ? PackedLinearRounded(x, *dense.packed) : PackedLinear(x, *dense.packed);
  if (dense.mixed && at::GradMode::is_enabled()) return MixedLinear(x, dense.weight, dense.bias);
  if (dense.weight.scalar_type() == x.scalar_type()) return Linear(x, dense.weight, dense.bias);
  const at::Tensor y = at::linear(x.to(dense.weight.scalar_type()), dense.weight, dense.bias);
  return dense.rounded ? y : y.to(x.scalar_type());
}

at::Tensor Apply(const Dense& dense, const at::Tensor& x, Activation activation) {
  if (dense.packed && activation == Activation::kGelu) return PackedLinearGelu(x, *dense.packed);
  const bool mixed = dense.mixed && at::GradMode::is_enabled();
  if (!mixed && dense.weight.defined() && dense.weight.scalar_type() == x.scalar_type()) {
    return LinearActivation(x, dense.weight, dense.bias, activation);
  }
  return Activate(Apply(dense, x), activation);
}

at::Tensor FeedForward(const Dense& intermediate, const Dense& output, const at::Tensor& x, Activation activation) {
  if (intermediate.packed && output.packed && activation == Activation::kGelu) {
    return PackedFeedForward(x, *intermediate.packed, *output.packed);
  }
  return Apply(output, Apply(intermediate, x, activation));
}

}  // namespace fintag
