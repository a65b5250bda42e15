#include "core/model/simd_kernels.h"

#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "core/model/gelu_table.h"
#include "core/model/processor.h"

// Each level includes the same loops under its own target, so that one binary runs everywhere. Nothing of the standard
// library is used inside: an inline function of it, compiled for AVX-512, could be the copy that the linker keeps.
#define FINTAG_INLINE static inline __attribute__((always_inline))
#define FINTAG_KERNEL_TABLE(level)                                                                      \
  const SimdKernels kTable = {level,       DropoutRows,    LayerNormForwardRows, LayerNormBackwardRows, \
                              GeluForward, GeluBackward,   ColumnSums,           TransposeColumns,      \
                              Add,         ScaledSumOfRow, AttentionForward,     AttentionBackward}

namespace fintag {

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FINTAG_X86_LEVELS 1

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
namespace avx512 {
namespace {
#define FINTAG_VECTOR_BYTES 64
#include "core/model/simd_vector.inl"
//
#include "core/model/simd_transpose.inl"
//
#include "core/model/simd_dropout.inl"
//
#include "core/model/simd_rows.inl"
//
#include "core/model/simd_attention.inl"
#undef FINTAG_VECTOR_BYTES
FINTAG_KERNEL_TABLE("avx512");
}  // namespace
}  // namespace avx512
#pragma GCC pop_options

// With instructions that not every processor with AVX-512 has.
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,avx512bf16")
namespace avx512_bf16 {
namespace {
#define FINTAG_VECTOR_BYTES 64
#include "core/model/simd_vector.inl"
//
#include "core/model/simd_transpose.inl"
//
#include "core/model/simd_rounded_attention.inl"
#undef FINTAG_VECTOR_BYTES
}  // namespace
}  // namespace avx512_bf16
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma")
namespace avx2 {
namespace {
#define FINTAG_VECTOR_BYTES 32
#include "core/model/simd_vector.inl"
//
#include "core/model/simd_transpose.inl"
//
#include "core/model/simd_dropout.inl"
//
#include "core/model/simd_rows.inl"
//
#include "core/model/simd_attention.inl"
#undef FINTAG_VECTOR_BYTES
FINTAG_KERNEL_TABLE("avx2");
}  // namespace
}  // namespace avx2
#pragma GCC pop_options
#endif

namespace generic {
namespace {
#define FINTAG_VECTOR_BYTES 16
#include "core/model/simd_vector.inl"
//
#include "core/model/simd_transpose.inl"
//
#include "core/model/simd_dropout.inl"
//
#include "core/model/simd_rows.inl"
//
#include "core/model/simd_attention.inl"
#undef FINTAG_VECTOR_BYTES
FINTAG_KERNEL_TABLE("generic");
}  // namespace
}  // namespace generic

const SimdKernels* SimdLevel(const char* level) {
#ifdef FINTAG_X86_LEVELS
  if (std::strcmp(level, "avx512") == 0) return HasAvx512() ? &avx512::kTable : nullptr;
  if (std::strcmp(level, "avx2") == 0) return HasAvx2() ? &avx2::kTable : nullptr;
#endif
  return std::strcmp(level, "generic") == 0 ? &generic::kTable : nullptr;
}

RoundedAttention SimdRoundedAttention() {
#ifdef FINTAG_X86_LEVELS
  if (HasAvx512Bf16()) return avx512_bf16::RoundedAttentionForward;
#endif
  return nullptr;
}

const SimdKernels& Simd() {
  static const SimdKernels* const kBest = [] {
    const SimdKernels* best = SimdLevel("avx512");
    if (best == nullptr) best = SimdLevel("avx2");
    return best != nullptr ? best : SimdLevel("generic");
  }();
  return *kBest;
}

}  // namespace fintag
