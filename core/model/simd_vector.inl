// Vectors of floats as wide as the processor level has them, by GCC's vector extension. Included once a level, inside
// that level's namespace and target pragma, with FINTAG_VECTOR_BYTES defined.

typedef float F __attribute__((vector_size(FINTAG_VECTOR_BYTES)));
typedef int32_t I __attribute__((vector_size(FINTAG_VECTOR_BYTES)));
typedef uint32_t U __attribute__((vector_size(FINTAG_VECTOR_BYTES)));
typedef F FUnaligned __attribute__((aligned(4), may_alias));

constexpr int64_t kLanes = FINTAG_VECTOR_BYTES / 4;

FINTAG_INLINE F Load(const float* p) { return *reinterpret_cast<const FUnaligned*>(p); }
FINTAG_INLINE I LoadGroups(const int32_t* p) {
  I groups;
  __builtin_memcpy(&groups, p, sizeof groups);
  return groups;
}
FINTAG_INLINE void Store(float* p, F v) { *reinterpret_cast<FUnaligned*>(p) = v; }
FINTAG_INLINE F Broadcast(float x) { return x - F{}; }
FINTAG_INLINE U Broadcast(uint32_t x) { return x - U{}; }
FINTAG_INLINE int64_t Lanes(int64_t left) { return left < kLanes ? left : kLanes; }
#if FINTAG_VECTOR_BYTES == 64
// The mask that takes the first `count` lanes.
FINTAG_INLINE uint16_t FirstLanes(int64_t count) { return static_cast<uint16_t>((1u << count) - 1); }
#endif

template <int64_t kRows, typename Body>
FINTAG_INLINE void ForGroup(int64_t row, int64_t rows, const Body& body) {
  if (rows == kRows) {
    body.template operator()<kRows>(row);
  } else if constexpr (kRows > 1) {
    ForGroup<kRows - 1>(row, rows, body);
  }
}

// Calls body.operator()<n>(row) for groups of n rows, 1 to kMost, that cover begin to end. As few groups as there must
// be, all about as large: one or two rows alone would wait for their sums.
template <int64_t kMost, typename Body>
FINTAG_INLINE void ForGroups(int64_t begin, int64_t end, const Body& body) {
  const int64_t rows = end - begin;
  const int64_t groups = (rows + kMost - 1) / kMost;
  for (int64_t group = 0; group < groups; ++group) {
    const int64_t row = begin + group * rows / groups;
    ForGroup<kMost>(row, begin + (group + 1) * rows / groups - row, body);
  }
}

// The first `count` lanes; the others are 0.
FINTAG_INLINE F Load(const float* p, int64_t count) {
  if (count == kLanes) return Load(p);
  float buffer[kLanes] = {};
  for (int64_t i = 0; i < count; ++i) buffer[i] = p[i];
  return Load(buffer);
}

FINTAG_INLINE void Store(float* p, F v, int64_t count) {
  if (count == kLanes) return Store(p, v);
  float buffer[kLanes];
  Store(buffer, v);
  for (int64_t i = 0; i < count; ++i) p[i] = buffer[i];
}

FINTAG_INLINE I LaneIndex() {
  I index;
  for (int32_t i = 0; i < kLanes; ++i) index[i] = i;
  return index;
}

// `v` in the first `count` lanes, `other` beyond.
FINTAG_INLINE F Head(F v, int64_t count, float other) {
  if (count == kLanes) return v;
  return LaneIndex() < (static_cast<int32_t>(count) - I{}) ? v : Broadcast(other);
}

FINTAG_INLINE F Magnitude(F x) { return reinterpret_cast<F>(reinterpret_cast<I>(x) & 0x7fffffff); }
FINTAG_INLINE F Maximum(F a, F b) { return a > b ? a : b; }
FINTAG_INLINE F Minimum(F a, F b) { return a < b ? a : b; }

// Lane i has what lane i + by had, around the end.
FINTAG_INLINE F Rotated(F v, int32_t by) {
#if FINTAG_VECTOR_BYTES == 16
  F rotated;
  for (int64_t i = 0; i < kLanes; ++i) rotated[i] = v[(i + by) % kLanes];
  return rotated;
#else
  return __builtin_shuffle(v, LaneIndex() + by);
#endif
}

// Over all lanes, in a fixed tree: lane i with lane i + kLanes / 2, and so on.
FINTAG_INLINE float Sum(F v) {
#pragma GCC unroll 4
  for (int32_t width = kLanes / 2; width > 0; width /= 2) v += Rotated(v, width);
  return v[0];
}
FINTAG_INLINE float Maximum(F v) {
#pragma GCC unroll 4
  for (int32_t width = kLanes / 2; width > 0; width /= 2) v = Maximum(v, Rotated(v, width));
  return v[0];
}

