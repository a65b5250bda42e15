// float32's products in AMX tiles of bfloat16: every number is the sum of three numbers of 8 bits, its slices, and of
// the nine products of two numbers' slices the six largest are added up, those of more than 2^-24 of the whole (Henry,
// Tang and Heinecke 2019, arXiv:1904.06376). A sum differs from the exact one by less than the other levels' do.
// Included once, after simd_product.inl and simd_tiles.inl.

constexpr int64_t kSlices = 3;
constexpr int64_t kStepInputs = 32;  // of one tile: 16 pairs
constexpr int64_t kTileBytes = 1024;
// The slices of so many inputs of a panel (12 KB) stay in the first-level cache while the rows pass by.
constexpr int64_t kPartInputs = 64;
// The slices of so many rows and inputs (1.1 MB) and the rows' sums in a panel stay in the second-level one.
constexpr int64_t kMostRows = 512;
constexpr int64_t kMostInputs = 384;

struct FloatTileScratch {
  alignas(64) uint8_t rows[kMostRows * kMostInputs * kSlices * 2];      // tiles: [rows / 16][steps][slices]
  alignas(64) uint8_t part[kPartInputs * kPanelColumns * kSlices * 2];  // tiles: [steps][slices][2]
  alignas(64) float sums[kMostRows][kPanelColumns];
  alignas(64) float kept[kMostRows][kPanelColumns];  // from one range of inputs to the next, where y has no room
};

// The upper halves of even's and odd's elements, side by side.
FINTAG_INLINE I UpperHalves(I even, I odd) {
  const U upper = Broadcast(uint32_t{0xffff0000});
  return reinterpret_cast<I>((reinterpret_cast<U>(odd) & upper) | (reinterpret_cast<U>(even) >> 16));
}
FINTAG_INLINE F LowerBits(F value) {
  const U upper = Broadcast(uint32_t{0xffff0000});
  return value - reinterpret_cast<F>(reinterpret_cast<U>(value) & upper);
}

FINTAG_INLINE void StoreTileRow(uint8_t* to, I row) { __builtin_memcpy(to, &row, sizeof row); }

// Of `inputs` rows of kPanelColumns weights each: slices cut off, exact.
FINTAG_INLINE void SliceWeights(const float* weight, int64_t inputs, uint8_t* to) {
  for (int64_t i = 0; i < inputs; i += 2) {
    uint8_t* row = to + i / kStepInputs * kSlices * kPanelVectors * kTileBytes + i % kStepInputs / 2 * 64;
    for (int64_t v = 0; v < kPanelVectors; ++v) {
      F even = Load(weight + i * kPanelColumns + v * kLanes);
      F odd = i + 1 < inputs ? Load(weight + (i + 1) * kPanelColumns + v * kLanes) : F{};
      for (int64_t slice = 0; slice < kSlices; ++slice) {
        StoreTileRow(row + (slice * kPanelVectors + v) * kTileBytes,
                     UpperHalves(reinterpret_cast<I>(even), reinterpret_cast<I>(odd)));
        even = LowerBits(even);
        odd = LowerBits(odd);
      }
    }
  }
  for (int64_t i = (inputs + 1) / 2 * 2; i % kStepInputs != 0; i += 2) {
    uint8_t* row = to + i / kStepInputs * kSlices * kPanelVectors * kTileBytes + i % kStepInputs / 2 * 64;
    for (int64_t tile = 0; tile < kSlices * kPanelVectors; ++tile) StoreTileRow(row + tile * kTileBytes, I{});
  }
}

