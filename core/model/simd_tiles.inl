// Products with packed weights in AMX tiles: two by two tiles of 16 by 16 sums. Included once a precision, after
// simd_product.inl, with MultiplyTiles(sums, inputs, weights) defined as a macro of tile numbers.

constexpr int64_t kTileRows = 16;
constexpr int64_t kTileGroups = 16;  // of a row of inputs: 64 bytes

// Up to kRowTiles * 16 rows of one panel of 32 columns.
template <int64_t kRowTiles>
FINTAG_INLINE void TilesOfPanel(const PackedProduct& product, int64_t row, int64_t rows, int64_t panel) {
  const int64_t groups = product.groups;
  const int64_t row_bytes = groups * static_cast<int64_t>(sizeof(int32_t));
  const int32_t* x = product.x + row * groups;
  const int32_t* weight = product.weight + panel * groups * kPanelColumns;
  constexpr int64_t kPanelBytes = kPanelColumns * sizeof(int32_t);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int64_t g = 0; g < groups; g += kTileGroups) {
    _tile_loadd(4, x + g, row_bytes);
    _tile_loadd(6, weight + g * kPanelColumns, kPanelBytes);
    _tile_loadd(7, weight + g * kPanelColumns + kLanes, kPanelBytes);
    MultiplyTiles(0, 4, 6);
    MultiplyTiles(1, 4, 7);
    if (kRowTiles > 1) {
      _tile_loadd(5, x + kTileRows * groups + g, row_bytes);
      MultiplyTiles(2, 5, 6);
      MultiplyTiles(3, 5, 7);
    }
  }
  alignas(64) Sums sums[kRowTiles * kTileRows][kPanelVectors];
  _tile_stored(0, &sums[0][0], kPanelBytes);
  _tile_stored(1, &sums[0][1], kPanelBytes);
  if (kRowTiles > 1) {
    _tile_stored(2, &sums[kTileRows][0], kPanelBytes);
    _tile_stored(3, &sums[kTileRows][1], kPanelBytes);
  }
  Sums start[kPanelVectors];
  for (int64_t v = 0; v < kPanelVectors; ++v) Start(product, panel * kPanelColumns + v * kLanes, start[v]);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t v = 0; v < kPanelVectors; ++v) sums[r][v] += start[v];
  }
  Finish(product, row, rows, panel, sums);
}

void TileProduct(const PackedProduct& product, int64_t begin, int64_t end, int64_t first, int64_t last) {
  // So many weights (1 MB at most) stay in the second-level cache while the rows pass by, 32 rows in the first-level
  // one while the weights stream past them.
  constexpr int64_t kWeightGroups = int64_t{256} * 1024;
  const int64_t panel_groups = product.groups * kPanelColumns;
  const int64_t panels_at_once = panel_groups > kWeightGroups ? 1 : kWeightGroups / panel_groups;
  const TileScope tiles;
  for (int64_t block = first; block < last; block += panels_at_once) {
    const int64_t block_end = block + panels_at_once < last ? block + panels_at_once : last;
    for (int64_t row = begin; row < end; row += 2 * kTileRows) {
      const int64_t rows = end - row < 2 * kTileRows ? end - row : 2 * kTileRows;
      for (int64_t panel = block; panel < block_end; ++panel) {
        if (rows > kTileRows) {
          TilesOfPanel<2>(product, row, rows, panel);
        } else {
          TilesOfPanel<1>(product, row, rows, panel);
        }
      }
    }
  }
}
