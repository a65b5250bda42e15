#include "core/model/product_kernels.h"

#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "core/model/gelu_table.h"
#include "core/model/processor.h"

// As in simd_kernels.cc: each level includes the same loops under its own target, and nothing of the standard library.
#define FINTAG_INLINE static inline __attribute__((always_inline))

namespace fintag {

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FINTAG_X86_LEVELS 1

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
namespace avx512 {
namespace {
#define FINTAG_VECTOR_BYTES 64
#include "core/model/simd_vector.inl"

constexpr int64_t kPanelColumns = 32;
constexpr int64_t kGroupRows = 12;  // of 2 vectors, beside 2 of weights and one of inputs: 27 registers of 32
// Of a panel: all, since the second-level cache is as fast, and sums that wait in memory cost up to a twentieth.
constexpr int64_t kGroupsAtOnce = int64_t{1} << 20;
constexpr int64_t kTogether = 1;
constexpr bool kFetchesAhead = false;  // costs a twentieth here
constexpr int kUnrolled = 16;

using Sums = F;
FINTAG_INLINE F MultiplyAdd(F sums, I inputs, I weights) {
  return sums + reinterpret_cast<F>(inputs) * reinterpret_cast<F>(weights);
}
#include "core/model/simd_product.inl"
const ProductKernels kFloat32 = {"avx512", Precision::kFloat32, 1, 1, kPanelColumns, 1, 0, nullptr, nullptr, Product};
}  // namespace
}  // namespace avx512
#pragma GCC pop_options

// With instructions that not every processor with AVX-512 has: each table says in ProductLevel() what it needs.
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,avx512vnni,avx512bf16,amx-tile,amx-int8,amx-bf16")
namespace avx512_small {
namespace {
#include "core/model/simd_vector.inl"
#undef FINTAG_VECTOR_BYTES

using avx512::kFetchesAhead;
using avx512::kGroupRows;
using avx512::kGroupsAtOnce;
using avx512::kPanelColumns;
using avx512::kTogether;
using avx512::kUnrolled;

FINTAG_INLINE __m256i RoundToBFloat16(F values) { return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(values)); }
#define FINTAG_ROUNDS

// Eight tiles of 16 rows of 64 bytes, for as long as this lives: a thread that has tiles costs more to switch to.
class TileScope {
 public:
  __attribute__((always_inline)) TileScope() {
    struct alignas(64) Shape {
      uint8_t palette = 1;
      uint8_t start_row = 0;
      uint8_t reserved[14] = {};
      uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    };
    static_assert(sizeof(Shape) == 64);
    const Shape shape;
    _tile_loadconfig(&shape);
  }
  __attribute__((always_inline)) ~TileScope() { _tile_release(); }
  TileScope(const TileScope&) = delete;
  TileScope& operator=(const TileScope&) = delete;
};

namespace bf16 {
using Sums = F;
using Element = uint16_t;
constexpr bool kScaled = false;
FINTAG_INLINE F MultiplyAdd(F sums, I inputs, I weights) {
  return _mm512_dpbf16_ps(sums, reinterpret_cast<__m512bh>(inputs), reinterpret_cast<__m512bh>(weights));
}
FINTAG_INLINE void Round(F values, Element* to) {
  const __m256i rounded = RoundToBFloat16(values);
  __builtin_memcpy(to, &rounded, sizeof rounded);
}
#include "core/model/simd_product.inl"
//
#include "core/model/simd_convert.inl"

// Rounded, each in the low half of 32 bits.
FINTAG_INLINE I RoundWide(F values) {
  return reinterpret_cast<I>(_mm512_maskz_cvtepu16_epi32(0xffff, RoundToBFloat16(values)));
}

// Row i of x in n columns from c; zeros beyond the last row.
FINTAG_INLINE F RowOf(const float* x, int64_t inputs, int64_t columns, int64_t i, int64_t c, int64_t n) {
  return i < inputs && n > 0 ? Load(x + i * columns + c, n) : F{};
}

void PackColumns(const float* x, int64_t inputs, int64_t columns, int64_t groups, int64_t first, int64_t last,
                 int32_t* to) {
  constexpr int64_t kRowsAhead = 32;
  for (int64_t panel = first; panel < last; ++panel) {
    for (int64_t g = 0; g < groups; ++g) {
      for (int64_t v = 0; v < kPanelVectors; ++v) {
        const int64_t c = panel * kPanelColumns + v * kLanes;
        // Rows lie too far apart for the processor to foresee the next.
        __builtin_prefetch(x + (2 * g + kRowsAhead) * columns + c);
        __builtin_prefetch(x + (2 * g + kRowsAhead + 1) * columns + c);
        const int64_t n = c < columns ? Lanes(columns - c) : 0;
        // Elements of two rows, side by side in one group.
        const I pair = RoundWide(RowOf(x, inputs, columns, 2 * g, c, n)) |
                       (RoundWide(RowOf(x, inputs, columns, 2 * g + 1, c, n)) << 16);
        __builtin_memcpy(to + ((panel - first) * groups + g) * kPanelColumns + v * kLanes, &pair, sizeof pair);
      }
    }
  }
}

#define MultiplyTiles(sums, inputs, weights) _tile_dpbf16ps(sums, inputs, weights)
#include "core/model/simd_tiles.inl"
#undef MultiplyTiles

namespace sliced {
#include "core/model/simd_float_tiles.inl"
}  // namespace sliced
}  // namespace bf16

FINTAG_INLINE __m128i RoundToBytes(F values) {
  // By their masked forms: g++ 12 warns of the others' own undefined registers.
  return _mm512_maskz_cvtsepi32_epi8(0xffff, _mm512_maskz_cvtps_epi32(0xffff, values));
}

namespace int8 {
using Sums = I;
using Element = uint8_t;
constexpr bool kScaled = true;
FINTAG_INLINE I MultiplyAdd(I sums, I inputs, I weights) {
  return reinterpret_cast<I>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sums), reinterpret_cast<__m512i>(inputs),
                                                 reinterpret_cast<__m512i>(weights)));
}
FINTAG_INLINE void Round(F values, Element* to) {
  const __m128i rounded = _mm_xor_si128(RoundToBytes(values), _mm_set1_epi8(-128));  // adds 128
  __builtin_memcpy(to, &rounded, sizeof rounded);
}
#include "core/model/simd_product.inl"
//
#include "core/model/simd_convert.inl"
}  // namespace int8