// Of `rows` rows of `inputs` numbers, `stride` apart: slices rounded, so that what is left out has either sign.
FINTAG_INLINE void SliceRows(const float* x, int64_t stride, int64_t rows, int64_t inputs, uint8_t* to) {
  const int64_t steps = (inputs + kStepInputs - 1) / kStepInputs;
  for (int64_t r = 0; r < rows; ++r) {
    const float* from = x + r * stride;
    uint8_t* row = to + r / kTileRows * steps * kSlices * kTileBytes + r % kTileRows * 64;
    for (int64_t i = 0; i < inputs; i += kStepInputs, row += kSlices * kTileBytes) {
      const int64_t left = inputs - i;
      F low = Load(from + i, Lanes(left));
      F high = left > kLanes ? Load(from + i + kLanes, Lanes(left - kLanes)) : F{};
      for (int64_t slice = 0; slice < kSlices; ++slice) {
        const I rounded = reinterpret_cast<I>(_mm512_cvtne2ps_pbh(high, low));
        StoreTileRow(row + slice * kTileBytes, rounded);
        __m256i halves[2];
        __builtin_memcpy(halves, &rounded, sizeof rounded);
        low -= reinterpret_cast<F>(reinterpret_cast<I>(_mm512_maskz_cvtepu16_epi32(0xffff, halves[0])) << 16);
        high -= reinterpret_cast<F>(reinterpret_cast<I>(_mm512_maskz_cvtepu16_epi32(0xffff, halves[1])) << 16);
      }
    }
  }
}

template <int64_t kRowTiles>
FINTAG_INLINE void LoadRowTiles(const uint8_t* x, int64_t tile_row_bytes, int64_t slice) {
  _tile_loadd(4, x + slice * kTileBytes, 64);
  if (kRowTiles > 1) _tile_loadd(5, x + tile_row_bytes + slice * kTileBytes, 64);
}
FINTAG_INLINE void LoadWeightTiles(const uint8_t* part, int64_t slice) {
  _tile_loadd(6, part + slice * 2 * kTileBytes, 64);
  _tile_loadd(7, part + (slice * 2 + 1) * kTileBytes, 64);
}
template <int64_t kRowTiles>
FINTAG_INLINE void MultiplySlices() {
  _tile_dpbf16ps(0, 4, 6);
  _tile_dpbf16ps(1, 4, 7);
  if (kRowTiles > 1) {
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
}

// With few rows the weights come from memory no faster than they are multiplied: 32 rows fetch half a part ahead.
constexpr int64_t kFetchedAhead = kPartInputs * kPanelColumns / 4;  // of a step
FINTAG_INLINE void FetchAhead(const float* weight) {
#pragma GCC unroll 32
  for (int64_t i = 0; i < kFetchedAhead / 2; i += 16) __builtin_prefetch(weight + i, 0, 2);
}

// sums += up to kRowTiles * 16 rows times the part. Small products first. `ahead`: weights to fetch meanwhile, or null.
template <int64_t kRowTiles>
FINTAG_INLINE void AddPart(const uint8_t* x, int64_t tile_row_bytes, const uint8_t* part, int64_t steps, bool first,
                           const float* ahead, float* sums) {
  constexpr int64_t kPanelBytes = kPanelColumns * sizeof(float);
  float* below = sums + kTileRows * kPanelColumns;
  if (first) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, sums, kPanelBytes);
    _tile_loadd(1, sums + kLanes, kPanelBytes);
    if (kRowTiles > 1) {
      _tile_loadd(2, below, kPanelBytes);
      _tile_loadd(3, below + kLanes, kPanelBytes);
    }
  }
  for (int64_t step = 0; step < steps; ++step) {
    LoadRowTiles<kRowTiles>(x, tile_row_bytes, 0);
    LoadWeightTiles(part, 2);
    MultiplySlices<kRowTiles>();
    if (ahead != nullptr) FetchAhead(ahead + step * kFetchedAhead);
    LoadWeightTiles(part, 1);
    MultiplySlices<kRowTiles>();
    LoadRowTiles<kRowTiles>(x, tile_row_bytes, 1);
    MultiplySlices<kRowTiles>();
    LoadWeightTiles(part, 0);
    MultiplySlices<kRowTiles>();
    if (ahead != nullptr) FetchAhead(ahead + step * kFetchedAhead + kFetchedAhead / 2);
    LoadRowTiles<kRowTiles>(x, tile_row_bytes, 2);
    MultiplySlices<kRowTiles>();
    LoadRowTiles<kRowTiles>(x, tile_row_bytes, 0);
    MultiplySlices<kRowTiles>();
    x += kSlices * kTileBytes;
    part += kSlices * 2 * kTileBytes;
  }
  _tile_stored(0, sums, kPanelBytes);
  _tile_stored(1, sums + kLanes, kPanelBytes);
  if (kRowTiles > 1) {
    _tile_stored(2, below, kPanelBytes);
    _tile_stored(3, below + kLanes, kPanelBytes);
  }
}

