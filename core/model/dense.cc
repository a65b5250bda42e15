#include "core/model/dense.h"

#include "core/model/linear.h"

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
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512bf16")) return {Precision::kFloat32, Precision::kBFloat16, Precision::kInt8};
#endif
  return {Precision::kFloat32, Precision::kInt8};
}

int64_t Dense::bytes() const {
  return BytesOf(weight) + BytesOf(bias) + (packed ? packed->bytes() : 0) + (int8 ? int8->bytes() : 0);
}

Dense ConvertDense(const Dense& dense, Precision precision) {
  switch (precision) {
    case Precision::kFloat32:
      if (!dense.weight.is_cpu() || !PrefersFloatLinear()) return dense;
      return {.packed = std::make_shared<const FloatWeight>(PackWeight(dense.weight, dense.bias))};
    case Precision::kBFloat16:
      return {.weight = dense.weight.detach().to(at::kBFloat16), .bias = dense.bias.detach().to(at::kBFloat16)};
    case Precision::kInt8:
      return {.int8 = std::make_shared<const Int8Weight>(QuantizeWeight(dense.weight, dense.bias))};
  }
  return dense;
}

at::Tensor Apply(const Dense& dense, const at::Tensor& x) {
  if (dense.packed) return FloatLinear(x, *dense.packed);
  if (dense.int8) return Int8Linear(x, *dense.int8);
  if (dense.weight.scalar_type() == x.scalar_type()) return Linear(x, dense.weight, dense.bias);
  return at::linear(x.to(dense.weight.scalar_type()), dense.weight, dense.bias).to(x.scalar_type());
}

at::Tensor Apply(const Dense& dense, const at::Tensor& x, Activation activation) {
  if (dense.packed && activation == Activation::kGelu) return FloatLinearGelu(x, *dense.packed);
  if (dense.int8 && activation == Activation::kGelu) return Int8LinearGelu(x, *dense.int8);
  if (dense.weight.defined() && dense.weight.scalar_type() == x.scalar_type()) {
    return LinearActivation(x, dense.weight, dense.bias, activation);
  }
  return Activate(Apply(dense, x), activation);
}

}  // namespace fintag
