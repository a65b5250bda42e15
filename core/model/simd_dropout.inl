// Dropout's random bits (dropout.h): a key for the row, then bits for each of its columns. Included once a processor
// level, after simd_vector.inl.

FINTAG_INLINE uint32_t Mix(uint32_t x) {
  x ^= x >> 16;
  x *= 0x7feb352du;
  x ^= x >> 15;
  x *= 0x846ca68bu;
  x ^= x >> 16;
  return x;
}

FINTAG_INLINE uint32_t DropoutRow(const DropoutBits& dropout, uint32_t row) {
  return Mix(Mix(row ^ dropout.k0) + dropout.k1);
}

// 0 where dropped, else the scale, for `kLanes` columns from `column` on.
FINTAG_INLINE F DropoutFactors(const DropoutBits& dropout, uint32_t row_key, int64_t column) {
  U x = (reinterpret_cast<U>(LaneIndex()) + static_cast<uint32_t>(column)) * 0x9e3779b1u + row_key;
  x ^= x >> 16;
  x *= 0x7feb352du;
  x ^= x >> 15;
  x *= 0x846ca68bu;
  x ^= x >> 16;
  return x < Broadcast(dropout.threshold) ? F{} : Broadcast(dropout.scale);
}
