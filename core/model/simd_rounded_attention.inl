// Attention of one head of one sequence, every factor rounded to bfloat16. Included after simd_transpose.inl, where
// there are instructions for it. Two neighbours in the inner dimension are one group of 32 bits, as in
// product_kernels.h.

constexpr int64_t kRowsAtOnce = 12;  // of 2 vectors, beside 2 of b and a group of a: 27 registers of 32

// Row-major c[m, n] = factor[i] * a[m, k] b[k, n], k in groups; rows of b go on to a whole vector.
struct GroupProduct {
  const int32_t* a;
  int64_t a_row;
  const int32_t* b;
  int64_t b_stride;
  float* c;
  int64_t c_stride;
  int64_t m;
  int64_t n;
  int64_t k;
  const float* factor;  // [m], or null: 1
};

template <int64_t kRows, int kVectors>
FINTAG_INLINE void GroupTile(const GroupProduct& product, int64_t i, int64_t j) {
  F sum[kRows][kVectors];
  for (int64_t r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) sum[r][v] = F{};
  }
  const int32_t* a = product.a + i * product.a_row;
  const int32_t* b = product.b + j;
  for (int64_t p = 0; p < product.k; ++p) {
    __m512bh row[kVectors];
    for (int v = 0; v < kVectors; ++v) row[v] = reinterpret_cast<__m512bh>(LoadGroups(b + v * kLanes));
    for (int64_t r = 0; r < kRows; ++r) {
      int32_t group;
      __builtin_memcpy(&group, a + r * product.a_row + p, sizeof group);
      const I pair = group - I{};
      for (int v = 0; v < kVectors; ++v) {
        sum[r][v] = _mm512_dpbf16_ps(sum[r][v], reinterpret_cast<__m512bh>(pair), row[v]);
      }
    }
    b += product.b_stride;
  }
  if (product.factor != nullptr) {
    for (int64_t r = 0; r < kRows; ++r) {
      for (int v = 0; v < kVectors; ++v) sum[r][v] *= product.factor[i + r];
    }
  }
  float* c = product.c + i * product.c_stride + j;
  const __mmask16 last = FirstLanes(Lanes(product.n - j - (kVectors - 1) * kLanes));
  for (int64_t r = 0; r < kRows; ++r) {
    for (int v = 0; v + 1 < kVectors; ++v) Store(c + v * kLanes, sum[r][v]);
    _mm512_mask_storeu_ps(c + (kVectors - 1) * kLanes, last, sum[r][kVectors - 1]);
    c += product.c_stride;
  }
}

void MultiplyGroups(const GroupProduct& product) {
  int64_t j = 0;
  const auto columns = [&]<int kVectors>() __attribute__((always_inline)) {
    ForGroups<kRowsAtOnce>(
        0, product.m, [&]<int64_t kRows>(int64_t i) __attribute__((always_inline)) {
          GroupTile<kRows, kVectors>(product, i, j);
        });
  };
  for (; j + kLanes < product.n; j += 2 * kLanes) columns.template operator()<2>();
  if (j < product.n) columns.template operator()<1>();
}

// to[groups, padded]: the keys' groups turned about. What lies beyond the sequence repeats its last key.
FINTAG_INLINE void PackKeys(const RoundedAttentionHead& head, int64_t padded, int32_t* to) {
  const int64_t groups = head.head_size / 2;
  for (int64_t g = 0; g < groups; g += kLanes) {
    const __mmask16 some = FirstLanes(Lanes(groups - g));
    for (int64_t j = 0; j < padded; j += kLanes) {
      F rows[kLanes];
      for (int64_t i = 0; i < kLanes; ++i) {
        const int64_t row = j + i < head.length ? j + i : head.length - 1;
        rows[i] = reinterpret_cast<F>(_mm512_maskz_loadu_epi32(some, head.k + row * head.stride + 2 * g));
      }
      TransposeRows(rows, reinterpret_cast<float*>(to) + g * padded + j, padded);
    }
  }
}

FINTAG_INLINE I Widened(const uint16_t* from, __mmask16 some) {
  return reinterpret_cast<I>(_mm512_maskz_cvtepu16_epi32(0xffff, _mm256_maskz_loadu_epi16(some, from)));
}