namespace int8_tiles {
using int8::Finish;
using int8::kPanelVectors;
using int8::Start;
using int8::Sums;
using Element = int8_t;
constexpr bool kScaled = true;
FINTAG_INLINE void Round(F values, Element* to) {
  const __m128i rounded = RoundToBytes(values);
  __builtin_memcpy(to, &rounded, sizeof rounded);
}
#include "core/model/simd_convert.inl"
#define MultiplyTiles(sums, inputs, weights) _tile_dpbssd(sums, inputs, weights)
#include "core/model/simd_tiles.inl"
#undef MultiplyTiles
}  // namespace int8_tiles

const ProductKernels kBFloat16 = {"avx512",          Precision::kBFloat16, 2, 1,   kPanelColumns, 1, 0, bf16::Convert,
                                  bf16::PackColumns, bf16::Product,        0, true};
const ProductKernels kInt8 = {"avx512", Precision::kInt8, 4, 1,   kPanelColumns, 1, 128, int8::Convert,
                              nullptr,  int8::Product,    0, true};
const ProductKernels kFloat32Tiles = {"amx",
                                      Precision::kFloat32,
                                      1,
                                      1,
                                      kPanelColumns,
                                      16,
                                      0,
                                      nullptr,
                                      nullptr,
                                      bf16::sliced::FloatTileProduct,
                                      sizeof(bf16::sliced::FloatTileScratch)};
const ProductKernels kBFloat16Tiles = {
    "amx", Precision::kBFloat16, 2, 16, kPanelColumns, 16, 0, bf16::Convert, bf16::PackColumns, bf16::TileProduct, 0,
    true};
const ProductKernels kInt8Tiles = {"amx",   Precision::kInt8,        4, 16,  kPanelColumns, 16, 0, int8_tiles::Convert,
                                   nullptr, int8_tiles::TileProduct, 0, true};
}  // namespace
}  // namespace avx512_small
#pragma GCC pop_options

