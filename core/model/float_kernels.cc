#include "core/model/float_kernels.h"

#include <cstring>

#define FINTAG_INLINE static inline __attribute__((always_inline))

namespace fintag {

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FINTAG_X86_LEVELS 1

#pragma GCC push_options
#pragma GCC target("avx2,fma")
namespace avx2 {
namespace {
#define FINTAG_VECTOR_BYTES 32
#include "core/model/simd_vector.inl"
#undef FINTAG_VECTOR_BYTES
//
#include "core/model/simd_float.inl"
const FloatKernels kTable = {"avx2", Product};
}  // namespace
}  // namespace avx2
#pragma GCC pop_options
#endif

namespace generic {
namespace {
#define FINTAG_VECTOR_BYTES 16
#include "core/model/simd_vector.inl"
#undef FINTAG_VECTOR_BYTES
//
#include "core/model/simd_float.inl"
const FloatKernels kTable = {"generic", Product};
}  // namespace
}  // namespace generic

const FloatKernels* FloatLevel(const char* level) {
#ifdef FINTAG_X86_LEVELS
  if (std::strcmp(level, "avx2") == 0) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &avx2::kTable : nullptr;
  }
#endif
  return std::strcmp(level, "generic") == 0 ? &generic::kTable : nullptr;
}

const FloatKernels& FloatSimd() {
  static const FloatKernels* const kBest = FloatLevel("avx2") != nullptr ? FloatLevel("avx2") : FloatLevel("generic");
  return *kBest;
}

}  // namespace fintag
