// How a product of matrices is shared out among threads.
#pragma once

#include <cstdint>
#include <functional>

#include "core/model/product_kernels.h"

namespace fintag {

inline int64_t RoundUp(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }
inline int64_t Panels(const ProductKernels& kernels, int64_t columns) {
  return RoundUp(columns, kernels.panel_columns) / kernels.panel_columns;
}
// Of a row of `inputs` numbers.
inline int64_t Groups(const ProductKernels& kernels, int64_t inputs) {
  return RoundUp(RoundUp(inputs, kernels.group_inputs) / kernels.group_inputs, kernels.group_multiple);
}

struct ProductPart {
  int64_t row, row_end;
  int64_t panel, panel_end;
  bool first;  // no part before this one has read the weights
};

// Computes one part, with scratch memory of this thread.
void MultiplyPart(const ProductKernels& kernels, const PackedProduct& product, const ProductPart& part);

// Parts that cover the result, [rows, columns]: many rows are cut into equal parts, several for each thread; a few rows
// by columns.
class ProductParts {
 public:
  ProductParts(const ProductKernels& kernels, int64_t rows, int64_t columns);

  // True where each part has whole rows, which no other has.
  bool whole_rows() const { return column_parts_ == 1; }
  void Run(const std::function<void(const ProductPart& part)>& run) const;  // from all threads

 private:
  int64_t rows_, row_multiple_, panels_, threads_;
  int64_t row_parts_, column_parts_;
};

}  // namespace fintag