// to[(length + 1) / 2, columns]: two rows of values side by side in a group.
FINTAG_INLINE void PackValues(const RoundedAttentionHead& head, int64_t columns, int32_t* to) {
  for (int64_t j = 0; j < head.length; j += 2) {
    const uint16_t* row = head.v + j * head.stride;
    const uint16_t* next = j + 1 < head.length ? row + head.stride : row;
    for (int64_t c = 0; c < columns; c += kLanes) {
      const __mmask16 some = FirstLanes(Lanes(head.head_size - c));
      const I pair = Widened(row + c, some) | (Widened(next + c, some) << 16);
      __builtin_memcpy(to + j / 2 * columns + c, &pair, sizeof pair);
    }
  }
}

// 2^x for x up to 0 to 8e-5, a fifth of what rounding to bfloat16 takes.
FINTAG_INLINE F RoughExp2(F x) {
  // By their masked forms: g++ 12 warns of the others' own undefined registers.
  const F n = _mm512_maskz_roundscale_ps(0xffff, x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const F t = x - n;
  F p = t * 5.5171669e-2f + 2.4261114e-1f;
  p = p * t + 6.9326097e-1f;
  p = p * t + 9.9992806e-1f;
  return _mm512_maskz_scalef_ps(0xffff, p, n);
}

// `count` rows of scores, up to kLanes, to their probabilities times their sums, rounded, in place; zeros on to a whole
// vector. Lane i of the result: the inverse of row i's sum.
FINTAG_INLINE F RoundedSoftmax(float* scores, int64_t stride, int64_t count, int64_t length, float scale2) {
  const int64_t whole = length / kLanes * kLanes;
  const int64_t left = length - whole;
  F lanes[kLanes] = {};
  for (int64_t i = 0; i < count; ++i) {
    const float* row = scores + i * stride;
    F largest = left > 0 ? Head(Load(row + whole), left, -3.0e38f) : Broadcast(-3.0e38f);
    for (int64_t j = 0; j < whole; j += kLanes) largest = Maximum(largest, Load(row + j));
    lanes[i] = largest;
  }
  float maximum[kLanes];
  Store(maximum, ReduceRows<true>(lanes) * scale2);
  for (int64_t i = 0; i < count; ++i) {
    float* row = scores + i * stride;
    F sum = {};
    const auto round = [&](int64_t j, F p) __attribute__((always_inline)) {
      const __m256bh rounded = _mm512_cvtneps_pbh(p);
      __builtin_memcpy(reinterpret_cast<uint16_t*>(row) + j, &rounded, sizeof rounded);
      sum += p;
    };
    for (int64_t j = 0; j < whole; j += kLanes) round(j, RoughExp2(Load(row + j) * scale2 - maximum[i]));
    if (left > 0) round(whole, Head(RoughExp2(Load(row + whole) * scale2 - maximum[i]), left, 0));
    lanes[i] = sum;
  }
  return 1.0f / ReduceRows<false>(lanes);
}

void RoundedAttentionForward(const RoundedAttentionHead& head) {
  const int64_t length = head.length;
  const int64_t padded = (length + kLanes - 1) / kLanes * kLanes;
  const int64_t columns = (head.head_size + kLanes - 1) / kLanes * kLanes;
  const float scale2 = head.scale * kLog2E;
  auto* keys = reinterpret_cast<int32_t*>(head.scratch);
  int32_t* values = keys + columns * padded;
  float* scores = reinterpret_cast<float*>(values + padded * columns);
  PackKeys(head, padded, keys);
  PackValues(head, columns, values);
  for (int64_t first = 0; first < length; first += AttentionRowBlock()) {
    const int64_t rows = length - first < AttentionRowBlock() ? length - first : AttentionRowBlock();
    static_assert(AttentionRowBlock() % kLanes == 0);
    float inverse[AttentionRowBlock()];
    const auto* q = reinterpret_cast<const int32_t*>(head.q + first * head.stride);
    MultiplyGroups({q, head.stride / 2, keys, padded, scores, padded, rows, padded, head.head_size / 2, nullptr});
    for (int64_t i = 0; i < rows; i += kLanes) {
      Store(inverse + i, RoundedSoftmax(scores + i * padded, padded, Lanes(rows - i), length, scale2));
    }
    MultiplyGroups({reinterpret_cast<const int32_t*>(scores), padded, values, columns,
                    head.out + first * head.out_stride, head.out_stride, rows, head.head_size, (length + 1) / 2,
                    inverse});
  }
}
