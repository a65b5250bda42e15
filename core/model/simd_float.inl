// The product of float32 matrices with packed weights. Included once a processor level, after simd_vector.inl.

constexpr int64_t kPanelVectors = kFloatPanelColumns / kLanes;

template <int64_t kRows>
FINTAG_INLINE void AddProducts(const float* x, int64_t in, const float* weight, int64_t i,
                               F (&sums)[kRows][kPanelVectors]) {
  F columns[kPanelVectors];
  for (int64_t v = 0; v < kPanelVectors; ++v) columns[v] = Load(weight + i * kFloatPanelColumns + v * kLanes);
  for (int64_t r = 0; r < kRows; ++r) {
    const F value = Broadcast(x[r * in + i]);
    for (int64_t v = 0; v < kPanelVectors; ++v) sums[r][v] += value * columns[v];
  }
}

// `kRows` rows of one panel, inputs `from` to `to`. The sums stay in registers: 6 rows of 2 vectors, beside 2 vectors
// of weights and one of inputs. Between two ranges of inputs they wait in y.
template <int64_t kRows>
FINTAG_INLINE void GroupOfPanel(const FloatProduct& product, int64_t row, int64_t end, int64_t panel, int64_t from,
                                int64_t to) {
  const int64_t in = product.in;
  const float* x = product.x + row * in;
  const float* weight = product.weight + panel * in * kFloatPanelColumns;
  float* y = product.y + row * product.columns + panel * kFloatPanelColumns;
  const int64_t width = product.columns - panel * kFloatPanelColumns;  // may be more than the panel's
  const bool whole = width >= kFloatPanelColumns;
  F sums[kRows][kPanelVectors];
  for (int64_t r = 0; r < kRows; ++r) {
    for (int64_t v = 0; v < kPanelVectors; ++v) {
      const float* begin = from > 0 ? y + r * product.columns : product.bias + panel * kFloatPanelColumns;
      if (whole) {
        sums[r][v] = Load(begin + v * kLanes);
      } else {
        const int64_t n = width - v * kLanes;
        sums[r][v] = n > 0 ? Load(begin + v * kLanes, Lanes(n)) : F{};
      }
    }
  }
  int64_t i = from;
  for (; i + 16 <= to; i += 16) {
    // The next group's rows: they are too short for the processor to foresee. Not beyond the last one, where another
    // thread may write.
    for (int64_t r = 0; r < kRows; ++r) {
      if (row + kRows + r < end) __builtin_prefetch(x + (kRows + r) * in + i);
    }
    for (int64_t j = i; j < i + 16; ++j) AddProducts<kRows>(x, in, weight, j, sums);
  }
  for (; i < to; ++i) AddProducts<kRows>(x, in, weight, i, sums);
  const bool gelu = product.gelu && to == in;
  for (int64_t r = 0; r < kRows; ++r) {
    for (int64_t v = 0; v < kPanelVectors; ++v) {
      const int64_t n = width - v * kLanes;
      if (n <= 0) break;
      F gauss;
      const F sum = gelu ? sums[r][v] * NormalCdf(sums[r][v], &gauss) : sums[r][v];
      Store(y + r * product.columns + v * kLanes, sum, Lanes(n));
    }
  }
}

void Product(const FloatProduct& product, int64_t begin, int64_t end, int64_t first, int64_t last) {
  // A panel's part (16 KB) stays in the first-level cache while the rows pass by, the rows (256 KB) in the second-level
  // one while the panels do.
  constexpr int64_t kInputsAtOnce = 384;
  constexpr int64_t kRowFloats = 64 * 1024;
  constexpr int64_t kFewRows = 48;
  const int64_t in = product.in;
  const int64_t rows_at_once = in * 12 > kRowFloats ? 12 : kRowFloats / in / 6 * 6;
  // A few rows read the weights from memory once, in one stream.
  const int64_t parts = end - begin <= kFewRows ? 1 : (in + kInputsAtOnce - 1) / kInputsAtOnce;
  for (int64_t block = begin; block < end; block += rows_at_once) {
    const int64_t block_end = block + rows_at_once < end ? block + rows_at_once : end;
    for (int64_t panel = first; panel < last; ++panel) {
      for (int64_t part = 0; part < parts; ++part) {
        ForGroups(
            block, block_end, [&]<int64_t kRows>(int64_t row) __attribute__((always_inline)) {
              GroupOfPanel<kRows>(product, row, block_end, panel, part * in / parts, (part + 1) * in / parts);
            });
      }
    }
  }
}
