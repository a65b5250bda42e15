#include "core/model/int8_kernels.h"

#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

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

// Sixteen products of 16-bit numbers, neighbours added: 8 sums.
FINTAG_INLINE I MultiplyAddPairs(I a, I b) {
  return reinterpret_cast<I>(_mm256_madd_epi16(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
}
FINTAG_INLINE F ToFloats(I x) { return reinterpret_cast<F>(_mm256_cvtepi32_ps(reinterpret_cast<__m256i>(x))); }
FINTAG_INLINE void StoreRounded(int16_t* to, F x) {
  const __m256i wide = _mm256_cvtps_epi32(reinterpret_cast<__m256>(x));
  const __m128i low = _mm256_castsi256_si128(wide);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm_packs_epi32(low, _mm256_extracti128_si256(wide, 1)));
}
#include "core/model/simd_int8.inl"
const Int8Kernels kTable = {"avx2", Quantize, Product};
}  // namespace
}  // namespace avx2
#pragma GCC pop_options
#endif

namespace generic {
namespace {
#define FINTAG_VECTOR_BYTES 16
#include "core/model/simd_vector.inl"
#undef FINTAG_VECTOR_BYTES

FINTAG_INLINE I MultiplyAddPairs(I a, I b) {
  // The low halves are the even elements, the high halves the odd ones.
  const I even = ((a << 16) >> 16) * ((b << 16) >> 16);
  return even + (a >> 16) * (b >> 16);
}
FINTAG_INLINE F ToFloats(I x) { return __builtin_convertvector(x, F); }
FINTAG_INLINE void StoreRounded(int16_t* to, F x) {
  for (int64_t i = 0; i < kLanes; ++i) to[i] = static_cast<int16_t>(__builtin_rintf(x[i]));
}
#include "core/model/simd_int8.inl"
const Int8Kernels kTable = {"generic", Quantize, Product};
}  // namespace
}  // namespace generic

const Int8Kernels* Int8Level(const char* level) {
#ifdef FINTAG_X86_LEVELS
  if (std::strcmp(level, "avx2") == 0) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &avx2::kTable : nullptr;
  }
#endif
  return std::strcmp(level, "generic") == 0 ? &generic::kTable : nullptr;
}

const Int8Kernels& Int8Simd() {
  static const Int8Kernels* const kBest = Int8Level("avx2") != nullptr ? Int8Level("avx2") : Int8Level("generic");
  return *kBest;
}

}  // namespace fintag
