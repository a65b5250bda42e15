// Quantisation and the product of 8-bit matrices. Included once a processor level, after simd_vector.inl and the
// level's own MultiplyAddPairs, ToFloats and StoreRounded.

FINTAG_INLINE I LoadPairs(const int16_t* p) {
  I pairs;
  __builtin_memcpy(&pairs, p, sizeof pairs);
  return pairs;
}

FINTAG_INLINE I BroadcastPair(const int16_t* p) {
  int32_t pair;
  __builtin_memcpy(&pair, p, sizeof pair);
  return pair - I{};
}

void Quantize(const float* x, int64_t columns, int64_t begin, int64_t end, int64_t pairs, int16_t* q, float* scale) {
  for (int64_t row = begin; row < end; ++row) {
    const float* from = x + row * columns;
    int16_t* to = q + row * 2 * pairs;
    F largest = {};
    for (int64_t c = 0; c < columns; c += kLanes) {
      const F value = Load(from + c, Lanes(columns - c));
      largest = Maximum(largest, Maximum(value, -value));
    }
    const float magnitude = Maximum(largest);
    scale[row] = magnitude / 127.0f;
    const float inverse = magnitude > 0 ? 127.0f / magnitude : 0.0f;
    int64_t c = 0;
    for (; c + kLanes <= columns; c += kLanes) StoreRounded(to + c, Load(from + c) * inverse);
    for (; c < 2 * pairs; ++c) to[c] = c < columns ? static_cast<int16_t>(__builtin_rintf(from[c] * inverse)) : 0;
  }
}

constexpr int64_t kPanelVectors = kInt8PanelColumns / kLanes;

template <int64_t kRows>
FINTAG_INLINE void AddPairs(const int16_t* x, int64_t pairs, const int16_t* weight, int64_t p,
                            I (&sums)[kRows][kPanelVectors]) {
  I columns[kPanelVectors];
  for (int64_t v = 0; v < kPanelVectors; ++v) {
    columns[v] = LoadPairs(weight + p * 2 * kInt8PanelColumns + v * 2 * kLanes);
  }
  for (int64_t r = 0; r < kRows; ++r) {
    const I pair = BroadcastPair(x + r * 2 * pairs + 2 * p);
    for (int64_t v = 0; v < kPanelVectors; ++v) sums[r][v] += MultiplyAddPairs(pair, columns[v]);
  }
}

// `kRows` rows of one panel. The sums stay in registers: 6 rows of 2 vectors beside what they are made of.
template <int64_t kRows>
FINTAG_INLINE void GroupOfPanel(const Int8Product& product, int64_t row, int64_t end, int64_t panel) {
  const int64_t pairs = product.pairs;
  const int16_t* x = product.x + row * 2 * pairs;
  const int16_t* weight = product.weight + panel * pairs * 2 * kInt8PanelColumns;
  I sums[kRows][kPanelVectors] = {};
  int64_t p = 0;
  for (; p + 16 <= pairs; p += 16) {
    // The next group's rows, as in simd_float.inl.
    for (int64_t r = 0; r < kRows; ++r) {
      if (row + kRows + r < end) __builtin_prefetch(x + (kRows + r) * 2 * pairs + 2 * p);
    }
    for (int64_t i = p; i < p + 16; ++i) AddPairs<kRows>(x, pairs, weight, i, sums);
  }
  for (; p < pairs; ++p) AddPairs<kRows>(x, pairs, weight, p, sums);
  for (int64_t r = 0; r < kRows; ++r) {
    float* y = product.y + (row + r) * product.columns;
    for (int64_t v = 0; v < kPanelVectors; ++v) {
      const int64_t c = panel * kInt8PanelColumns + v * kLanes;
      if (c >= product.columns) break;
      const int64_t n = Lanes(product.columns - c);
      F value = ToFloats(sums[r][v]) * product.x_scale[row + r] * Load(product.weight_scale + c, n) +
                Load(product.bias + c, n);
      if (product.gelu) {
        F gauss;
        value *= NormalCdf(value, &gauss);
      }
      Store(y + c, value, n);
    }
  }
}

void Product(const Int8Product& product, int64_t begin, int64_t end, int64_t first, int64_t last) {
  // So many rows of x (192 KB) stay in the second-level cache while the panels pass by.
  constexpr int64_t kRowNumbers = 96 * 1024;
  const int64_t numbers = 2 * product.pairs;
  const int64_t rows_at_once = numbers * 12 > kRowNumbers ? 12 : kRowNumbers / numbers / 6 * 6;
  for (int64_t block = begin; block < end; block += rows_at_once) {
    const int64_t block_end = block + rows_at_once < end ? block + rows_at_once : end;
    for (int64_t panel = first; panel < last; ++panel) {
      ForGroups(
          block, block_end, [&]<int64_t kRows>(int64_t row) __attribute__((always_inline)) {
            GroupOfPanel<kRows>(product, row, block_end, panel);
          });
    }
  }
}
