#include "core/model/dropout.h"

#include <torch/csrc/autograd/custom_function.h>

#include <mutex>

#include "core/model/dropout_bits.h"
#include "core/model/parallel.h"

namespace fintag {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kMask32 = 0xffffffff;
constexpr int64_t kRowsPerTask = 64;

// splitmix64's finaliser: neighbouring seeds and sites give unrelated keys.
uint64_t Mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

// lowbias32 on int64 elements that hold 32 bits each.
at::Tensor Mix(at::Tensor x) {
  x = at::bitwise_xor(x, at::bitwise_right_shift(x, 16));
  x = at::bitwise_and(x * int64_t{0x7feb352d}, kMask32);
  x = at::bitwise_xor(x, at::bitwise_right_shift(x, 15));
  x = at::bitwise_and(x * int64_t{0x846ca68b}, kMask32);
  return at::bitwise_xor(x, at::bitwise_right_shift(x, 16));
}

at::Tensor Multiply(const at::Tensor& x, const Dropout& dropout) {
  const at::Tensor input = x.contiguous();
  at::Tensor output = at::empty_like(input);
  const float* in = input.const_data_ptr<float>();
  float* out = output.mutable_data_ptr<float>();
  const int64_t columns = input.size(1);
  const DropoutBits bits = BitsOf(dropout);
  ParallelFor(input.size(0), kRowsPerTask,
              [&](int64_t begin, int64_t end) { Simd().dropout(in, out, begin, end, columns, bits); });
  return output;
}

class DropoutFunction : public torch::autograd::Function<DropoutFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, double probability, int64_t key) {
    context->saved_data["probability"] = probability;
    context->saved_data["key"] = key;
    return Multiply(x, {probability, static_cast<uint64_t>(key)});
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const Dropout dropout{context->saved_data["probability"].toDouble(),
                          static_cast<uint64_t>(context->saved_data["key"].toInt())};
    return {Multiply(gradients[0], dropout), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

Dropout DropoutAt(double probability, uint64_t seed, uint64_t site) { return {probability, Mix64(Mix64(seed) + site)}; }

at::Tensor DropoutMask(const Dropout& dropout, int64_t rows, int64_t columns, at::Device device) {
  const auto options = at::TensorOptions(device).dtype(at::kLong);
  const int64_t k0 = static_cast<int64_t>(dropout.key) & kMask32;
  const int64_t k1 = static_cast<int64_t>(dropout.key >> 32);
  at::Tensor row = at::bitwise_and(at::arange(rows, options), kMask32);
  row = Mix(at::bitwise_and(Mix(at::bitwise_xor(row, k0)) + k1, kMask32));
  const at::Tensor column = at::arange(columns, options) * int64_t{0x9e3779b1};
  const at::Tensor bits = Mix(at::bitwise_and(row.unsqueeze(1) + column.unsqueeze(0), kMask32));
  return at::ge(bits, static_cast<int64_t>(dropout.threshold())).to(at::kFloat) * dropout.scale();
}

void SeedDropout(at::Device device, uint64_t seed) {
  if (device.is_cpu()) return;
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard lock(generator.mutex());
  generator.set_current_seed(seed);
}

at::Tensor ApplyDropout(const at::Tensor& x, const Dropout& dropout) {
  if (!dropout.active()) return x;
  if (!x.device().is_cpu()) return at::dropout(x, dropout.probability, /*train=*/true);
  return DropoutFunction::apply(x, dropout.probability, static_cast<int64_t>(dropout.key));
}

}  // namespace fintag
