// Inputs of a product to the groups that it takes. Included once for each precision of a processor level that has
// Element, an input's type, and Round(F, Element*) which writes a vector of them; kScaled where rows have scales.

void Convert(const float* x, int64_t columns, int64_t begin, int64_t end, int64_t groups, int32_t* to, float* scale) {
  constexpr int64_t kGroupInputs = sizeof(int32_t) / sizeof(Element);
  for (int64_t row = begin; row < end; ++row) {
    const float* from = x + row * columns;
    int32_t* row_groups = to + row * groups;
    float inverse = 1;
    if (kScaled) {
      F largest = {};
      for (int64_t c = 0; c < columns; c += kLanes) {
        const F value = Load(from + c, Lanes(columns - c));
        largest = Maximum(largest, Maximum(value, -value));
      }
      const float magnitude = Maximum(largest);
      scale[row] = magnitude / 127.0f;
      inverse = magnitude > 0 ? 127.0f / magnitude : 0.0f;
    }
    Element* elements = reinterpret_cast<Element*>(row_groups);
    int64_t c = 0;
    for (; c + kLanes <= columns; c += kLanes) Round(Load(from + c) * inverse, elements + c);
    for (; c < groups * kGroupInputs; c += kLanes) {
      Element last[kLanes];
      Round(c < columns ? Load(from + c, columns - c) * inverse : F{}, last);
      const int64_t left = groups * kGroupInputs - c;
      __builtin_memcpy(elements + c, last, static_cast<size_t>(left < kLanes ? left : kLanes) * sizeof(Element));
    }
  }
}
