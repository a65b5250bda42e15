#include "core/training/adam_kernel.h"

#include <cmath>

#if defined(__x86_64__)
#define FINTAG_X86_VARIANTS 1
#endif

namespace fintag {
namespace {

[[gnu::always_inline]] inline void UpdateLoop(const AdamCoefficients& given, const float* __restrict gradient,
                                              int64_t size, float* __restrict parameter, float* __restrict first,
                                              float* __restrict second) {
  const AdamCoefficients c = given;
  const float rest1 = 1 - c.beta1;
  const float rest2 = 1 - c.beta2;
  for (int64_t i = 0; i < size; ++i) {
    const float g = gradient[i] * c.gradient_scale;
    const float m = c.beta1 * first[i] + rest1 * g;
    const float v = c.beta2 * second[i] + rest2 * g * g;
    first[i] = m;
    second[i] = v;
    parameter[i] = c.keep * parameter[i] - c.step_size * m / (std::sqrt(v) * c.second_scale + c.epsilon);
  }
}

[[gnu::always_inline]] inline double SquaresLoop(const float* values, int64_t size) {
  // Lanes of its own keep the compiler from needing leave to reorder; blocks keep float sums short.
  constexpr int64_t kLanes = 32;
  constexpr int64_t kBlock = 4096;
  double total = 0;
  for (int64_t begin = 0; begin < size; begin += kBlock) {
    const int64_t end = begin + kBlock < size ? begin + kBlock : size;
    float lanes[kLanes] = {};
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += values[i + lane] * values[i + lane];
    }
    for (; i < end; ++i) total += static_cast<double>(values[i]) * values[i];
    for (const float lane : lanes) total += lane;
  }
  return total;
}

using UpdateFunction = void (*)(const AdamCoefficients&, const float*, int64_t, float*, float*, float*);
using SquaresFunction = double (*)(const float*, int64_t);

struct Kernels {
  UpdateFunction update;
  SquaresFunction squares;
};

void UpdatePlain(const AdamCoefficients& c, const float* g, int64_t n, float* p, float* m, float* v) {
  UpdateLoop(c, g, n, p, m, v);
}
double SquaresPlain(const float* values, int64_t size) { return SquaresLoop(values, size); }

// Chosen by hand: the resolvers of target_clones run before the sanitizers are ready (GCC 12).
#ifdef FINTAG_X86_VARIANTS
[[gnu::target("avx2,fma")]] void UpdateAvx2(const AdamCoefficients& c, const float* g, int64_t n, float* p, float* m,
                                            float* v) {
  UpdateLoop(c, g, n, p, m, v);
}
[[gnu::target("avx2,fma")]] double SquaresAvx2(const float* values, int64_t size) { return SquaresLoop(values, size); }
[[gnu::target("avx512f,avx512vl,prefer-vector-width=512")]] void UpdateAvx512(const AdamCoefficients& c, const float* g,
                                                                              int64_t n, float* p, float* m, float* v) {
  UpdateLoop(c, g, n, p, m, v);
}
[[gnu::target("avx512f,avx512vl,prefer-vector-width=512")]] double SquaresAvx512(const float* values, int64_t size) {
  return SquaresLoop(values, size);
}
#endif

Kernels ChooseKernels() {
#ifdef FINTAG_X86_VARIANTS
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) return {UpdateAvx512, SquaresAvx512};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {UpdateAvx2, SquaresAvx2};
#endif
  return {UpdatePlain, SquaresPlain};
}

const Kernels& ChosenKernels() {
  static const Kernels kernels = ChooseKernels();
  return kernels;
}

}  // namespace

void AdamUpdate(const AdamCoefficients& coefficients, const float* gradient, int64_t size, float* parameter,
                float* first, float* second) {
  ChosenKernels().update(coefficients, gradient, size, parameter, first, second);
}

double SumOfSquares(const float* values, int64_t size) { return ChosenKernels().squares(values, size); }

}  // namespace fintag