#undef FINTAG_ROUNDS

#pragma GCC push_options
#pragma GCC target("avx2,fma")
namespace avx2 {
namespace {
#define FINTAG_VECTOR_BYTES 32
#include "core/model/simd_vector.inl"

constexpr int64_t kPanelColumns = 16;
constexpr int64_t kGroupRows = 6;       // of 2 vectors, beside 2 of weights and one of inputs: 15 registers of 16
constexpr int64_t kGroupsAtOnce = 384;  // of a panel: 24 KB of the first-level cache, while the rows pass by
constexpr int64_t kTogether = 1;
constexpr bool kFetchesAhead = true;
constexpr int kUnrolled = 4;  // more would not fit the registers

namespace fp32 {
using Sums = F;
FINTAG_INLINE F MultiplyAdd(F sums, I inputs, I weights) {
  return sums + reinterpret_cast<F>(inputs) * reinterpret_cast<F>(weights);
}
#include "core/model/simd_product.inl"
}  // namespace fp32

FINTAG_INLINE void RoundToBytes(F values, uint8_t* to) {
  const __m256i wide = _mm256_cvtps_epi32(reinterpret_cast<__m256>(values));
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
  const __m128i rounded = _mm_xor_si128(_mm_packs_epi16(words, words), _mm_set1_epi8(-128));  // adds 128
  __builtin_memcpy(to, &rounded, 8);
}

// The instruction for 8 bits sums two products in 16, and saturates; short_sums leaves room for two such sums. To make
// 32 bits of them costs as much as an instruction for products, so two share it.
namespace int8 {
using Sums = I;
using Element = uint8_t;
constexpr bool kScaled = true;
constexpr int64_t kTogether = 2;
constexpr int64_t kGroupRows = 5;  // of 2 vectors, beside 4 of weights, one of inputs and one of ones
constexpr int kUnrolled = 1;
FINTAG_INLINE I MultiplyAdd(I sums, I inputs, I weights, I next_inputs, I next_weights) {
  const __m256i products = _mm256_maddubs_epi16(reinterpret_cast<__m256i>(inputs), reinterpret_cast<__m256i>(weights));
  const __m256i next =
      _mm256_maddubs_epi16(reinterpret_cast<__m256i>(next_inputs), reinterpret_cast<__m256i>(next_weights));
  return sums + reinterpret_cast<I>(_mm256_madd_epi16(_mm256_add_epi16(products, next), _mm256_set1_epi16(1)));
}
FINTAG_INLINE void Round(F values, Element* to) { RoundToBytes(values, to); }
#include "core/model/simd_product.inl"
//
#include "core/model/simd_convert.inl"
}  // namespace int8

const ProductKernels kFloat32 = {"avx2",  Precision::kFloat32, 1, 1, kPanelColumns, 1, 0, nullptr,
                                 nullptr, fp32::Product};
const ProductKernels kInt8 = {"avx2",  Precision::kInt8, 4, 2,     kPanelColumns, 1, 128, int8::Convert,
                              nullptr, int8::Product,    0, false, true};
}  // namespace
}  // namespace avx2
#pragma GCC pop_options

// Processors without AVX-512 that multiply 8-bit integers all the same.
#pragma GCC push_options
#pragma GCC target("avx2,fma,avxvnni")
namespace avx2_vnni {
namespace {
#include "core/model/simd_vector.inl"
#undef FINTAG_VECTOR_BYTES

using avx2::kFetchesAhead;
using avx2::kGroupRows;
using avx2::kGroupsAtOnce;
using avx2::kPanelColumns;
using avx2::kTogether;
using avx2::kUnrolled;

using Sums = I;
using Element = uint8_t;
constexpr bool kScaled = true;
FINTAG_INLINE I MultiplyAdd(I sums, I inputs, I weights) {
  return reinterpret_cast<I>(_mm256_dpbusd_avx_epi32(reinterpret_cast<__m256i>(sums), reinterpret_cast<__m256i>(inputs),
                                                     reinterpret_cast<__m256i>(weights)));
}
FINTAG_INLINE void Round(F values, Element* to) { avx2::RoundToBytes(values, to); }
#include "core/model/simd_product.inl"
//
#include "core/model/simd_convert.inl"

const ProductKernels kInt8 = {"avxvnni", Precision::kInt8, 4, 1, kPanelColumns, 1, 128, Convert, nullptr, Product};
}  // namespace
}  // namespace avx2_vnni
#pragma GCC pop_options
#endif