// scratch.sums += the sliced rows times inputs `from` to `to` of a panel.
FINTAG_INLINE void AddInputs(const PackedProduct& product, FloatTileScratch& scratch, int64_t rows, int64_t panel,
                             int64_t from, int64_t to) {
  const int64_t tile_row_bytes = (to - from + kStepInputs - 1) / kStepInputs * kSlices * kTileBytes;
  const float* weight = reinterpret_cast<const float*>(product.weight) + panel * product.groups * kPanelColumns;
  for (int64_t i = from; i < to; i += kPartInputs) {
    const int64_t inputs = to - i < kPartInputs ? to - i : kPartInputs;
    const int64_t steps = (inputs + kStepInputs - 1) / kStepInputs;
    SliceWeights(weight + i * kPanelColumns, inputs, scratch.part);
    const uint8_t* x = scratch.rows + (i - from) / kStepInputs * kSlices * kTileBytes;
    for (int64_t row = 0; row < rows; row += 2 * kTileRows, x += 2 * tile_row_bytes) {
      const float* ahead = weight + (i + kPartInputs) * kPanelColumns + row / kTileRows * kFetchedAhead;
      if (row >= 4 * kTileRows) ahead = nullptr;
      if (rows - row > kTileRows) {
        AddPart<2>(x, tile_row_bytes, scratch.part, steps, i == 0, ahead, scratch.sums[row]);
      } else {
        AddPart<1>(x, tile_row_bytes, scratch.part, steps, i == 0, ahead, scratch.sums[row]);
      }
    }
  }
}

FINTAG_INLINE void FinishPanel(const PackedProduct& product, const FloatTileScratch& scratch, int64_t row, int64_t rows,
                               int64_t panel) {
  F bias[kPanelVectors];
  for (int64_t v = 0; v < kPanelVectors; ++v) bias[v] = Load(product.bias + panel * kPanelColumns + v * kLanes);
  for (int64_t first = 0; first < rows; first += kTileRows) {
    const int64_t count = rows - first < kTileRows ? rows - first : kTileRows;
    F sums[kTileRows][kPanelVectors];
    for (int64_t r = 0; r < count; ++r) {
      for (int64_t v = 0; v < kPanelVectors; ++v) sums[r][v] = Load(scratch.sums[first + r] + v * kLanes) + bias[v];
    }
    Finish(product, row + first, count, panel, sums);
  }
}

FINTAG_INLINE void CopySums(const float* from, int64_t from_stride, int64_t rows, float* to, int64_t to_stride) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t v = 0; v < kPanelVectors; ++v) {
      Store(to + r * to_stride + v * kLanes, Load(from + r * from_stride + v * kLanes));
    }
  }
}

void FloatTileProduct(const PackedProduct& product, int64_t begin, int64_t end, int64_t first, int64_t last) {
  auto& scratch = *static_cast<FloatTileScratch*>(product.scratch);
  const auto* x = reinterpret_cast<const float*>(product.x);
  const int64_t inputs = product.groups;
  const TileScope tiles;
  for (int64_t row = begin; row < end; row += kMostRows) {
    const int64_t rows = end - row < kMostRows ? end - row : kMostRows;
    for (int64_t from = 0; from < inputs; from += kMostInputs) {
      const int64_t to = inputs - from < kMostInputs ? inputs : from + kMostInputs;
      SliceRows(x + row * inputs + from, inputs, rows, to - from, scratch.rows);
      for (int64_t panel = first; panel < last; ++panel) {
        const bool whole = (panel + 1) * kPanelColumns <= product.columns;
        float* kept = whole ? product.y + row * product.columns + panel * kPanelColumns : scratch.kept[0];
        const int64_t stride = whole ? product.columns : kPanelColumns;
        if (from > 0) CopySums(kept, stride, rows, scratch.sums[0], kPanelColumns);
        AddInputs(product, scratch, rows, panel, from, to);
        if (to < inputs) {
          CopySums(scratch.sums[0], kPanelColumns, rows, kept, stride);
        } else {
          FinishPanel(product, scratch, row, rows, panel);
        }
      }
    }
  }
}