// Lane i of the result: the largest of rows[i]'s lanes, or their sum. The rows are lost.
template <bool kLargest>
FINTAG_INLINE F ReduceRows(F (&rows)[kLanes]) {
#if FINTAG_VECTOR_BYTES == 16
  F result;
  for (int64_t i = 0; i < kLanes; ++i) result[i] = kLargest ? Maximum(rows[i]) : Sum(rows[i]);
  return result;
#else
  // Each round halves what a row still takes up, and two rows' halves go into one vector.
  I low;
  I high;
#pragma GCC unroll 4
  for (int32_t width = kLanes / 2; width > 0; width /= 2) {
    for (int32_t i = 0; i < kLanes; ++i) {
      const int32_t lane = i % (kLanes / 2) / width * 2 * width + i % width;
      low[i] = lane + (i < kLanes / 2 ? 0 : static_cast<int32_t>(kLanes));
      high[i] = low[i] + width;
    }
    for (int64_t i = 0; i < width; ++i) {
      const F a = __builtin_shuffle(rows[2 * i], rows[2 * i + 1], low);
      const F b = __builtin_shuffle(rows[2 * i], rows[2 * i + 1], high);
      rows[i] = kLargest ? Maximum(a, b) : a + b;
    }
  }
  return rows[0];
#endif
}

constexpr float kLog2E = 1.44269504088896341f;

// e^x to 2 units in the last place (Cephes' expf); 0 below -87.
FINTAG_INLINE F Exp(F x) {
  const F limited = Minimum(Maximum(x, Broadcast(-87.0f)), Broadcast(88.0f));
  const F shifted = limited * kLog2E + 12582912.0f;  // rounds: the mantissa's low bits are the integer
  const F n = shifted - 12582912.0f;
  F r = limited - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  F p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const I exponent = (reinterpret_cast<I>(shifted) + (127 - 0x4b400000)) << 23;
  return x < Broadcast(-87.0f) ? F{} : p * reinterpret_cast<F>(exponent);
}

// 2^x for x up to 0, its relative error up to 1e-7 for each unit of x; 0 below -126.5. The polynomial is the one whose
// largest relative error on -0.5 to 0.5 is the least.
FINTAG_INLINE F Exp2(F x) {
  const F limited = Maximum(Broadcast(-127.0f), x);  // in this order what is not a number stays so
  const F shifted = limited + 12582912.0f;           // rounds, as in Exp
  const F t = limited - (shifted - 12582912.0f);
  F p = t * 1.3276472e-3f + 9.6755419e-3f;
  p = p * t + 5.5507131e-2f;
  p = p * t + 2.4022120e-1f;
  p = p * t + 6.9314694e-1f;
  p = p * t + 1.0000001f;
  // At -127 all its bits are 0.
  const I exponent = (reinterpret_cast<I>(shifted) + (127 - 0x4b400000)) << 23;
  return p * reinterpret_cast<F>(exponent);
}

// The normal distribution's cumulative function, its error below 1.5e-7 (Abramowitz and Stegun 7.1.26), and e^(-x^2/2)
// that it needs on the way.
FINTAG_INLINE F NormalCdf(F x, F* gauss) {
  const F z = Magnitude(x) * 0.70710678118654752f;
  const F t = 1.0f / (1.0f + 0.3275911f * z);
  *gauss = Exp(-z * z);
  F p = 1.061405429f * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  const F upper = 0.5f * p * t * *gauss;
  return x < F{} ? upper : 1.0f - upper;
}

// The table's values at `index`, taken modulo 16.
FINTAG_INLINE F LookUp(const float* table, I index) {
#if FINTAG_VECTOR_BYTES == 64
  return __builtin_shuffle(Load(table), index);
#elif FINTAG_VECTOR_BYTES == 32
  return __builtin_shuffle(Load(table), Load(table + 8), index);
#else
  F values;
  for (int64_t i = 0; i < kLanes; ++i) values[i] = table[index[i] & 15];
  return values;
#endif
}

// x * Phi(x) to 1e-6, Phi as in NormalCdf.
FINTAG_INLINE F Gelu(F x) {
  const F magnitude = Minimum(Magnitude(x), Broadcast(GeluTable::kLimit));
  const F place = magnitude * GeluTable::kWidthsAUnit - 0.5f;
  const F shifted = place + 12582912.0f;  // rounds, as in Exp
  const F t = place - (shifted - 12582912.0f);
  const I interval = reinterpret_cast<I>(shifted);
  F tail = LookUp(kGeluTable.coefficient[GeluTable::kDegree], interval);
  for (int64_t k = GeluTable::kDegree - 1; k >= 0; --k) {
    tail = tail * t + LookUp(kGeluTable.coefficient[k], interval);
  }
  return Maximum(F{}, x) - magnitude * tail;  // in this order what is not a number stays so
}
