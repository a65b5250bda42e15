// Products with packed weights in vector registers. Included once for each precision of a processor level, after
// simd_vector.inl, with Sums (F or I) and MultiplyAdd(Sums, inputs, weights) defined, and kPanelColumns, kGroupRows,
// kGroupsAtOnce, kTogether, kFetchesAhead and kUnrolled; FINTAG_ROUNDS where results may be rounded by RoundToBFloat16.
// MultiplyAdd takes kTogether groups, 1 or 2.

constexpr int64_t kPanelVectors = kPanelColumns / kLanes;

// What the sums of columns c to c + kLanes begin with.
FINTAG_INLINE void Start(const PackedProduct& product, int64_t c, F& sums) { sums = Load(product.bias + c); }
FINTAG_INLINE void Start(const PackedProduct& product, int64_t c, I& sums) {
  sums = product.start != nullptr ? LoadGroups(product.start + c) : I{};
}

// What becomes of them.
FINTAG_INLINE F Result(const PackedProduct& /*product*/, int64_t /*row*/, int64_t /*c*/, F sums) { return sums; }
FINTAG_INLINE F Result(const PackedProduct& product, int64_t row, int64_t c, I sums) {
  return __builtin_convertvector(sums, F) * product.x_scale[row] * Load(product.weight_scale + c) +
         Load(product.bias + c);
}

// A function of its own, whose constants stay in registers.
__attribute__((noinline)) void GeluEach(F* values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) values[i] = Gelu(values[i]);
}

// Writes `rows` rows of results in one panel.
template <int64_t kMost>
FINTAG_INLINE void Write(const PackedProduct& product, int64_t row, int64_t rows, int64_t panel,
                         const F (&results)[kMost][kPanelVectors]) {
  const int64_t c = panel * kPanelColumns;
  const int64_t width = product.columns - c;  // may be more than the panel's
#ifdef FINTAG_ROUNDS
  if (product.rounded != nullptr) {
    uint16_t* to = product.rounded + row * product.rounded_stride + c;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t v = 0; v < kPanelVectors && v * kLanes < width; ++v) {
        const int64_t n = Lanes(width - v * kLanes);
        _mm256_mask_storeu_epi16(to + v * kLanes, FirstLanes(n), RoundToBFloat16(results[r][v]));
      }
      to += product.rounded_stride;
    }
    return;
  }
#endif
  float* y = product.y + row * product.columns + c;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t v = 0; v < kPanelVectors; ++v) {
      if (width >= kPanelColumns) {
        Store(y + v * kLanes, results[r][v]);
      } else if (width > v * kLanes) {
        Store(y + v * kLanes, results[r][v], Lanes(width - v * kLanes));
      }
    }
    y += product.columns;
  }
}

// Makes results of the sums of `rows` rows in one panel, and writes them.
template <int64_t kMost>
FINTAG_INLINE void Finish(const PackedProduct& product, int64_t row, int64_t rows, int64_t panel,
                          const Sums (&sums)[kMost][kPanelVectors]) {
  F results[kMost][kPanelVectors];
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t v = 0; v < kPanelVectors; ++v) {
      results[r][v] = Result(product, row + r, panel * kPanelColumns + v * kLanes, sums[r][v]);
    }
  }
  if (!product.gelu) return Write(product, row, rows, panel, results);
  // A copy, since these alone need be in memory.
  F expanded[kMost][kPanelVectors];
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t v = 0; v < kPanelVectors; ++v) expanded[r][v] = results[r][v];
  }
  GeluEach(&expanded[0][0], rows * kPanelVectors);
  Write(product, row, rows, panel, expanded);
}

// Groups g to g + kTogether.
template <int64_t kRows>
FINTAG_INLINE void AddGroups(const int32_t* x, int64_t groups, const int32_t* weight, int64_t g,
                             Sums (&sums)[kRows][kPanelVectors]) {
  I columns[kTogether][kPanelVectors];
  for (int64_t i = 0; i < kTogether; ++i) {
    for (int64_t v = 0; v < kPanelVectors; ++v) {
      columns[i][v] = LoadGroups(weight + (g + i) * kPanelColumns + v * kLanes);
    }
  }
  for (int64_t r = 0; r < kRows; ++r) {
    I values[kTogether];
    for (int64_t i = 0; i < kTogether; ++i) values[i] = x[r * groups + g + i] - I{};
    for (int64_t v = 0; v < kPanelVectors; ++v) {
      if constexpr (kTogether == 1) {
        sums[r][v] = MultiplyAdd(sums[r][v], values[0], columns[0][v]);
      } else {
        sums[r][v] = MultiplyAdd(sums[r][v], values[0], columns[0][v], values[1], columns[1][v]);
      }
    }
  }
}

