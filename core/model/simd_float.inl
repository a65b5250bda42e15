// The product of float32 matrices with packed weights. Included once a processor level, after simd_vector.inl.

constexpr int64_t kPanelVectors = kFloatPanelColumns / kLanes;

// `kRows` rows of one panel, inputs `from` to `to`. The sums stay in registers: 6 rows of 2 vectors, beside 2 vectors
// of weights and one of inputs. Between two ranges of inputs they wait in y.
template <int64_t kRows>
FINTAG_INLINE void RowsOfPanel(const FloatProduct& product, int64_t row, int64_t panel, int64_t from, int64_t to) {
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
  for (int64_t i = from; i < to; ++i) {
    F columns[kPanelVectors];
    for (int64_t v = 0; v < kPanelVectors; ++v) columns[v] = Load(weight + i * kFloatPanelColumns + v * kLanes);
    for (int64_t r = 0; r < kRows; ++r) {
      const F value = Broadcast(x[r * in + i]);
      for (int64_t v = 0; v < kPanelVectors; ++v) sums[r][v] += value * columns[v];
    }
  }
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

// As few groups of at most 6 rows as there must be, all about as large: one or two rows alone would wait for their
// sums.
FINTAG_INLINE void RowsOfPanel(const FloatProduct& product, int64_t begin, int64_t end, int64_t panel, int64_t from,
                               int64_t to) {
  const int64_t rows = end - begin;
  const int64_t groups = (rows + 5) / 6;
  for (int64_t group = 0; group < groups; ++group) {
    const int64_t row = begin + group * rows / groups;
    switch (begin + (group + 1) * rows / groups - row) {
      case 6:
        RowsOfPanel<6>(product, row, panel, from, to);
        break;
      case 5:
        RowsOfPanel<5>(product, row, panel, from, to);
        break;
      case 4:
        RowsOfPanel<4>(product, row, panel, from, to);
        break;
      case 3:
        RowsOfPanel<3>(product, row, panel, from, to);
        break;
      case 2:
        RowsOfPanel<2>(product, row, panel, from, to);
        break;
      default:
        RowsOfPanel<1>(product, row, panel, from, to);
    }
  }
}

void Product(const FloatProduct& product, int64_t begin, int64_t end, int64_t first, int64_t last) {
  // A panel's part stays in the first-level cache while the rows pass by (16 KB), the rows' part in the second-level
  // one while the panels do (144 KB).
  constexpr int64_t kInputsAtOnce = 256;
  constexpr int64_t kRowsAtOnce = 144;
  const int64_t parts = (product.in + kInputsAtOnce - 1) / kInputsAtOnce;
  for (int64_t block = begin; block < end; block += kRowsAtOnce) {
    const int64_t block_end = block + kRowsAtOnce < end ? block + kRowsAtOnce : end;
    for (int64_t part = 0; part < parts; ++part) {
      const int64_t from = part * product.in / parts;
      const int64_t to = (part + 1) * product.in / parts;
      for (int64_t panel = first; panel < last; ++panel) RowsOfPanel(product, block, block_end, panel, from, to);
    }
  }
}
