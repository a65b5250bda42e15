#include "core/training/adam_kernel.h"

#include <cmath>
#include <cstdint>

#include "core/model/processor.h"

#if defined(__x86_64__)
#define FINTAG_X86_VARIANTS 1
#endif

namespace fintag {
namespace {

[[gnu::always_inline]] inline float Float(float value) { return value; }
[[gnu::always_inline]] inline float Float(uint16_t bfloat16) {
  const uint32_t bits = uint32_t{bfloat16} << 16;
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

template <typename Gradient>
[[gnu::always_inline]] inline void UpdateLoop(const AdamCoefficients& given, const Gradient* __restrict gradient,
                                              int64_t size, float* __restrict parameter, float* __restrict first,
                                              float* __restrict second) {
  const AdamCoefficients c = given;
  const float rest1 = 1 - c.beta1;
  const float rest2 = 1 - c.beta2;
  for (int64_t i = 0; i < size; ++i) {
    const float g = Float(gradient[i]) * c.gradient_scale;
    const float m = c.beta1 * first[i] + rest1 * g;
    const float v = c.beta2 * second[i] + rest2 * g * g;
    first[i] = m;
    second[i] = v;
    parameter[i] = c.keep * parameter[i] - c.step_size * m / (std::sqrt(v) * c.second_scale + c.epsilon);
  }
}

template <typename Value>
[[gnu::always_inline]] inline double SquaresLoop(const Value* values, int64_t size) {
  // Lanes of its own keep the compiler from needing leave to reorder; blocks keep float sums short.
  constexpr int64_t kLanes = 32;
  constexpr int64_t kBlock = 4096;
  double total = 0;
  for (int64_t begin = 0; begin < size; begin += kBlock) {
    const int64_t end = begin + kBlock < size ? begin + kBlock : size;
    float lanes[kLanes] = {};
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += Float(values[i + lane]) * Float(values[i + lane]);
    }
    for (; i < end; ++i) total += static_cast<double>(Float(values[i])) * Float(values[i]);
    for (const float lane : lanes) total += lane;
  }
  return total;
}

// Of float32 gradients and of those in bfloat16.
template <typename Gradient>
struct Kernels {
  void (*update)(const AdamCoefficients& c, const Gradient* g, int64_t n, float* p, float* m, float* v);
  double (*squares)(const Gradient* values, int64_t size);
};

template <typename Gradient>
void UpdatePlain(const AdamCoefficients& c, const Gradient* g, int64_t n, float* p, float* m, float* v) {
  UpdateLoop(c, g, n, p, m, v);
}
template <typename Gradient>
double SquaresPlain(const Gradient* values, int64_t size) {
  return SquaresLoop(values, size);
}

// Chosen by hand: the resolvers of target_clones run before the sanitizers are ready (GCC 12).
#ifdef FINTAG_X86_VARIANTS
template <typename Gradient>
[[gnu::target("avx2,fma")]] void UpdateAvx2(const AdamCoefficients& c, const Gradient* g, int64_t n, float* p, float* m,
                                            float* v) {
  UpdateLoop(c, g, n, p, m, v);
}
template <typename Gradient>
[[gnu::target("avx2,fma")]] double SquaresAvx2(const Gradient* values, int64_t size) {
  return SquaresLoop(values, size);
}
template <typename Gradient>
[[gnu::target("avx512f,avx512vl,prefer-vector-width=512")]] void UpdateAvx512(const AdamCoefficients& c,
                                                                              const Gradient* g, int64_t n, float* p,
                                                                              float* m, float* v) {
  UpdateLoop(c, g, n, p, m, v);
}
template <typename Gradient>
[[gnu::target("avx512f,avx512vl,prefer-vector-width=512")]] double SquaresAvx512(const Gradient* values, int64_t size) {
  return SquaresLoop(values, size);
}
#endif

template <typename Gradient>
const Kernels<Gradient>& ChosenKernels() {
  static const Kernels<Gradient> kernels = []() -> Kernels<Gradient> {
#ifdef FINTAG_X86_VARIANTS
    if (HasAvx512()) return {UpdateAvx512<Gradient>, SquaresAvx512<Gradient>};
    if (HasAvx2()) return {UpdateAvx2<Gradient>, SquaresAvx2<Gradient>};
#endif
    return {UpdatePlain<Gradient>, SquaresPlain<Gradient>};
  }();
  return kernels;
}

}  // namespace

void AdamUpdate(const AdamCoefficients& coefficients, const float* gradient, int64_t size, float* parameter,
                float* first, float* second) {
  ChosenKernels<float>().update(coefficients, gradient, size, parameter, first, second);
}

void AdamUpdate(const AdamCoefficients& coefficients, const uint16_t* gradient, int64_t size, float* parameter,
                float* first, float* second) {
  ChosenKernels<uint16_t>().update(coefficients, gradient, size, parameter, first, second);
}

double SumOfSquares(const float* values, int64_t size) { return ChosenKernels<float>().squares(values, size); }
double SumOfSquares(const uint16_t* values, int64_t size) { return ChosenKernels<uint16_t>().squares(values, size); }

}  // namespace fintag