namespace generic {
namespace {
#define FINTAG_VECTOR_BYTES 16
#include "core/model/simd_vector.inl"
#undef FINTAG_VECTOR_BYTES

constexpr int64_t kPanelColumns = 16;
constexpr int64_t kGroupRows = 2;
constexpr int64_t kGroupsAtOnce = 384;
constexpr int64_t kTogether = 1;
constexpr bool kFetchesAhead = false;
constexpr int kUnrolled = 1;

namespace fp32 {
using Sums = F;
FINTAG_INLINE F MultiplyAdd(F sums, I inputs, I weights) {
  return sums + reinterpret_cast<F>(inputs) * reinterpret_cast<F>(weights);
}
#include "core/model/simd_product.inl"
}  // namespace fp32

namespace int8 {
using Sums = I;
using Element = int16_t;
constexpr bool kScaled = true;
FINTAG_INLINE I MultiplyAdd(I sums, I inputs, I weights) {
  // The low halves are the even elements, the high halves the odd ones.
  const I even = ((inputs << 16) >> 16) * ((weights << 16) >> 16);
  return sums + even + (inputs >> 16) * (weights >> 16);
}
FINTAG_INLINE void Round(F values, Element* to) {
  for (int64_t i = 0; i < kLanes; ++i) to[i] = static_cast<Element>(__builtin_rintf(values[i]));
}
#include "core/model/simd_product.inl"
//
#include "core/model/simd_convert.inl"
}  // namespace int8

const ProductKernels kFloat32 = {"generic", Precision::kFloat32, 1, 1, kPanelColumns, 1, 0, nullptr,
                                 nullptr,   fp32::Product};
const ProductKernels kInt8 = {"generic", Precision::kInt8, 2, 1, kPanelColumns, 1, 0, int8::Convert,
                              nullptr,   int8::Product};
}  // namespace
}  // namespace generic

namespace {

constexpr const char* kLevels[] = {"amx", "avx512", "avxvnni", "avx2", "generic"};

}  // namespace

const ProductKernels* ProductLevel(Precision precision, const char* level) {
#ifdef FINTAG_X86_LEVELS
  if (std::strcmp(level, "amx") == 0 && HasAvx512() && HasTiles()) {
    const bool rounds = HasAvx512Bf16();
    if (precision == Precision::kFloat32 && rounds) return &avx512_small::kFloat32Tiles;
    if (precision == Precision::kBFloat16 && rounds) return &avx512_small::kBFloat16Tiles;
    if (precision == Precision::kInt8) return &avx512_small::kInt8Tiles;
  }
  if (std::strcmp(level, "avx512") == 0 && HasAvx512()) {
    if (precision == Precision::kFloat32) return &avx512::kFloat32;
    if (precision == Precision::kBFloat16 && HasAvx512Bf16()) return &avx512_small::kBFloat16;
    if (precision == Precision::kInt8 && HasAvx512Vnni()) return &avx512_small::kInt8;
  }
  if (std::strcmp(level, "avxvnni") == 0 && precision == Precision::kInt8 && HasAvxVnni()) return &avx2_vnni::kInt8;
  if (std::strcmp(level, "avx2") == 0 && HasAvx2()) {
    if (precision == Precision::kFloat32) return &avx2::kFloat32;
    if (precision == Precision::kInt8) return &avx2::kInt8;
  }
#endif
  if (std::strcmp(level, "generic") != 0) return nullptr;
  if (precision == Precision::kFloat32) return &generic::kFloat32;
  return precision == Precision::kInt8 ? &generic::kInt8 : nullptr;
}

const ProductKernels* BestProduct(Precision precision) {
  for (const char* level : kLevels) {
    if (const ProductKernels* kernels = ProductLevel(precision, level)) return kernels;
  }
  return nullptr;
}

}  // namespace fintag