// `kRows` rows of one panel, groups `from` to `to`. The sums stay in registers; between two ranges of groups they wait
// in y, where the panel must be whole then. `first`: no rows before these have met the panel.
template <bool kFromMemory, int64_t kRows>
FINTAG_INLINE void GroupOfPanel(const PackedProduct& product, int64_t row, bool first, int64_t end, int64_t panel,
                                int64_t from, int64_t to) {
  constexpr int64_t kWeightsAhead = int64_t{8} * 1024 / 4;
  const int64_t groups = product.groups;
  const int32_t* x = product.x + row * groups;
  const int32_t* weight = product.weight + panel * groups * kPanelColumns;
  float* y = product.y + row * product.columns + panel * kPanelColumns;
  Sums sums[kRows][kPanelVectors];
  for (int64_t v = 0; v < kPanelVectors; ++v) {
    if (from == 0) {
      Start(product, panel * kPanelColumns + v * kLanes, sums[0][v]);
      for (int64_t r = 1; r < kRows; ++r) sums[r][v] = sums[0][v];
    } else {
      for (int64_t r = 0; r < kRows; ++r) {
        sums[r][v] = reinterpret_cast<Sums>(Load(y + r * product.columns + v * kLanes));
      }
    }
  }
  // The next rows may be fetched ahead: they are too short for the processor to foresee. Not beyond the last one, where
  // another thread may write.
  const bool ahead = kFetchesAhead && row + 2 * kRows <= end;
  int64_t g = from;
  for (; g + 16 <= to; g += 16) {
    if (ahead) {
      for (int64_t r = 0; r < kRows; ++r) __builtin_prefetch(x + (kRows + r) * groups + g);
    }
    // The processor foresees no further than a page, which is too short for a memory that takes a while to answer.
    if (kFromMemory && first) {
      const int32_t* later = weight + g * kPanelColumns + kWeightsAhead;
      for (int64_t i = 0; i < 16 * kPanelColumns; i += 16) __builtin_prefetch(later + i);
    }
#pragma GCC unroll kUnrolled
    for (int64_t i = g; i < g + 16; i += kTogether) AddGroups<kRows>(x, groups, weight, i, sums);
  }
  for (; g < to; g += kTogether) AddGroups<kRows>(x, groups, weight, g, sums);
  if (to == groups) return Finish(product, row, kRows, panel, sums);
  for (int64_t r = 0; r < kRows; ++r) {
    for (int64_t v = 0; v < kPanelVectors; ++v) {
      Store(y + r * product.columns + v * kLanes, reinterpret_cast<F>(sums[r][v]));
    }
  }
}

// Two functions: what fetches ahead costs the other's loop a twentieth where the compiler sees both at once.
template <bool kFromMemory>
__attribute__((noinline)) void ProductFrom(const PackedProduct& product, int64_t begin, int64_t end, int64_t first,
                                           int64_t last) {
  // The rows (256 KB) stay in the second-level cache while the panels pass by.
  constexpr int64_t kRowGroups = int64_t{64} * 1024;
  constexpr int64_t kFewRows = 48;
  const int64_t groups = product.groups;
  const int64_t rows_at_once =
      groups * 2 * kGroupRows > kRowGroups ? 2 * kGroupRows : kRowGroups / groups / kGroupRows * kGroupRows;
  // A few rows read the weights from memory once, in one stream.
  const int64_t most_parts = end - begin <= kFewRows ? 1 : (groups + kGroupsAtOnce - 1) / kGroupsAtOnce;
  const int64_t units = groups / kTogether;
  for (int64_t block = begin; block < end; block += rows_at_once) {
    const int64_t block_end = block + rows_at_once < end ? block + rows_at_once : end;
    for (int64_t panel = first; panel < last; ++panel) {
      const int64_t parts = (panel + 1) * kPanelColumns <= product.columns ? most_parts : 1;
      for (int64_t part = 0; part < parts; ++part) {
        ForGroups<kGroupRows>(
            block, block_end, [&]<int64_t kRows>(int64_t row) __attribute__((always_inline)) {
              GroupOfPanel<kFromMemory, kRows>(product, row, row == block, block_end, panel,
                                               part * units / parts * kTogether,
                                               (part + 1) * units / parts * kTogether);
            });
      }
    }
  }
}

void Product(const PackedProduct& product, int64_t begin, int64_t end, int64_t first, int64_t last) {
  (product.from_memory ? ProductFrom<true> : ProductFrom<false>)(product, begin, end, first, last);
}
